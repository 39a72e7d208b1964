"""The stand-in device refuses what a GPU refuses, or the tests that rest on it would show nothing."""

import pytest
import torch

from tests.stand_in_device import DEVICE, StandInDevice


@pytest.fixture(autouse=True)
def device():
    with StandInDevice():
        yield


def test_what_is_made_there_or_moved_there_is_there():
    made = (
        torch.zeros(2, device=DEVICE), torch.tensor([1.0], device=DEVICE), torch.ones(2).to(DEVICE),
        torch.nn.Linear(2, 2).to(DEVICE).weight,
    )  # fmt: skip
    assert {str(t.device) for t in made} == {DEVICE}
    assert {str((t * 2 + t).device) for t in made} == {DEVICE}


def test_a_tensor_of_the_cpu_is_refused_beside_one_of_the_device():
    with pytest.raises(RuntimeError, match="on the CPU at once"):
        torch.zeros(2, device=DEVICE) + torch.zeros(2)
    with pytest.raises(RuntimeError, match="on the CPU at once"):
        torch.nn.Linear(2, 2)(torch.zeros(1, 2, device=DEVICE))


def test_numbers_are_read_out_through_the_cpu_only():
    there = torch.tensor([1.0, 2.0], device=DEVICE)
    with pytest.raises(TypeError, match="cpu"):
        there.numpy()
    assert there.cpu().numpy().tolist() == [1.0, 2.0]
    assert str(there.cpu().device) == "cpu"


def test_a_single_number_of_the_cpu_and_indices_may_stand_beside_it():
    there = torch.tensor([1.0, 2.0], device=DEVICE)
    assert (there * torch.tensor(2.0)).cpu().tolist() == [2.0, 4.0]
    assert there[torch.tensor([1])].cpu().tolist() == [2.0]


def test_gradients_of_weights_are_where_the_weights_are():
    net = torch.nn.Conv2d(1, 2, 3).to(DEVICE)
    net(torch.ones(1, 1, 4, 4, device=DEVICE)).sum().backward()
    assert {str(p.grad.device) for p in net.parameters()} == {DEVICE}
