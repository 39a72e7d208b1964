"""What Ray Data reads is compared too: footers before it starts, pages where they are read."""

from pathlib import Path

import pyarrow as pa
import pytest

from fashiontrend.errors import DataError
from fashiontrend.storage.object_store import open_store
from ray_jobs.runtime import read_parquet

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("default"),  # what Ray and its dependencies deprecate is theirs
]


@pytest.mark.usefixtures("local_ray")
def test_whole_files_are_read_and_a_changed_one_is_refused(store):
    rows = pa.table({"id": list(range(3_000)), "x": [n / 7 for n in range(3_000)]})
    key = store.commit_tables("catalogue/day=1/platform=a", {"rows": rows}, {}).files[0]
    assert read_parquet(open_store(store.config), [key], ["id"]).count() == 3_000
    path = Path(store.path(key))
    data = path.read_bytes()
    footer = bytearray(data)
    footer[-20] ^= 1
    path.write_bytes(footer)
    with pytest.raises(DataError, match=key):
        read_parquet(open_store(store.config), [key], ["id"])
    page = bytearray(data)
    page[200] ^= 1
    path.write_bytes(page)
    with pytest.raises(Exception, match=r"CRC|corrupt|integrity|Corrupt|ZSTD"):
        read_parquet(open_store(store.config), [key], ["id"]).materialize()
