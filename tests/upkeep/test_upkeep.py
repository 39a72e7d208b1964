"""Damage is found and named, what nothing needs goes, what is needed stays, and a copy serves the same release."""

import os
import re
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from fashiontrend.cli import app
from fashiontrend.config import Config, StoreConfig
from fashiontrend.errors import DataError
from fashiontrend.storage import layout, releases
from fashiontrend.storage.manifest import MANIFEST
from fashiontrend.storage.object_store import open_store
from fashiontrend.upkeep import backup, check, retention
from tests.serve.conftest import publish, save_forecaster, save_recogniser

NOW = datetime.now(tz=UTC)
OLD_S = 40 * 86_400
ROWS = pa.table({"picture_id": ["a", "b"]})
DAY = date(2026, 11, 23)


@pytest.fixture
def full(store, tmp_path):
    """A store with a served release, its predictions, a roll-up, and predictions of a retired recogniser."""
    save_recogniser(store, tmp_path / "a1", "a1")
    save_forecaster(store, "f1")
    publish(store, "r1")
    for name in ("a1", "retired"):
        store.commit_tables(layout.predictions_day(name, DAY, "north"), {"rows": ROWS}, {})
    store.commit_tables(layout.roll_up("predictions/a1/", "2026-10", "x"), {"rows": ROWS}, {})
    return store


def path_of(store, prefix, ending):
    return Path(store.path(next(f.key for f in store.listing(prefix) if f.key.endswith(ending))))


