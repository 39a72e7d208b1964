"""Keep the pages of a crawl as the shop sent them, compressed, for some days.

What a reader does not read today cannot be fetched tomorrow: the shop then shows another page.
"""

import uuid
from datetime import date, timedelta

import pyarrow as pa

from fashiontrend.errors import Conflict
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store

PAGE_SCHEMA = pa.schema(
    [("url", pa.string()), ("content_type", pa.string()), ("body", pa.binary())]
)
#: So many bytes of pages are gathered before they are written, zstd-compressed, as one file.
SHARD_BYTES = 8 << 20


class PageArchive:
    """The pages of one platform's crawl of a day, `raw/pages/day=/platform=` in the store."""

    def __init__(self, store: Store, platform: str, day: date) -> None:
        self.store, self.platform, self.day = store, platform, day
        self.partition = layout.raw_pages(day, platform)
        self.files: list[str] = []
        self._rows: list[dict[str, object]] = []
        self._bytes = self._pages = 0

    def add(self, url: str, content_type: str, body: bytes) -> None:
        """Keep a page; it is written with others.

        Raises:
            StoreError: the store failed.
        """
        self._rows.append({"url": url, "content_type": content_type, "body": body})
        self._bytes += len(body)
        self._pages += 1
        if self._bytes >= SHARD_BYTES:
            self._write()

    def commit(self) -> None:
        """Write what is left and commit the day, unless another crawl was first.

        Raises:
            StoreError: the store failed.
        """
        self._write()
        if not self.files:
            return
        try:
            self.store.commit(self.partition, self.files, {"pages": self._pages})
        except Conflict:  # pages of an earlier attempt are as good
            return

    def remove_before(self, keep_days: int) -> None:
        """Remove this platform's pages of the days before the last `keep_days`.

        Raises:
            StoreError: the store failed.
        """
        first = self.day - timedelta(days=keep_days - 1)
        kept = {key.rpartition("/")[0] for key in self.store.keys(layout.RAW_PAGES)}
        for partition in kept:
            name, _, platform = partition.removeprefix(f"{layout.RAW_PAGES}day=").partition("/")
            if platform == f"platform={self.platform}" and date.fromisoformat(name) < first:
                self.store.delete_folder(partition)

    def _write(self) -> None:
        if not self._rows:
            return
        key = f"{self.partition}/pages-{len(self.files):05}-{uuid.uuid4().hex[:8]}.parquet"
        self.store.write_table(key, pa.Table.from_pylist(self._rows, PAGE_SCHEMA))
        self.files.append(key)
        self._rows, self._bytes = [], 0
