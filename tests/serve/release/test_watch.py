"""A new release is loaded beside the old one and swapped in when it works."""

import pytest

from fashiontrend.config import ServeConfig
from fashiontrend.errors import DataError, StoreError
from fashiontrend.serve.recognition import served_model
from fashiontrend.serve.release.watch import Watch
from fashiontrend.storage import releases
from tests.serve.conftest import publish, save_recogniser


class Releases:
    """A pointer, and what loading does."""

    def __init__(self) -> None:
        self.named, self.loaded = "one", []
        self.broken: dict[str, Exception] = {}

    def load(self, name: str) -> str:
        self.loaded.append(name)
        if name in self.broken:
            raise self.broken[name]
        return name.upper()

    def watch(self) -> Watch[str, str]:
        return Watch(lambda: self.named, self.load)


def test_nothing_is_loaded_while_nothing_changes_and_a_rollback_is_a_change():
    fake = Releases()
    watch = fake.watch()
    assert not watch.check()
    for name in ("two", "one"):
        fake.named = name
        assert watch.check()
        assert watch.current == name.upper()
    assert fake.loaded == ["one", "two", "one"]


def test_a_release_that_fails_is_reported_not_tried_again_and_the_old_one_stays():
    fake = Releases()
    watch = fake.watch()
    fake.named, fake.broken = "bad", {"bad": DataError("its self-test")}
    assert not watch.check()
    assert not watch.check()
    assert (watch.current, watch.refused) == ("ONE", ("bad", "its self-test"))
    assert fake.loaded == ["one", "bad"]
    fake.named = "three"
    assert watch.check()
    assert watch.refused is None


def test_a_release_is_tried_again_if_the_store_was_not_available():
    fake = Releases()
    watch = fake.watch()
    fake.named, fake.broken = "two", {"two": StoreError("timeout")}
    assert not watch.check()
    fake.broken = {}
    assert watch.check()
    assert watch.current == "TWO"


def test_the_first_one_must_work():
    fake = Releases()
    fake.broken = {"one": DataError("damaged")}
    with pytest.raises(DataError):
        fake.watch()


def test_a_damaged_model_never_replaces_a_good_one(store, tmp_path):
    save_recogniser(store, tmp_path / "a1", "a1")
    save_recogniser(store, tmp_path / "a2", "a2", seed=1)
    publish(store, "r1")
    cfg = ServeConfig()
    watch = Watch(
        lambda: served_model.current_release(store),
        lambda r: served_model.load(store, r, cfg),
    )
    key = "models/attrnet/a2/model.safetensors"
    good = store.read(key)
    store.write(key, good[:-4] + b"\0\0\0\1")
    publish(store, "r2", "a2")
    assert not watch.check()
    assert watch.current.release_id == "r1"
    assert "SHA-256" in watch.refused[1]
    releases.rollback(store, "r1")
    assert not watch.check()
    store.write(key, good)
    releases.rollback(store, "r2")
    assert watch.check()
    assert watch.current.version == "a2"


def test_a_replica_waits_for_the_first_release_and_for_the_store(store, monkeypatch):
    """Ray Serve would give it up for good after three constructors that failed."""
    answers = iter([None, StoreError("no answer"), "a release"])

    def current(_):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(releases, "current", current)
    pauses = []
    served_model.await_release(store, pauses.append)
    assert pauses == [served_model.RELEASE_PAUSE_S] * 2