def spoil(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def age(store, prefix=""):
    for file in store.listing(prefix):
        os.utime(store.path(file.key), (NOW.timestamp() - OLD_S,) * 2)


def found(store, **options):
    fresh = open_store(store.config)
    return {(f.kind, f.key): f for f in check.check(fresh, NOW.timestamp(), **options)}


def test_a_whole_store_has_no_findings(full):
    full.write("uploads/theirs.json", b"[1, 2")
    assert found(full) == {}
    assert found(full, quick=True) == {}


def test_damage_is_found_with_its_key_and_what_to_run_again(full):
    spoiled = path_of(full, "shares/", ".parquet")
    spoil(spoiled)
    document = path_of(full, "releases/", "r1.json")
    document.write_text(document.read_text().replace("toy", "tow"))
    picture = path_of(full, "raw/images/", "")
    spoil(picture)
    gone = path_of(full, "keywords/", ".parquet")
    gone.unlink()
    seen = found(full)
    kinds = {key: kind for kind, key in seen}
    root = Path(full.config.url)
    assert kinds[str(spoiled.relative_to(root))] == "damaged"
    assert kinds[str(document.relative_to(root))] == "damaged"
    assert kinds[str(picture.relative_to(root))] == "damaged"
    assert kinds[str(gone.relative_to(root))] == "missing"
    finding = seen["damaged", str(spoiled.relative_to(root))]
    assert "fashiontrend shares" in finding.advice
    assert not finding.repairable


def test_damage_of_every_partition_has_its_advice():
    assert [p for p in layout.PARTITIONED if not any(p.startswith(a) for a in check.ADVICE)] == []


@pytest.mark.parametrize("advice", sorted(set(check.ADVICE.values())))
def test_the_commands_of_an_advice_can_be_typed(advice):
    for typed in re.findall(r"`fashiontrend ([^`]+)`", advice):
        words = [w for w in typed.split() if not w.isupper()]
        told = CliRunner().invoke(app, [*words, "--help"])
        assert told.exit_code == 0, f"{typed}: {told.output}"


def test_leftovers_are_repaired_once_they_are_old(full):
    for name in ("predictions/a1/day=1/platform=x/rows-dead.parquet", "shares/.tmp-dead"):
        path = Path(full.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert found(full) == {}
    age(full)
    seen = found(full)
    assert {kind for kind, _ in seen} == {"orphan", "temporary"}
    check.repair(full, list(seen.values()))
    assert found(full) == {}


def test_what_is_derived_is_removed_and_the_rest_is_left(full):
    spoil(path_of(full, "rollups/", ".parquet"))
    spoil(path_of(full, "predictions/retired/", ".parquet"))
    spoil(path_of(full, "models/attrnet/", ".safetensors"))
    mended = check.repair(full, list(found(full).values()))
    assert {f.key.split("/")[0] for f in mended} == {"rollups", "predictions"}
    assert full.manifest(layout.predictions_day("retired", DAY, "north")) is None
    assert [key.split("/")[0] for _, key in found(full)] == ["models"]


def plan(store):
    return retention.plan(store, Config(), DAY, NOW.timestamp())


def test_predictions_of_a_retired_recogniser_go_once_they_are_quiet(full):
    assert plan(full) == []
    age(full)
    assert [r.prefix for r in plan(full)] == ["predictions/retired/"]
    retention.remove(full, plan(full))
    assert full.manifest(layout.predictions_day("retired", DAY, "north")) is None
    assert full.manifest(layout.predictions_day("a1", DAY, "north")) is not None
    assert plan(full) == []
    assert found(full) == {}


def test_trainings_that_nobody_continued_and_old_pages_go(full):
    full.write("training/attrnet/v9/checkpoint", b"x")
    for days in (0, 400):
        day = DAY - timedelta(days=days)
        full.commit_tables(layout.raw_pages(day, "gone"), {"pages": ROWS}, {})
    old = layout.raw_pages(DAY - timedelta(days=400), "gone")
    assert [r.prefix for r in plan(full)] == [f"{old}/"]
    age(full, "training/")
    assert [r.prefix for r in plan(full)] == ["training/attrnet/v9/", f"{old}/"]


def test_nothing_is_removed_if_a_release_cannot_be_read(full):
    age(full)
    path_of(full, "releases/", "current.json").write_text("{}")
    with pytest.raises(DataError, match=r"current\.json"):
        plan(full)


def test_a_reader_of_the_served_release_notices_nothing(full):
    """It reads from before the first removal until after the last one."""
    age(full)
    full.write("shares/.tmp-dead", b"x")
    stop, read, faults = threading.Event(), [], []

    def go_on():
        while not stop.is_set():
            try:
                fresh = open_store(full.config)
                released = releases.current(fresh)
                table = fresh.read_partition(layout.predictions_day(released.attrnet, DAY, "north"))
                read.append(table.num_rows)
            except Exception as error:
                faults.append(error)

    reader = threading.Thread(target=go_on)
    reader.start()
    try:
        while not read and not faults:
            pass
        retention.remove(full, plan(full))
        check.repair(full, list(found(full).values()))
        before = len(read)
        while len(read) == before and not faults:
            pass
    finally:
        stop.set()
        reader.join()
    assert faults == []
    assert set(read) == {2}


def test_a_copy_serves_the_same_release_and_a_second_one_copies_what_is_new(full, tmp_path):
    copy = open_store(StoreConfig(url=str(tmp_path / "copy")))
    first = backup.copy(full, copy)
    assert releases.current(copy) == releases.current(full)
    assert found(copy) == {}
    assert [f.key for f in copy.listing("")] == [f.key for f in full.listing("")]
    publish(full, "r2")
    second = backup.copy(full, copy)
    assert releases.current(copy).release_id == second.release == "r2"
    assert second.files < first.files / 2


def test_a_restore_replaces_what_is_damaged(full, tmp_path):
    copy = open_store(StoreConfig(url=str(tmp_path / "copy")))
    backup.copy(full, copy)
    spoil(path_of(full, "models/attrnet/", ".safetensors"))
    path_of(full, "releases/", "current.json").unlink()
    backup.copy(open_store(copy.config), full, renew=True)
    assert found(full) == {}
    assert releases.current(full).release_id == "r1"


def test_a_damaged_store_is_not_copied_over_a_whole_backup(full, tmp_path):
    copy = open_store(StoreConfig(url=str(tmp_path / "copy")))
    backup.copy(full, copy)
    path_of(full, "shares/", ".parquet").unlink()
    with pytest.raises(DataError, match="fsck"):
        backup.copy(open_store(full.config), copy)
    assert found(copy) == {}


def test_the_commands_say_what_they_did(full, tmp_path):
    settings = tmp_path / "fashiontrend.yaml"
    settings.write_text(f"store: {{url: {full.config.url}}}\n")
    option = ["--config", str(settings)]

    def give(*arguments):
        result = CliRunner().invoke(app, [*arguments, *option])
        return result, result.output

    assert "Nothing is damaged" in give("fsck")[1]
    assert "release is r1" in give("backup", str(tmp_path / "copy"))[1]
    age(full)
    assert "May be removed with --remove: 1 folders" in give("clean")[1]
    assert "Removed: 1 folders" in give("clean", "--remove")[1]
    spoil(path_of(full, "models/attrnet/", ".safetensors"))
    result, _ = give("fsck", "--repair")
    assert isinstance(result.exception, DataError)
    assert "model.safetensors" in str(result.exception)
    assert "release is r1" in give("restore", str(tmp_path / "copy"))[1]
    assert "Nothing is damaged" in give("fsck")[1]
    assert full.exists(f"{layout.model('attrnet', 'a1')}/{MANIFEST}")


def test_a_source_that_holds_nothing_is_no_backup(full, tmp_path):
    """A mistyped address would else look like a finished restore."""
    empty = open_store(StoreConfig(url=str(tmp_path / "mistyped")))
    with pytest.raises(DataError, match=r"mistyped/: holds no file to copy\. Check the address"):
        backup.copy(empty, full, renew=True)


def test_an_address_that_names_no_bucket_is_refused_in_a_sentence(tmp_path):
    file = tmp_path / "fashiontrend.yaml"
    file.write_text(f"store: {{url: {tmp_path / 'store'}}}\n")
    told = CliRunner().invoke(app, ["backup", "s3://", "--config", str(file)])
    assert str(told.exception) == "s3://: names no bucket. Write s3://bucket or s3://bucket/prefix."
