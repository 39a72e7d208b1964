"""A copy of a store on S3 into a folder and back to S3 ends in the same release, and fsck finds nothing."""

import time

import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.errors import DataError
from fashiontrend.storage import layout, releases
from fashiontrend.storage.object_store import open_store
from fashiontrend.upkeep import backup, check
from tests.serve.conftest import publish, save_forecaster, save_recogniser

pytestmark = pytest.mark.s3


def test_a_store_on_s3_is_copied_to_a_folder_and_back(s3_store, tmp_path):
    save_recogniser(s3_store, tmp_path / "a1", "a1")
    save_forecaster(s3_store, "f1")
    release = publish(s3_store, "r1")
    folder = open_store(StoreConfig(url=str(tmp_path / "copy")))
    backup.copy(s3_store, folder)
    assert releases.current(folder) == release
    again = open_store(s3_store.config.model_copy(update={"url": f"{s3_store.config.url}-again"}))
    backup.copy(folder, again)
    assert releases.current(again) == release
    assert [f.key for f in again.listing("")] == [f.key for f in s3_store.listing("")]
    assert check.check(open_store(again.config), time.time()) == []


def test_damage_on_s3_is_refused_with_its_key(s3_store, tmp_path):
    save_recogniser(s3_store, tmp_path / "a1", "a1")
    key = f"{layout.model('attrnet', 'a1')}/model.safetensors"
    data = bytearray(s3_store.read(key))
    data[len(data) // 2] ^= 1
    with s3_store.filesystem.open_output_stream(s3_store.path(key)) as stream:
        stream.write(bytes(data))
    fresh = open_store(s3_store.config)
    with pytest.raises(DataError, match=key):
        fresh.read(key)
    assert [f.key for f in check.check(fresh, time.time())] == [key]
