"""Bars over trainings that run on the cluster: the driver watches which checkpoints have arrived."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fashiontrend import console
from fashiontrend.errors import StoreError
from fashiontrend.storage.object_store import Store

EPOCH = re.compile(r"/epoch-(\d+)/")


@contextmanager
def watch_epochs(store: Store, prefix: str, text: str, epochs: int) -> Iterator[None]:
    """Show a bar of finished epochs until the body ends."""
    ended = threading.Event()

    def watch(advance: console.Advance) -> None:
        seen = 0
        while not ended.wait(2.0):
            try:
                found = [
                    int(m[1]) + 1 for k in store.keys(f"{prefix}/") if (m := EPOCH.search(f"/{k}"))
                ]
            except StoreError:
                continue  # a bar must not end a training
            newest = max(found, default=0)
            if newest > seen:
                advance(newest - seen, "")
                seen = newest

    with console.bar(text, epochs) as advance:
        thread = threading.Thread(target=watch, args=(advance,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
