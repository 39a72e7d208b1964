import torch

from fashiontrend.attrnet.training.batches import Batch


def test_a_batch_moves_as_a_whole(draw_batch):
    batch = draw_batch(2, 0)
    moved = batch._replace(title_words=torch.zeros(2, 3), plain=batch.image).to("meta")
    assert isinstance(moved, Batch)
    assert all(t.device == torch.device("meta") for t in (*moved[:5], moved.plain))
