"""Catalogue jobs: submitted once, done part by part, read page by page."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fashiontrend.config import ServeConfig
from fashiontrend.errors import DataError
from fashiontrend.serve.http import tokens
from fashiontrend.serve.recognition import catalogue_rows
from fashiontrend.serve.recognition.job_records import JobEnd, JobPart, JobPlan, RowCounts
from fashiontrend.serve.schemas.requests import Options
from fashiontrend.storage import layout
from tests.serve.conftest import Server, draw, publish, save_forecaster, save_recogniser
from tests.serve.routes.test_app import problem

REQUEST = {"input": ["uploads/a.parquet"]}


@pytest.fixture
def serve(store, tmp_path) -> Server:
    """A server over a store of this test alone."""
    save_recogniser(store, tmp_path / "a1", "a1")
    save_forecaster(store, "f1")
    publish(store, "r1")
    return Server(store, ServeConfig())


def submit(serve: Server, body=REQUEST, key: str | None = None):
    return serve(
        "POST", "/v1/recognitions", json=body, headers={"Idempotency-Key": key} if key else {}
    )


def test_a_job_is_its_caller_s_alone(serve, store, tmp_path):
    """Seen: any token of the scope read the jobs and results of every other."""
    new = [tokens.draw(name, ("catalogue",)) for name in ("ann", "bob")]
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps([n.record.model_dump(mode="json") for n in new]))
    guarded = Server(store, ServeConfig(auth="required", tokens_file=str(path)))
    ann, bob = ({"Authorization": f"Bearer {n.text}"} for n in new)
    job = guarded("POST", "/v1/recognitions", json=REQUEST, headers=ann).headers["location"]
    for address in (job, f"{job}/results"):
        assert guarded("GET", address, headers=ann).status_code == 200
        found = guarded("GET", address, headers=bob)
        assert found.status_code == 404
        assert "ann" not in found.text


@pytest.fixture
def callers(serve, store, tmp_path):
    """A server that asks for tokens, and the headers of two callers."""
    new = [tokens.draw(name, ("catalogue",)) for name in ("ann", "bob")]
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps([n.record.model_dump(mode="json") for n in new]))
    guarded = Server(store, ServeConfig(auth="required", tokens_file=str(path)))
    return guarded, *({"Authorization": f"Bearer {n.text}"} for n in new)


def test_a_caller_lists_the_jobs_of_nobody_else_newest_first(callers):
    guarded, ann, bob = callers
    assert guarded("GET", "/v1/recognitions", headers=ann).json() == {"jobs": []}
    for name in ("a", "b"):
        guarded(
            "POST", "/v1/recognitions", json={"input": [f"uploads/{name}.parquet"]}, headers=ann
        )
    listed = guarded("GET", "/v1/recognitions", headers=ann).json()["jobs"]
    assert {job["input"][0] for job in listed} == {"uploads/a.parquet", "uploads/b.parquet"}
    assert [j["created_at"] for j in listed] == sorted(
        (j["created_at"] for j in listed), reverse=True
    )
    assert guarded("GET", "/v1/recognitions", headers=bob).json() == {"jobs": []}


def test_a_cancelled_job_ends_keeps_what_is_finished_and_is_never_taken_up(callers, store):
    guarded, ann, bob = callers
    job = guarded("POST", "/v1/recognitions", json=REQUEST, headers=ann).headers["location"]
    assert guarded("DELETE", job, headers=bob).status_code == 404
    for _ in range(2):  # the second time it stands already
        told = guarded("DELETE", job, headers=ann)
        assert (told.status_code, told.json()["status"]) == (200, "cancelled")
    page = guarded("GET", f"{job}/results", headers=ann).json()
    assert (page["rows"], page["complete"]) == ([], True)


def test_a_job_that_has_ended_is_not_cancelled(serve, store):
    job = submit(serve).headers["location"]
    end = JobEnd(
        status="succeeded", ended_at="2026-12-01T00:00:00", facts=RowCounts(rows=0, failed=0)
    )
    store.create(layout.recognition_end(job.rsplit("/", 1)[1]), end.to_json())
    refused = serve("DELETE", job)
    assert (refused.status_code, problem(refused)) == (409, "ended")


def test_a_job_is_accepted_with_its_address_and_waits(serve):
    answer = submit(serve)
    assert answer.status_code == 202
    told = serve("GET", answer.headers["location"]).json()
    assert (told["status"], told["parts_done"], told["parts_total"]) == ("queued", 0, None)
    page = serve("GET", f"{answer.headers['location']}/results").json()
    assert (page["rows"], page["complete"], page["next"]) == ([], False, "0.0")


def test_the_same_key_is_the_same_job_and_another_request_under_it_a_conflict(serve):
    first, again = submit(serve, key="k"), submit(serve, key="k")
    assert first.json()["id"] == again.json()["id"]
    other = submit(serve, {"input": ["uploads/b.parquet"]}, key="k")
    assert (other.status_code, problem(other)) == (409, "idempotency")
    assert submit(serve).json()["id"] != submit(serve).json()["id"]


@pytest.mark.parametrize(
    "name", ["releases/current.json", "uploads/../runs/", "uploads//", "/etc/x"]
)
def test_inputs_outside_the_prefixes_are_refused(serve, name):
    assert submit(serve, {"input": [name]}).status_code == 400


def test_an_attribute_that_the_release_does_not_know_is_refused_as_at_recognise(serve):
    options = {"attributes": ["colour", "color"]}
    refused = submit(serve, {**REQUEST, "options": options})
    assert (refused.status_code, problem(refused)) == (422, "taxonomy")
    image = {"images": [{"key": "uploads/x"}], "options": options}
    assert refused.json()["detail"] == serve("POST", "/v1/recognise", json=image).json()["detail"]
    assert serve.store.keys(layout.RECOGNITIONS) == []
    known = {**REQUEST, "options": {"attributes": ["colour"]}}
    assert submit(serve, known).status_code == 202


def test_a_recogniser_without_the_attribute_recognises_no_row(serve):
    table = pa.table({"id": ["1"], "image": [draw()]})
    options = Options(attributes=("color",))
    with pytest.raises(DataError, match=r"no attribute 'color'; it knows colour, pattern\."):
        catalogue_rows.recognise_rows(
            iter([table]), serve.model, options, ServeConfig(), serve.store.read
        )


def test_unknown_jobs_and_wrong_cursors(serve):
    assert problem(serve("GET", f"/v1/recognitions/{'0' * 32}")) == "not_found"
    address = submit(serve).headers["location"]
    assert problem(serve("GET", f"{address}/results?cursor=x")) == "invalid"


def test_results_are_paged_over_parts_in_order_and_wait_for_a_missing_one(serve):
    job_id = submit(serve).json()["id"]
    parts = tuple(JobPart(number=n, file="a", first=n, rows=1) for n in range(3))
    serve.store.create(layout.recognition_plan(job_id), JobPlan(parts=parts).to_json())

    def commit(part: int, ids: list[str]) -> None:
        table = pa.table({"id": ids, "status": ["ok"] * len(ids)})
        facts = {"rows": len(ids), "failed": 0}
        serve.store.commit_tables(layout.recognition_part(job_id, part), {"answers": table}, facts)

    def page(cursor: str = "0.0"):
        told = serve("GET", f"/v1/recognitions/{job_id}/results?limit=2&cursor={cursor}").json()
        return [r["id"] for r in told["rows"]], told["next"], told["complete"]

    commit(0, ["a", "b", "c"])
    commit(2, ["f"])
    assert page() == (["a", "b"], "0.2", False)
    assert page("0.2") == (["c"], "1.0", False)
    assert page("1.0") == ([], "1.0", False)
    commit(1, ["d", "e"])
    assert page("1.0") == (["d", "e"], "2.0", False)
    assert page("2.0") == (["f"], None, True)
    told = serve("GET", f"/v1/recognitions/{job_id}").json()
    assert (told["status"], told["parts_done"], told["rows_done"]) == ("running", 3, 6)


def test_rows_of_a_catalogue_are_recognised_in_order_and_unusable_ones_reported(serve):
    key = "raw/images/ab/x"
    serve.store.write(key, draw())
    table = pa.table({"id": ["1", "2", "3"], "image": [draw(), b"no", None]})
    answer = catalogue_rows.recognise_rows(
        iter([table]), serve.model, Options(min_confidence=0), ServeConfig(), serve.store.read
    )
    rows = answer.to_pylist()
    assert [(r["id"], r["status"]) for r in rows] == [
        ("1", "ok"),
        ("2", "unsupported_media"),
        ("3", "unsupported_media"),
    ]
    assert rows[0]["colour_status"] in ("present", "not_visible", "uncertain")
    keyed = pa.table({"id": ["1", "2"], "key": [key, "releases/current.json"]})
    told = catalogue_rows.recognise_rows(
        iter([keyed]), serve.model, Options(), ServeConfig(), serve.store.read
    )
    assert told.column("status").to_pylist() == ["ok", "not_found"]


@pytest.mark.parametrize(("first", "count"), [(0, 10), (3, 4), (95, 10), (60, 100), (64, 1)])
def test_rows_are_read_from_the_middle_of_a_file(first, count):
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": range(150), "key": ["k"] * 150}), sink, row_group_size=70)
    read = [i for t in catalogue_rows.read_rows(sink, first, count) for i in t["id"].to_pylist()]
    assert read == list(range(first, min(first + count, 150)))


def test_a_small_file_that_unpacks_to_a_large_one_is_refused_before_it_is_read():
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": ["1"], "image": [bytes(64 << 20)]}), sink, compression="zstd")
    assert sink.tell() < 20_000
    with pytest.raises(DataError, match=r"bytes unpack to 6\d{7}, at most"):
        next(catalogue_rows.read_rows(sink, 0, 1))


def test_a_picture_that_every_row_names_is_copied_a_few_times_at_once(monkeypatch):
    monkeypatch.setattr(catalogue_rows, "PORTION_BYTES", 3_000)
    sink = io.BytesIO()
    pictures = [bytes(1_000), bytes(5_000), None]
    pq.write_table(pa.table({"id": [str(n) for n in range(150)], "image": pictures * 50}), sink)
    tables = list(catalogue_rows.read_rows(sink, 0, 150))
    read = [row for t in tables for row in t.to_pylist()]
    assert [row["id"] for row in read] == [str(n) for n in range(150)]
    assert [row["image"] for row in read] == pictures * 50
    sizes = [sum(len(row["image"] or b"") for row in t.to_pylist()) for t in tables]
    assert max(sizes) == 5_000


@pytest.mark.parametrize(
    "pictures",
    [[{"bytes": b"abc", "path": "a.jpg"}, None], [None, None], [b"abc", b""]],
    ids=["as some tools write them", "none", "bytes"],
)
def test_pictures_are_read_in_every_form_that_columns_may_have(pictures):
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": ["1", "2"], "image": pictures}), sink)
    (table,) = catalogue_rows.read_rows(sink, 0, 2)
    assert table["image"].to_pylist() == pictures


@pytest.mark.parametrize("rows", [1, 1_000])
def test_an_honest_file_is_read(rows):
    sink = io.BytesIO()
    picture = draw()
    pq.write_table(pa.table({"id": ["same"] * rows, "image": [picture] * rows}), sink)
    assert sum(t.num_rows for t in catalogue_rows.read_rows(sink, 0, rows)) == rows


def test_a_table_without_pictures_is_refused():
    with pytest.raises(DataError, match=r"a\.parquet.*expected `id`"):
        catalogue_rows.check_columns("a.parquet", pa.schema([("id", pa.string())]))
