import numpy as np
import pyarrow as pa
import pytest
import torch

from fashiontrend.attrnet.training import dataset
from fashiontrend.errors import DataError, PictureError
from fashiontrend.storage import schemas


@pytest.fixture
def table(draw_rows, encode) -> pa.Table:
    rows = draw_rows(3, 0)
    return pa.Table.from_pylist(
        [
            {
                "picture_id": f"p{n}", "product_key": "s/1", "split": "train", "annotated": n == 1,
                "labels": labels, "confidences": trust, "box": box, "repeat": repeat,
                "image": encode(rows["image"][n]),
            }
            for n, (labels, trust, box, repeat) in enumerate([
                ([0, -1], [0.8, 0.0], None, 2),
                ([1, 2], [0.3, 0.3], [0.1, 0.2, 0.3, 0.4], 1),
                ([-1, -1], [0.0, 0.7], [], 3),
            ])
        ],
        schema=schemas.EXAMPLE,
    )  # fmt: skip


def as_ray_passes_it(table: pa.Table) -> dict[str, np.ndarray]:
    """Object arrays, read-only, and with arrays inside."""
    columns = {}
    for name in table.column_names:
        values = [np.array(v) if isinstance(v, list) else v for v in table[name].to_pylist()]
        columns[name] = np.empty(len(values), object)
        columns[name][:] = values
        columns[name].flags.writeable = False
    return columns


@pytest.mark.parametrize("shape", [lambda t: t, as_ray_passes_it], ids=["table", "arrays"])
def test_rows_become_arrays_and_repeat(table, shape, draw_rows, cfg):
    rows = dataset.decode_rows(shape(table), cfg)
    assert rows["image"].shape == (6, 3, 32, 32)
    assert np.array_equal(rows["image"][2], draw_rows(3, 0)["image"][1])
    assert rows["labels"].tolist() == [[0, -1], [0, -1], [1, 2], [-1, -1], [-1, -1], [-1, -1]]
    assert rows["weights"][[0, 2, 3]] == pytest.approx(np.array([[0.8, 0], [1, 1], [0, 0]]))
    assert np.isnan(rows["box"][[0, 1, 3, 4, 5]]).all()
    assert rows["box"][2] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert {k: v.dtype.name for k, v in rows.items()} == {
        "image": "uint8", "labels": "int64", "weights": "float32", "box": "float32",
        "names": "object",
    }  # fmt: skip


def test_no_rows_are_no_pictures(table, cfg):
    rows = dataset.decode_rows(table.slice(0, 0), cfg)
    assert rows["image"].shape == (0, 3, 32, 32)
    assert rows["box"].shape == (0, 4)
    with pytest.raises(DataError, match="no training picture"):
        dataset.channel_mean(rows["image"])


def test_a_broken_training_picture_is_named(table, cfg):
    broken = table.set_column(8, "image", pa.array([b"x"] * 3))
    with pytest.raises(PictureError, match="training picture p0"):
        dataset.decode_rows(broken, cfg)


def test_read_only_arrays_become_tensors_without_a_warning(draw_rows):
    rows = draw_rows(2, 0)
    for array in rows.values():
        array.flags.writeable = False
    batch = dataset.to_batch(rows)
    assert batch.image.dtype == torch.uint8
    assert batch.labels.dtype == torch.int64
    assert dataset.to_batch(batch._asdict()).image is batch.image


def test_an_epoch_shows_every_picture_once_in_seeded_order(draw_rows):
    rows = draw_rows(10, 0)
    rows["labels"][:, 0] = range(10)

    def order(seed, **options):
        found = dataset.epoch_batches(rows, 4, np.random.default_rng(seed), **options)
        return [b.labels[:, 0].tolist() for b in found]

    assert [len(b) for b in order(0)] == [4, 4]
    assert sorted(n for b in order(0, drop_last=False) for n in b) == list(range(10))
    assert order(0) == order(0) != order(1)


def test_an_epoch_may_pass_over_chosen_pictures_only(draw_rows):
    rows = draw_rows(10, 0)
    rows["labels"][:, 0] = range(10)
    chosen = np.array([1, 4, 7])
    found = dataset.epoch_batches(rows, 2, np.random.default_rng(0), drop_last=False, chosen=chosen)
    assert sorted(n for b in found for n in b.labels[:, 0].tolist()) == [1, 4, 7]


@pytest.mark.parametrize(
    ("count", "drop_last", "batches"),
    [(0, True, 0), (3, True, 1), (4, True, 1), (9, True, 2), (9, False, 3)],
)
def test_batches_are_counted_as_they_are_made(draw_rows, count, drop_last, batches):
    rows = draw_rows(count, 0) if count else {k: v[:0] for k, v in draw_rows(1, 0).items()}
    made = list(dataset.epoch_batches(rows, 4, np.random.default_rng(0), drop_last=drop_last))
    assert len(made) == dataset.count_batches(count, 4, drop_last=drop_last) == batches


def test_the_channel_mean_is_per_channel():
    image = np.stack([np.full((2, 4, 4), v, np.uint8) for v in (10, 20, 60)], axis=1)
    assert dataset.channel_mean(image) == (10.0, 20.0, 60.0)


def test_labels_are_counted_with_not_visible_last():
    counts = dataset.count_labels(np.array([[0, -1], [2, 1], [2, -1]]), (2, 1))
    assert [c.tolist() for c in counts] == [[1, 0, 2], [0, 1]]


def test_plain_shots_are_kept_as_they_are_and_others_left_out(table, encode, cfg):
    """The garment in its own pixels: of its own size, nothing is resampled."""
    shot = np.full((3, 24, 18), 250, np.uint8)
    rng = np.random.default_rng(0)
    shot[:, 6:20, 4:15] = rng.integers(0, 200, (3, 14, 11))
    noise = rng.integers(0, 256, (3, 24, 18)).astype(np.uint8)
    pictures = [encode(shot), encode(noise), encode(noise)]
    rows = dataset.decode_rows(
        table.set_column(table.column_names.index("image"), "image", pa.array(pictures)),
        cfg.model_copy(update={"plain_share": 0.5, "plain_size": (24, 18)}),
    )
    assert rows["plain"].dtype == np.uint8
    assert rows["plain"].shape == (6, 3, 24, 18)
    assert np.array_equal(rows["plain"][:2], [shot, shot])
    assert not rows["plain"][2:].any()
    batch = dataset.to_batch(rows)
    assert np.array_equal(batch.plain, rows["plain"])
    assert dataset.to_batch(batch._asdict()).plain is batch.plain
