"""AttrNet's training through Ray Train goes on after a worker was killed, and repeats one epoch.

Exact equality at the boundaries of epochs, in one process, is tested in tests/test_labelled.py and
tests/attrnet/test_checkpoint.py; what the kill costs in accuracy is measured by bench/resume.py.
"""

import pytest

from bench import drawn, resume

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("default"),  # what Ray and its dependencies deprecate is theirs
]

TRAIN, VAL, EPOCHS, KILLED = 192, 64, 4, "epoch-002"


@pytest.fixture
def context(local_ray, tmp_path):
    return drawn.fill(tmp_path, TRAIN, resume.CONFIG, unseen=VAL)


def test_a_killed_worker_costs_at_most_one_epoch(context, tmp_path):
    manifest, epochs = resume.train(context, TRAIN, EPOCHS, tmp_path / "killed", KILLED)
    assert (tmp_path / "killed.dead").exists()
    assert {name: n for name, n in epochs.items() if n > 1} == {KILLED: 2}
    assert len(epochs) == EPOCHS + 1  # and the artifact
    assert manifest.facts["report"]["pictures"] == VAL
