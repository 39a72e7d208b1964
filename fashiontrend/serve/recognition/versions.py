"""The recognisers that a replica serves: the current one, and earlier ones that callers choose."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from fashiontrend.errors import DataError
from fashiontrend.serve.recognition.served_model import ServedModel
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.storage import releases
from fashiontrend.storage.object_store import Store


def find_release(store: Store, version: str) -> str:
    """Return the id of the newest release whose recogniser has this version.

    Raises:
        DataError: no release has it.
    """
    for release_id in reversed(releases.releases(store)):
        if releases.load(store, release_id).attrnet == version:
            return release_id
    raise DataError(
        f"No release has the recogniser {version!r}. `fashiontrend releases` lists all releases."
    )


class Versions:
    """The current model and the versions that callers chose last; it belongs to one event loop."""

    def __init__(
        self,
        current: Callable[[], ServedModel],
        load: Callable[[str], ServedModel],
        max_models: int,
    ) -> None:
        """Set up; no further model is loaded yet.

        Args:
            current: gives the model for requests that name no version.
            load: loads and tests a version, in a thread; it raises DataError for an unknown one.
            max_models: highest number of models in memory, the current one included; with 1 callers
                cannot choose another version.
        """
        self._current, self._load, self._max_models = current, load, max_models
        self._kept: OrderedDict[str, ServedModel] = OrderedDict()
        self._loading: dict[str, asyncio.Task[ServedModel]] = {}
        self._one = asyncio.Lock()

    async def get(self, version: str | None = None) -> ServedModel:
        """Return the model of a version, by default the current one; load it if necessary.

        Raises:
            Problem: 404 if no release has the version, or if only the current one is served.
            StoreError: the store cannot be reached.
        """
        current = self._current()
        if version is None or version == current.version:
            return current
        if self._max_models < 2:
            raise _unknown(version, current)
        if version in self._kept:
            self._kept.move_to_end(version)
            return self._kept[version]
        if version not in self._loading:
            self._loading[version] = asyncio.create_task(self._fetch(version))
        try:
            return await asyncio.shield(
                self._loading[version]
            )  # other requests may wait for it too
        except DataError:
            raise _unknown(version, current) from None

    async def _fetch(self, version: str) -> ServedModel:
        try:
            async with self._one:
                model = await asyncio.to_thread(self._load, version)
            self._kept[version] = model
            while len(self._kept) > self._max_models - 1:
                self._kept.popitem(last=False)
            return model
        finally:
            del self._loading[version]


def _unknown(version: str, current: ServedModel) -> Problem:
    detail = (
        f"The server has no recogniser of version {version[:60]!r}. The current version is "
        f"{current.version!r}."
    )
    return Problem(404, "not_found", detail)
