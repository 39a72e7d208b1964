"""Files that people give: whatever editor or spreadsheet wrote them."""

import logging

import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.pipeline import inputs
from fashiontrend.storage.object_store import open_store


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_another_encoding_is_read_and_reported(tmp_path, caplog, encoding):
    store = open_store(StoreConfig(url=str(tmp_path / "store")))
    (tmp_path / "a.csv").write_bytes("Grün,é".encode(encoding))
    with caplog.at_level(logging.WARNING):
        assert inputs.read_text(str(tmp_path / "a.csv"), store) == "Grün,é"
    assert "the text is" in caplog.text


def test_a_key_of_the_store_is_read_alike(tmp_path):
    store = open_store(StoreConfig(url=str(tmp_path / "store")))
    store.write("people.csv", "Grün".encode("latin-1"))
    assert inputs.read_text("people.csv", store) == "Grün"
