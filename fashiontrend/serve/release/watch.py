"""Follows the current release: a new one is loaded beside the old one, and replaces it once it works."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from fashiontrend.errors import FashiontrendError, StoreError

log = logging.getLogger(__name__)
K = TypeVar("K")
T = TypeVar("T")


class Watch(Generic[K, T]):
    """Keeps `current` at the value for the newest key; a return to an earlier key is a change too.

    Attributes:
        key: identifies what is served, such as a release id.
        current: what is served.
        refused: the newest key if its value failed to load, and why.
    """

    def __init__(self, find: Callable[[], K], load: Callable[[K], T]) -> None:
        """Load the first value.

        Args:
            find: returns the key of what should be served; it must be cheap.
            load: loads and tests the value of a key; it may take long, and must not reuse parts of
                the previous value.

        Raises:
            FashiontrendError: there is no value, or it does not work.
        """
        self._find, self._load = find, load
        self._lock = threading.Lock()
        self.key = find()
        self.current = load(self.key)
        self.refused: tuple[K, str] | None = None

    def check(self) -> bool:
        """Look for a new key once; return True if something else is served now.

        A key whose value fails to load is not tried again until another key was found, unless the
        store was the cause.
        """
        with self._lock:
            try:
                key = self._find()
                if key == self.key:
                    self.refused = None
                    return False
                if self.refused and self.refused[0] == key:
                    return False
                fresh = self._load(key)
            except StoreError as error:
                log.warning("the store is not available; %s is still served: %s", self.key, error)
                return False
            except FashiontrendError as error:
                self.refused = (key, str(error))
                log.error("%s was refused; %s is still served: %s", key, self.key, error)
                return False
            log.info("%s replaces %s", key, self.key)
            self.key, self.current, self.refused = key, fresh, None
            return True

    async def follow(self, every_s: float) -> None:
        """Check every `every_s` seconds, in a thread, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await asyncio.to_thread(self.check)
            except Exception:  # whatever it is, the previous value stays in service
                log.exception("the check for a new release failed; %s is still served", self.key)
