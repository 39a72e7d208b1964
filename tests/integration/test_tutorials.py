"""A tutorial, typed as it stands, in an empty folder that sees only the repository's documents."""

import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.loop import Step
from fashiontrend.storage import layout, ledger, releases
from fashiontrend.storage.object_store import open_store
from tests.documented import ROOT, commands
from tests.integration.desk import desk, type_in

__all__ = ["desk"]  # a fixture
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]


def test_from_a_labelled_set_to_keywords(desk):
    (desk / "docs").symlink_to(ROOT / "docs")
    for command in commands(ROOT / "docs/tutorials/labelled-set-to-keywords.md"):
        done = type_in(desk, command.text)
        assert done.returncode == 0, f"{command.text}\n{done.stdout}\n{done.stderr[-3000:]}"
    store = open_store(StoreConfig(url=str(desk / "tutorial/store")))
    (run_id,) = ledger.runs(store)
    assert [e.step for e in ledger.load(store, run_id).entries] == list(Step)
    assert releases.current(store) is not None
    assert store.exists(layout.report(run_id))
    assert store.keys("keywords/")
