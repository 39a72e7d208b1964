"""The README's blocks, typed as they stand, in order, in an empty folder; "Serve" in `test_serve.py`.

Substituted is only what the README tells the reader to: the shops' names, files of one's own, and a
free port in place of 8000. `fit-attrnet` is not typed: its recipe takes minutes on the smallest set.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.demo import shops
from fashiontrend.demo.world import World
from fashiontrend.loop import Step
from fashiontrend.storage import ledger
from fashiontrend.storage.object_store import open_store
from tests.integration.desk import block, desk, type_in

__all__ = ["desk"]  # a fixture
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def address() -> Iterator[str]:
    """A shop that shows what it sells today, and nothing of other days."""
    today = datetime.now(tz=UTC).date()
    world = World(3, today, num_days=1, first_live=4, outage_offsets=())
    port = shops.find_ports(9041)
    with shops.serve(world, port):
        yield f"http://{shops.LOOPBACK}:{port}/day/{today}"


def name_the_shop(file: Path, address: str) -> None:
    text = file.read_text("utf-8").replace("https://shop.example", address)
    file.write_text(text.replace('contact_url: ""', "contact_url: http://127.0.0.1/"), "utf-8")


def write_weeks(file: Path) -> None:
    weeks = pd.date_range(date(2019, 1, 7), periods=156, freq=timedelta(weeks=1))
    wave = 2 + np.sin(2 * np.pi * np.arange(156) / 52)
    pd.DataFrame({"date": weeks, "skirts": wave, "coats": 4 - wave}).to_csv(file, index=False)


def test_use_it_on_your_shops(desk, address):
    """Seen: `run` named a day that was over and ended with 20, and without one it ended with 1."""
    ended = {}
    write_weeks(desk / "weekly.csv")
    for line in block("Use it on your shops"):
        done = type_in(desk, line)
        command = line.split()[1]
        ended[command] = done.returncode
        if command == "init":
            name_the_shop(desk / "my.yaml", address)
        elif command == "run":
            assert "labels.annotations" in " ".join(done.stderr.split()), done.stderr
    # Nobody has annotated a picture of this shop yet: the README says that `run` ends with 10.
    assert ended == {"init": 0, "doctor": 0, "run": 10, "status": 0, "forecast": 0}
    store = open_store(StoreConfig(url=str(desk / "store")))
    (run_id,) = ledger.runs(store)
    steps = [e.step for e in ledger.load(store, run_id).entries]
    assert steps == [Step.CRAWL, Step.INGEST, Step.LABEL]
    assert len(pd.read_csv(desk / "ahead.csv")) == 2 * 52
