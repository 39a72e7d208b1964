"""Recognisers side by side: the current one, and released ones that callers name by their version."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from fashiontrend.errors import DataError
from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.recognition.served_model import ServedModel
from fashiontrend.storage import releases
from fashiontrend.storage.object_store import Store


def find_release(store: Store, version: str) -> str:
    """The newest release whose recogniser has this version.

    Raises:
        DataError: none has.
    """
    for release_id in reversed(releases.releases(store)):
        if releases.load(store, release_id).attrnet == version:
            return release_id
    raise DataError(
        f"no release has the recogniser {version!r}. `fashiontrend releases` lists them."
    )


class Versions:
    """The current model and the last few that were named; belongs to one event loop."""

    def __init__(
        self, current: Callable[[], ServedModel], load: Callable[[str], ServedModel], most: int
    ) -> None:
        """Nothing is loaded yet.

        Args:
            current: what answers when no version is named.
            load: makes a version ready and tests it, in a thread; DataError if there is none.
            most: models of a replica, the current one included; 1 keeps to that.
        """
        self._current, self._load, self._most = current, load, most
        self._kept: OrderedDict[str, ServedModel] = OrderedDict()
        self._loading: dict[str, asyncio.Task[ServedModel]] = {}
        self._one = asyncio.Lock()

    async def get(self, version: str | None = None) -> ServedModel:
        """The model of a version; the first who asks waits for it to be loaded.

        Raises:
            Problem: 404; no release has it, or only the current one answers here.
            StoreError: the store cannot be reached.
        """
        current = self._current()
        if version is None or version == current.version:
            return current
        if self._most < 2:
            raise _unknown(version, current)
        if version in self._kept:
            self._kept.move_to_end(version)
            return self._kept[version]
        if version not in self._loading:
            self._loading[version] = asyncio.create_task(self._fetch(version))
        try:
            return await asyncio.shield(self._loading[version])  # others may wait for it too
        except DataError:
            raise _unknown(version, current) from None

    async def _fetch(self, version: str) -> ServedModel:
        try:
            async with self._one:
                model = await asyncio.to_thread(self._load, version)
            self._kept[version] = model
            while len(self._kept) > self._most - 1:
                self._kept.popitem(last=False)
            return model
        finally:
            del self._loading[version]


def _unknown(version: str, current: ServedModel) -> Problem:
    told = f"No recogniser of version {version[:60]!r} answers here; {current.version!r} does."
    return Problem(404, "not_found", told)
