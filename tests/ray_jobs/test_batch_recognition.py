"""One bad catalogue job harms no other, and an unfinished job is continued. Needs no Ray."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from ray.exceptions import OutOfMemoryError, RayTaskError, UserCodeException

from fashiontrend.config import Config, ServeConfig
from fashiontrend.errors import DataError, StoreError
from fashiontrend.serve.recognition.job_records import JobEnd, JobPart, JobRecord, RowCounts
from fashiontrend.serve.recognition.jobs import CatalogueJobs, read_record
from fashiontrend.serve.schemas.requests import JobRequest
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store, open_store, parquet_bytes
from ray_jobs import batch_recognition
from tests.serve.conftest import draw, publish, save_recogniser

START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


@pytest.fixture
def config(tmp_path) -> Config:
    return Config.model_validate({"store": {"url": str(tmp_path / "store")}})


@pytest.fixture
def store(config) -> Store:
    return open_store(config.store)


@pytest.fixture(autouse=True)
def no_ray(monkeypatch):
    monkeypatch.setattr(batch_recognition, "connect", lambda config: None)


@pytest.fixture
def clock(monkeypatch):
    """clock.at is what jobs read for the time; waiting lets it pass."""

    class Clock:
        at = START

    monkeypatch.setattr(batch_recognition, "now", lambda: Clock.at)
    return Clock


@pytest.fixture
def in_process(monkeypatch):
    """Parts are answered here, and what an actor raises arrives as Ray hands it on."""

    def recognise_parts(config, record, parts):
        try:
            recogniser = batch_recognition.PartRecogniser(
                config.model_dump(mode="json"), record.model_dump(mode="json")
            )
            for part in parts:
                yield recogniser({"part": [part.model_dump_json()]})
        except Exception as error:
            raise of_ray(error) from None

    monkeypatch.setattr(batch_recognition, "recognise_parts", recognise_parts)


def of_ray(error: Exception) -> Exception:
    words = f"Traceback (most recent call last):\n  File /srv/app/x.py\n{error}"
    return RayTaskError("submit", words, error, pid=1, ip="10.0.0.7")


def submit(store: Store, name: str = "a", minute: int = 0, **options) -> str:
    jobs = CatalogueJobs(store, ServeConfig(), lambda: START + timedelta(minutes=minute))
    request = JobRequest(input=(f"uploads/{name}.parquet",), options=options)
    return jobs.submit(request, "r1", "anonymous", None)


def status_of(store: Store, job_id: str) -> dict:
    return (
        CatalogueJobs(store, ServeConfig(), lambda: START).status(job_id, "anonymous").model_dump()
    )


def fail_with(monkeypatch, error: Exception) -> None:
    def run(*_):
        raise error

    monkeypatch.setattr(batch_recognition, "run", run)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(DataError("input 'x': no."), "input 'x': no.", id="ours"),
        pytest.param(
            of_ray(DataError("input 'x': no.")), "input 'x': no.", id="ours from an actor"
        ),
        pytest.param(of_ray(KeyError("box")), "KeyError: 'box'", id="a mistake in an actor"),
        pytest.param(
            of_ray(UserCodeException("UDF failed.\nmore")), "UDF failed.", id="Ray Data's"
        ),
        pytest.param(ValueError("one\ntwo"), "ValueError: one", id="only the first line"),
    ],
)
def test_a_job_that_raises_has_failed_with_the_first_line_of_the_cause(
    config, store, monkeypatch, error, expected
):
    job_id = submit(store)
    fail_with(monkeypatch, error)
    batch_recognition.work(config, once=True)
    assert status_of(store, job_id)["status"] == "failed"
    assert expected in status_of(store, job_id)["detail"]
    assert "\n" not in status_of(store, job_id)["detail"]
    assert "/srv" not in status_of(store, job_id)["detail"]


def test_a_failure_names_no_path_and_no_address_of_the_machine(config, store, monkeypatch):
    job_id = submit(store)
    root = store.uri("models/x")
    fail_with(
        monkeypatch,
        OSError(f"{root}: cannot read '/etc/pki/key.pem' by http://user:secret@10.0.0.7:9000/b"),
    )
    batch_recognition.work(config, once=True)
    detail = status_of(store, job_id)["detail"]
    assert "models/x: cannot read" in detail
    assert not any(word in detail for word in (store.root, "/etc", "key.pem", "secret", "10.0.0.7"))


def test_a_failed_job_leaves_its_traceback_in_the_log(config, store, monkeypatch, caplog):
    job_id = submit(store)
    fail_with(monkeypatch, of_ray(KeyError("box")))
    batch_recognition.work(config, once=True)
    (line,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert job_id in line.getMessage()
    assert line.exc_info


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(StoreError("store: gone."), id="the store"),
        pytest.param(of_ray(StoreError("store: gone.")), id="the store, seen by an actor"),
        pytest.param(OutOfMemoryError("Task was killed.\nnode 10.0.0.7"), id="Ray itself"),
    ],
)
def test_a_store_or_a_cluster_that_fails_leaves_a_job_for_later_and_the_others_go_on(
    config, store, clock, monkeypatch, error
):
    left, other = submit(store, minute=0), submit(store, minute=1)

    def run(config, store, job_id):
        if job_id == left:
            raise error
        return RowCounts(rows=0, failed=0)

    monkeypatch.setattr(batch_recognition, "run", run)
    with pytest.raises(StoreError) as caught:
        batch_recognition.work(config, once=True)
    assert "\n" not in str(caught.value)
    assert status_of(store, left)["status"] == "queued"
    assert status_of(store, other)["status"] == "succeeded"
    monkeypatch.setattr(batch_recognition, "run", lambda *_: RowCounts(rows=0, failed=0))
    assert batch_recognition.work(config, once=True) == 0, "its lease is not over"
    clock.at += timedelta(seconds=batch_recognition.LEASE_S + 1)
    assert batch_recognition.work(config, once=True) == 1
    assert status_of(store, left)["status"] == "succeeded"


def test_a_cluster_that_cannot_be_reached_costs_no_job_a_turn(config, store, monkeypatch):
    def connect(config):
        raise StoreError("ray.address: nobody answers.")

    job_id = submit(store)
    monkeypatch.setattr(batch_recognition, "connect", connect)
    with pytest.raises(StoreError, match="nobody"):
        batch_recognition.work(config)
    assert batch_recognition.claim(store, job_id, "next", START) == 1


def test_a_job_is_one_workers_until_its_lease_is_over_and_keeping_prolongs_it(store):
    job_id, at = submit(store), START
    lease = timedelta(seconds=batch_recognition.LEASE_S)
    assert batch_recognition.claim(store, job_id, "a", at) == 1
    assert batch_recognition.claim(store, job_id, "b", at + lease / 2) == 0
    batch_recognition.renew_claim(store, job_id, "a", at + lease / 2)
    batch_recognition.renew_claim(store, job_id, "b", at + lease)  # not b's to keep
    assert batch_recognition.claim(store, job_id, "b", at + 1.2 * lease) == 0
    assert batch_recognition.claim(store, job_id, "b", at + 2 * lease) == 2
    store.create(layout.recognition_end(job_id), b"{}")
    assert batch_recognition.claim(store, job_id, "a", at + 9 * lease) == 0, "it has ended"


def test_a_part_that_was_finished_since_makes_the_next_turn_the_first(store):
    job_id, lease = submit(store), timedelta(seconds=batch_recognition.LEASE_S + 1)
    turns = []
    for n in range(4):
        turns.append(batch_recognition.claim(store, job_id, f"w{n}", START + n * lease))
        if n == 1:
            table = pa.table({"id": ["x"]})
            part = layout.recognition_part(job_id, 0)
            store.commit_tables(part, {"answers": table}, {"rows": 1, "failed": 0})
    assert turns == [1, 2, 1, 2]


def test_a_claim_of_an_older_worker_is_taken_over(store):
    job_id = submit(store)
    old = {"worker": "a", "until": START.isoformat()}
    store.create(layout.recognition_claim(job_id), json.dumps(old).encode())
    assert batch_recognition.claim(store, job_id, "b", START + timedelta(seconds=1)) == 1


def test_a_job_that_killed_its_worker_again_and_again_fails_with_a_reason(config, store, clock):
    job_id, lease = submit(store), timedelta(seconds=batch_recognition.LEASE_S + 1)
    for n in range(batch_recognition.MAX_TURNS):
        assert status_of(store, job_id)["status"] == "queued"
        assert batch_recognition.claim(store, job_id, f"killed-{n}", clock.at)
        clock.at += lease
    assert batch_recognition.work(config, once=True) == 1
    assert status_of(store, job_id)["status"] == "failed"
    assert "memory" in status_of(store, job_id)["detail"]


@pytest.fixture
def release(store, tmp_path) -> None:
    save_recogniser(store, tmp_path / "a1", "a1")
    publish(store, "r1")


@pytest.mark.usefixtures("release", "in_process")
def test_structs_of_bytes_and_path_are_read_as_bytes_are(config, store):
    images = [{"bytes": draw(), "path": "a.png"}, {"bytes": None, "path": "b.png"}, None]
    table = pa.table({"id": ["1", "2", "3"], "image": images})
    store.write("uploads/a.parquet", parquet_bytes(table))
    job_id = submit(store, min_confidence=0.0)
    batch_recognition.work(config, once=True)
    assert status_of(store, job_id)["status"] == "succeeded"
    rows = store.read_partition(layout.recognition_part(job_id, 0)).to_pylist()
    assert [r["status"] for r in rows] == ["ok", "unsupported_media", "unsupported_media"]


@pytest.mark.usefixtures("release", "in_process")
@pytest.mark.parametrize(
    "image",
    [
        pytest.param(pa.array(["a.png"]), id="file names"),
        pytest.param(pa.array([{"bytes": "a", "path": "a"}]), id="a struct of words"),
        pytest.param(pa.array([[1, 2]]), id="lists"),
    ],
)
def test_a_column_that_holds_no_pictures_fails_its_job_and_the_next_job_is_done(
    config, store, image
):
    bad = pa.table({"id": ["1"], "image": image})
    good = pa.table({"id": ["1"], "image": pa.array([draw()])})
    store.write("uploads/bad.parquet", parquet_bytes(bad))
    store.write("uploads/good.parquet", parquet_bytes(good))
    first, second = submit(store, "bad", 0), submit(store, "good", 1)
    assert batch_recognition.work(config, once=True) == 2
    assert status_of(store, first)["status"] == "failed"
    assert "uploads/bad.parquet" in status_of(store, first)["detail"]
    assert status_of(store, second)["status"] == "succeeded"


@pytest.mark.usefixtures("release", "in_process")
@pytest.mark.parametrize(
    "content", [None, b"no Parquet", b"PAR1 broken footer \x07\x00\x00\x00PAR1"]
)
def test_an_input_that_is_no_parquet_fails_its_job_with_its_key(config, store, content):
    if content:
        store.write("uploads/a.parquet", content)
    job_id = submit(store)
    batch_recognition.work(config, once=True)
    assert status_of(store, job_id)["status"] == "failed"
    assert "uploads/a.parquet" in status_of(store, job_id)["detail"]
    assert store.root not in status_of(store, job_id)["detail"]


@pytest.mark.usefixtures("release", "in_process")
def test_an_input_that_went_away_after_the_plan_fails_its_job(config, store):
    store.write("uploads/a.parquet", parquet_bytes(pa.table({"id": ["1"], "image": [draw()]})))
    job_id = submit(store)
    batch_recognition.plan(store, job_id, ["uploads/a.parquet"], config.serve)
    store.delete_folder("uploads/")
    batch_recognition.work(config, once=True)
    assert status_of(store, job_id)["status"] == "failed"
    assert "uploads/a.parquet" in status_of(store, job_id)["detail"]


@pytest.mark.usefixtures("release", "in_process")
def test_a_store_that_fails_while_an_input_is_read_leaves_the_job_open(config, store, monkeypatch):
    store.write("uploads/a.parquet", parquet_bytes(pa.table({"id": ["1"], "image": [draw()]})))
    job_id = submit(store)

    def down(self, key):
        raise StoreError(f"store: {key}: no answer.")

    def broken(source):
        monkeypatch.setattr(Store, "exists", down)
        raise OSError("AWS Error NETWORK_CONNECTION")

    with monkeypatch.context() as patched:
        patched.setattr(batch_recognition.pq, "ParquetFile", broken)
        with pytest.raises(StoreError, match="no answer"):
            batch_recognition.plan(store, job_id, ["uploads/a.parquet"], config.serve)


@pytest.mark.usefixtures("release", "in_process")
def test_a_job_for_an_attribute_that_its_recogniser_does_not_know_fails(config, store):
    store.write("uploads/a.parquet", parquet_bytes(pa.table({"id": ["1"], "image": [draw()]})))
    job_id = submit(store, attributes=("color",))
    batch_recognition.work(config, once=True)
    assert status_of(store, job_id)["status"] == "failed"
    assert "no attribute 'color'" in status_of(store, job_id)["detail"]


def part_recogniser(config, store, job_id: str):
    """The actor's own class, without Ray's process around it; it only must not recognise."""
    record = read_record(store, layout.recognition(job_id), JobRecord)
    made = object.__new__(batch_recognition.PartRecogniser)
    made.cfg, made.store, made.record, made.device = config.serve, store, record, "cpu"
    return made


def test_a_cancelled_job_is_not_taken_up_and_begins_no_further_part(config, store, monkeypatch):
    job_id = submit(store)
    recogniser, begun = part_recogniser(config, store, job_id), []
    monkeypatch.setattr(type(recogniser), "_recognise", lambda _, part: begun.append(part.number))
    texts = [JobPart(number=n, file="a", first=n, rows=1).model_dump_json() for n in range(2)]
    recogniser({"part": np.array(texts[:1])})
    end = JobEnd(status="cancelled", ended_at=START.isoformat())
    store.create(layout.recognition_end(job_id), end.to_json())
    recogniser({"part": np.array(texts[1:])})
    assert begun == [0]
    assert batch_recognition.pending(store) == []


def test_pictures_without_a_garment_have_not_failed(config, store, monkeypatch):
    job_id = submit(store)
    recogniser = part_recogniser(config, store, job_id)
    statuses = ["ok", "no_garment", "no_garment", "not_found"]
    table = pa.table({"id": list("abcd"), "status": statuses})
    monkeypatch.setattr(batch_recognition.catalogue_rows, "recognise_rows", lambda *_: table)
    monkeypatch.setattr(type(recogniser), "model", None)
    recogniser._recognise(JobPart(number=0, file="a", first=0, rows=4))
    told = status_of(store, job_id)
    assert (told["rows_done"], told["rows_failed"], told["rows_without_garment"]) == (4, 1, 2)
