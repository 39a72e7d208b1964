import torch

from fashiontrend.attrnet.batches import Batch


def test_a_batch_moves_as_a_whole(draw_batch):
    moved = draw_batch(2, 0).to("meta")
    assert isinstance(moved, Batch)
    assert all(t.device == torch.device("meta") for t in moved[:4])
