"""Several recognisers in a replica: chosen by version, loaded once, the last few kept."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from fashiontrend.config import ServeConfig
from fashiontrend.errors import DataError, StoreError
from fashiontrend.serve.recognition.versions import Versions
from fashiontrend.serve.schemas.problems import Problem
from tests.serve.conftest import Server, draw, publish, save_forecaster, save_recogniser


class Releases:
    """Says what it loaded; versions of one letter exist."""

    def __init__(self, most: int) -> None:
        self.loaded: list[str] = []
        self.down = False
        self.versions = Versions(lambda: SimpleNamespace(version="now"), self.load, most)

    def load(self, version: str):
        self.loaded.append(version)
        if self.down:
            raise StoreError("down")
        if len(version) > 1:
            raise DataError("none has it")
        return SimpleNamespace(version=version)

    async def get(self, *versions):
        return [(await self.versions.get(v)).version for v in versions]


def test_no_version_is_the_current_one_and_a_named_one_is_loaded_once():
    fake = Releases(most=2)
    assert asyncio.run(fake.get(None, "now", "a", "a")) == ["now", "now", "a", "a"]
    assert fake.loaded == ["a"]


def test_requests_at_the_same_time_wait_for_one_loading():
    fake = Releases(most=2)

    async def run():
        return await asyncio.gather(*(fake.get("a") for _ in range(5)))

    assert asyncio.run(run()) == [["a"]] * 5
    assert fake.loaded == ["a"]


def test_the_version_that_was_used_longest_ago_is_dropped():
    fake = Releases(most=3)
    asyncio.run(fake.get("a", "b", "a", "c", "a", "b"))
    assert fake.loaded == ["a", "b", "c", "b"]


def test_an_unknown_version_drops_none_and_is_not_found():
    fake = Releases(most=2)

    async def run() -> None:
        await fake.get("a")
        with pytest.raises(Problem, match="no recogniser of version") as refused:
            await fake.get("unknown")
        assert refused.value.status == 404
        await fake.get("a")

    asyncio.run(run())
    assert fake.loaded == ["a", "unknown"]


def test_if_one_model_is_allowed_only_the_current_one_is_served():
    fake = Releases(most=1)
    with pytest.raises(Problem):
        asyncio.run(fake.get("a"))
    assert fake.loaded == []


def test_a_version_is_tried_again_if_the_store_was_not_available():
    fake = Releases(most=2)

    async def run() -> list[str]:
        fake.down = True
        with pytest.raises(StoreError):
            await fake.get("a")
        fake.down = False
        return await fake.get("a")

    assert asyncio.run(run()) == ["a"]


def test_a_caller_names_a_released_version_and_gets_its_results(store, tmp_path):
    for name, seed in (("a1", 0), ("a2", 1)):
        save_recogniser(store, tmp_path / name, name, seed)
    save_forecaster(store, "f1")
    publish(store, "r1", "a1")
    publish(store, "r2", "a2")
    serve = Server(store, ServeConfig(batch_wait_s=0.0, max_models=2))

    def version(**asked) -> str:
        files = [("image", ("a", draw()))]
        data = {"request": json.dumps(asked)}
        return serve("POST", "/v1/recognise", files=files, data=data).json()["model"]["version"]

    assert (version(), version(model="a1"), version(model="a2")) == ("a2", "a1", "a2")
    told = serve("GET", "/v1/recognise/v2/models/attrnet/versions/a1").json()
    assert told["versions"] == ["a1"]
    assert serve("GET", "/v1/recognise/v2/models/attrnet/versions/a9").status_code == 404
