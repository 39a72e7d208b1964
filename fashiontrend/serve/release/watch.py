"""Follows what is served: a new one is loaded beside the old one, and swapped in once it works."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from fashiontrend.errors import FashiontrendError, StoreError

log = logging.getLogger(__name__)
M = TypeVar("M")
T = TypeVar("T")


class Watch(Generic[M, T]):
    """Keeps `current` at what `find` names; going back to an earlier name is a change like any other."""

    def __init__(self, find: Callable[[], M], load: Callable[[M], T]) -> None:
        """Load the first one.

        Args:
            find: what should be served now; cheap.
            load: makes it ready and tests it; may take long. It may reuse nothing of the old one.

        Raises:
            FashiontrendError: there is none, or it does not work.
        """
        self._find, self._load = find, load
        self._lock = threading.Lock()
        self.mark = find()
        self.current = load(self.mark)
        self.refused: tuple[M, str] | None = None

    def check(self) -> bool:
        """Look once; True if something else is served now.

        A name whose load fails is not tried again until another is named, or the store was the cause.
        """
        with self._lock:
            try:
                mark = self._find()
                if mark == self.mark:
                    self.refused = None
                    return False
                if self.refused and self.refused[0] == mark:
                    return False
                fresh = self._load(mark)
            except StoreError as error:
                log.warning("the store does not answer; %s stays: %s", self.mark, error)
                return False
            except FashiontrendError as error:
                self.refused = (mark, str(error))
                log.error("%s was refused and %s stays: %s", mark, self.mark, error)
                return False
            log.info("%s follows %s", mark, self.mark)
            self.mark, self.current, self.refused = mark, fresh, None
            return True

    async def follow(self, every_s: float) -> None:
        """Check again and again, in a thread, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await asyncio.to_thread(self.check)
            except Exception:  # whatever it is, the old one goes on answering
                log.exception("looking for a new release failed; %s stays", self.mark)
