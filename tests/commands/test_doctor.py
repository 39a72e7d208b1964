"""The doctor's check of a store; tests/test_cli.py runs its other checks through the command line."""

import time
from pathlib import Path

import pytest

from fashiontrend.commands import doctor
from fashiontrend.config import Config, StoreConfig
from fashiontrend.errors import Conflict
from fashiontrend.storage.object_store import Store


@pytest.fixture
def of_a_folder(tmp_path: Path) -> Config:
    return Config(store=StoreConfig(url=str(tmp_path)))


def look_first_write_later(store: Store, key: str, data: bytes) -> None:
    if store.exists(key):
        raise Conflict(key)
    time.sleep(0.05)
    store.write(key, data)


def test_a_store_that_lets_one_writer_through_is_good_and_left_as_it_was(of_a_folder, tmp_path):
    finding = doctor.examine_store(of_a_folder)
    assert finding.good
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_store_that_looks_first_and_writes_later_is_refused(of_a_folder, monkeypatch):
    monkeypatch.setattr(Store, "create", look_first_write_later)
    finding = doctor.examine_store(of_a_folder)
    assert not finding.good
    assert "writers who create one key" in finding.seen
    assert "If-None-Match is atomic" in finding.advice
    assert finding.exit_code == 40
