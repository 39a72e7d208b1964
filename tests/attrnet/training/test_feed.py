"""The way of a training picture from a compressed row to a batch."""

import itertools
from collections import Counter

import numpy as np
import pytest

from bench.examples import labelled
from fashiontrend import taxonomy
from fashiontrend.attrnet.training import dataset, feed
from fashiontrend.config import AttrNetConfig
from fashiontrend.demo import curves
from fashiontrend.errors import DataError, PictureError

CFG = AttrNetConfig(input_px=32)


@pytest.fixture(scope="module")
def examples():
    return labelled(12, curves.restrict(taxonomy.load()))


def with_repeats(examples, repeats):
    at = examples.column_names.index("repeat")
    return examples.set_column(at, examples.field("repeat"), [repeats])


def names(batches):
    return [name for batch in batches for name in batch.names]


def batches(examples, *, count, size=4, seed=0, keep_bytes=0, **options):
    """The first batches of a shard of two tables, as a list."""
    decoder = feed.PictureDecoder(CFG, keep_bytes)
    read = lambda: (examples.slice(0, 5), examples.slice(5))  # noqa: E731
    endless = feed.endless_batches(
        read, decoder, batch_size=size, rng=np.random.default_rng(seed), **options
    )
    return list(itertools.islice(endless, count))


def test_each_pass_holds_every_picture_as_often_as_it_repeats(examples):
    repeats = np.array([1, 3, *[1] * 10], np.int16)
    seen = names(batches(with_repeats(examples, repeats), count=7, size=2))
    assert Counter(seen) == {f"picture-{n}": int(r) for n, r in enumerate(repeats)}


def test_further_repeats_of_a_round_count_as_well(examples):
    factors = [2.0] * 40
    seen = names(batches(examples, count=6, more=(0, factors)))
    assert set(Counter(seen).values()) == {2}


def test_the_order_is_random_and_the_same_generator_gives_it_again(examples):
    first, again = (names(batches(examples, count=6)) for _ in range(2))
    assert first == again
    assert first[:12] != sorted(first[:12])
    assert first[:12] != first[12:], "the second pass has another order"
    assert first != names(batches(examples, count=6, seed=1))


@pytest.mark.parametrize("keep_bytes", [0, 1 << 30])
def test_a_batch_is_what_decode_rows_makes_of_its_pictures(examples, keep_bytes):
    for batch in batches(examples, count=6, keep_bytes=keep_bytes):
        rows = examples.take([int(name.removeprefix("picture-")) for name in batch.names])
        expected = dataset.to_batch(dataset.decode_rows(rows, CFG))
        assert batch.names == expected.names
        for part, other in zip(batch[:4], expected[:4], strict=True):
            assert np.array_equal(part.numpy(), other.numpy(), equal_nan=True)


def test_kept_pictures_are_decoded_once(examples, monkeypatch):
    decoded = []
    real = feed.decode_rows
    monkeypatch.setattr(
        feed, "decode_rows", lambda r, c: decoded.extend(r["picture_id"]) or real(r, c)
    )
    batches(examples, count=9, keep_bytes=1 << 30)
    assert sorted(decoded) == sorted(set(decoded))
    decoded.clear()
    batches(examples, count=9)
    assert len(decoded) >= 36


def test_the_kept_pictures_stay_within_their_bytes(examples):
    one = sum(a.nbytes for a in dataset.decode_rows(examples.slice(0, 1), CFG).values())
    decoder = feed.PictureDecoder(CFG, 3 * one)
    for _ in range(2):
        decoder.decode(examples.to_pylist())
    assert len(decoder._kept) == 3


def test_a_share_without_pictures_is_refused(examples):
    with pytest.raises(DataError, match=r"ray\.train_workers"):
        batches(examples.slice(0, 0), count=1)


def test_a_picture_that_does_not_decode_is_named(examples):
    rows = examples.to_pylist()
    rows[3]["image"] = b"no picture"
    broken = type(examples).from_pylist(rows, examples.schema)
    with pytest.raises(PictureError, match="picture-3"):
        batches(broken, count=6)


def test_a_small_buffer_still_yields_every_item_once():
    shuffled = list(feed.shuffle(range(50), 8, np.random.default_rng(0)))
    assert sorted(shuffled) == list(range(50))
    assert shuffled != list(range(50))
