"""The API as callers see it: its responses and its problems."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from fashiontrend.serve.schemas import responses
from fashiontrend.serve.schemas.retail import RetailResponse
from fashiontrend.serve.schemas.scorecard import ScorecardResponse
from tests.serve.conftest import (
    DAY,
    Server,
    draw,
    publish,
    publish_day,
    save_forecaster,
    save_recogniser,
)


def problem(answer) -> str:
    """The code of a problem document; fails if it is none."""
    assert answer.headers["content-type"] == "application/problem+json"
    told = responses.ProblemDetails.model_validate(answer.json())
    assert told.status == answer.status_code
    assert "Traceback" not in answer.text
    return told.type.removeprefix("urn:fashiontrend:problem:")


@pytest.mark.parametrize(
    ("address", "shape"),
    [
        ("/version", responses.VersionResponse),
        ("/v1/keywords", responses.KeywordsResponse),
        ("/v1/series", responses.SeriesResponse),
        ("/v1/retail", RetailResponse),
        ("/v1/forecasts", responses.ForecastsResponse),
        ("/v1/gates", responses.GatesResponse),
        ("/v1/gates/accuracy/history", responses.GateHistoryResponse),
        ("/v1/gates/perplexity/history", responses.GateHistoryResponse),
        ("/v1/scorecard", ScorecardResponse),
        ("/v1/runs", responses.RunsResponse),
        ("/v1/releases", responses.ReleasesResponse),
    ],
)
def test_a_response_has_its_documented_shape_and_an_etag_that_saves_sending_it_again(
    serve, address, shape
):
    answer = serve("GET", address)
    assert answer.status_code == 200
    shape.model_validate(answer.json())
    again = serve("GET", address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_keywords_are_filtered_and_paged(serve):
    def ids(query: str) -> list[str]:
        return [
            k["keyword"]["value"] for k in serve("GET", f"/v1/keywords?{query}").json()["keywords"]
        ]

    assert ids("platform=*") == ["red", "blue"]
    assert ids("direction=falling") == ["blue"]
    assert ids("min_confidence=0.8&platform=shop-a") == ["red"]
    assert ids("horizon_days=28") == []
    first = serve("GET", "/v1/keywords?limit=2").json()
    assert (first["total"], first["next"]) == (3, "2")
    assert serve("GET", "/v1/keywords?limit=2&cursor=2").json()["next"] is None
    assert problem(serve("GET", "/v1/keywords?as_of=2020-01-01")) == "not_found"


def test_evidence_holds_series_and_forecasts_of_every_platform(serve):
    record = serve("GET", "/v1/keywords?limit=1").json()["keywords"][0]
    told = serve("GET", f"/v1/keywords/{quote(record['id'], safe='')}/evidence").json()
    responses.EvidenceResponse.model_validate(told)
    assert {s["platform"] for s in told["series"]} == {"*", "shop-a"}
    assert {f["value"] for f in told["forecasts"]} == {"red"}
    assert problem(serve("GET", "/v1/keywords/none/evidence")) == "not_found"


def test_a_share_that_was_not_measured_is_null_and_flagged(serve):
    row = serve("GET", "/v1/series?platform=*&value=red&from=2026-10-25").json()["series"][0]
    n = row["withheld"].index(True)
    assert row["share"][n] is None
    assert all(len(row[k]) == len(row["days"]) for k in ("share", "low", "high", "support"))
    assert serve("GET", f"/v1/series?from={DAY}&to={DAY}&value=red&platform=*").json()["series"][0][
        "days"
    ] == [str(DAY)]
    assert problem(serve("GET", "/v1/series?basis=new_in")) == "not_found"


def test_how_a_value_is_sold_comes_in_columns_with_the_support_of_each(serve):
    asked = f"/v1/retail?attribute=colour&value=red&from={DAY - timedelta(days=1)}&to={DAY}"
    told = serve("GET", asked).json()
    (row,) = told["retail"]
    assert (told["as_of"], told["window_days"]) == (str(DAY), 7)
    assert row["days"] == [str(DAY - timedelta(days=1)), str(DAY)]
    assert row["withheld"] == [True, False]
    assert row["new_in"] == [None, None]
    assert (row["markdown"][0], row["markdown_depth_support"][0]) == (0.5, 20)
    assert (row["price_median"], row["currency"]) == ([25.0] * 2, ["EUR"] * 2)
    assert serve("GET", "/v1/retail?value=green").json()["retail"] == []


def test_a_share_as_counted_comes_without_the_interval_of_the_corrected_one(serve):
    asked = "/v1/series?platform=*&value=red"
    (corrected,) = serve("GET", asked).json()["series"]
    told = serve("GET", f"{asked}&corrected=false").json()
    (raw,) = responses.SeriesResponse.model_validate(told).model_dump()["series"]
    assert told["corrected"] is False
    assert None not in raw["share"]
    assert corrected["low"][0] is not None
    assert raw["low"] == raw["high"] == [None] * len(raw["days"])
    (described,) = (
        p["description"]
        for p in serve("GET", "/openapi.json").json()["paths"]["/v1/series"]["get"]["parameters"]
        if p["name"] == "corrected"
    )
    assert "`low`" in described


def test_only_pictures_that_keywords_name_are_shown(serve):
    sample = serve("GET", "/v1/keywords").json()["keywords"][0]["evidence"]["samples"][0]
    answer = serve("GET", f"{sample['picture']}?width=32")
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    assert problem(serve("GET", f"/v1/pictures/{'0' * 64}")) == "not_found"
    assert problem(serve("GET", "/v1/pictures/..%2f..%2fetc")) in ("invalid", "not_found")


def test_pictures_of_earlier_days_stay_where_the_keywords_of_their_day_say(store, tmp_path, cfg):
    save_recogniser(store, tmp_path / "a1", "a1")
    save_forecaster(store, "f1")
    publish(store, "r1")
    board = Server(store, cfg)
    left_open = addresses(board("GET", "/v1/keywords").json()["keywords"])
    later = DAY + timedelta(days=1)
    publish_day(store, "r1", later, draw(8))
    serve = Server(store, cfg)
    (newest,), (earlier,) = (
        addresses(serve("GET", f"/v1/keywords?as_of={day}").json()["keywords"])
        for day in (later, DAY)
    )
    assert {earlier} == left_open
    assert newest != earlier
    assert [serve("GET", a).status_code for a in (newest, earlier)] == [200, 200]
    of_another_day = earlier.replace(str(DAY), str(later))
    assert problem(serve("GET", of_another_day)) == "not_found"
    assert problem(serve("GET", earlier.replace(str(DAY), "2020-01-01"))) == "not_found"


def test_a_picture_without_a_day_is_one_of_the_newest(serve):
    sample = serve("GET", "/v1/keywords").json()["keywords"][0]["evidence"]["samples"][0]
    answer = serve("GET", f"/v1/pictures/{sample['picture_id']}")
    assert answer.content == serve("GET", sample["picture"]).content


def addresses(records: list[dict]) -> set[str]:
    return {s["picture"] for r in records for s in r["evidence"]["samples"]}


def test_gates_have_their_newest_verdict_and_their_history(serve):
    gates = {g["name"]: g for g in serve("GET", "/v1/gates").json()["gates"]}
    assert (gates["accuracy"]["passed"], gates["accuracy"]["value"]) == (True, 0.9)
    assert (gates["health"]["passed"], gates["health"]["value"]) == (False, 1)
    history = serve("GET", "/v1/gates/accuracy/history").json()["history"]
    assert [h["passed"] for h in history] == [False, True]
    assert history[0]["reasons"] == ["mean_accuracy is 0.8, expected > 0.85"]


def test_runs_releases_and_taxonomy(serve):
    assert serve("GET", "/v1/runs").json()["runs"][0]["run_id"] == "2026-11-23-x"
    assert serve("GET", "/v1/runs/2026-11-23-x").json()["steps"][0]["output"] == "m"
    assert problem(serve("GET", "/v1/runs/none")) == "not_found"
    assert serve("GET", "/v1/releases").json()["current"] == "r1"
    names = serve("GET", "/v1/taxonomy?lang=zh").json()["attributes"][0]
    assert names["values"][0] == {"id": "red", "name": "red"}
    assert problem(serve("GET", "/v1/taxonomy?version=9")) == "not_found"


def test_health_needs_nothing_and_readiness_needs_every_part(serve):
    assert serve("GET", "/healthz").json() == {"status": "ok"}
    assert serve("GET", "/readyz").status_code == 200
    serve.parts["recognise"] = "starting"
    answer = serve("GET", "/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert problem(answer) == "not_ready"


def test_metrics_count_requests_by_route(serve):
    serve("GET", "/v1/gates")
    text = serve("GET", "/metrics").text
    assert 'requests_total{method="GET",route="/v1/gates",status="200"} 1.0' in text


def test_posted_series_are_forecast_by_the_released_model(serve):
    body = {
        "series": [
            {
                "id": "one",
                "attribute": "x",
                "start": "2026-10-01",
                "shares": {"v": [0.2, None, 0.3]},
            },
            {
                "id": "two",
                "attribute": "x",
                "start": "2026-10-02",
                "shares": {"v": [0.2], "w": [0.8]},
            },
        ]
    }
    told = serve("POST", "/v1/forecasts", json=body).json()
    responses.AdhocForecastResponse.model_validate(told)
    assert {(f["id"], f["value"]) for f in told["forecasts"]} == {
        ("one", "v"),
        ("one", "_other"),
        ("two", "v"),
        ("two", "w"),
    }
    assert told["forecasts"][0]["days"] == ["2026-10-04", "2026-10-05", "2026-10-06"]


@pytest.mark.parametrize(
    "series",
    [
        pytest.param({"start": "2026-02-30"}, id="no such day"),
        pytest.param({"start": "9999-12-31"}, id="no day after it"),
        pytest.param({"shares": {"v": [0.9], "w": [0.9]}}, id="more than all"),
        pytest.param({"shares": {"v": [None]}}, id="nothing measured"),
        pytest.param({"shares": {"v": [0.1], "w": [0.1, 0.2]}}, id="lengths differ"),
        pytest.param({"shares": {"v": [1.5]}}, id="not a share"),
        pytest.param({"shares": {}}, id="empty"),
        pytest.param({"surprise": 1}, id="misspelt key"),
    ],
)
def test_series_that_cannot_be_are_refused(serve, series):
    one = {"id": "a", "attribute": "x", "start": "2026-10-01", "shares": {"v": [0.1]}, **series}
    answer = serve("POST", "/v1/forecasts", json={"series": [one]})
    assert (answer.status_code, problem(answer)) == (400, "invalid")


def test_too_many_series_or_days_are_refused(serve):
    one = {"attribute": "x", "start": "2026-10-01", "shares": {"v": [0.1] * 501}}
    assert serve("POST", "/v1/forecasts", json={"series": [{"id": "a", **one}]}).status_code == 413
    many = [{**one, "id": str(n), "shares": {"v": [0.1]}} for n in range(201)]
    assert serve("POST", "/v1/forecasts", json={"series": many}).status_code == 413


def test_the_openapi_document_describes_every_path_with_an_example(serve):
    spec = serve("GET", "/openapi.json").json()
    assert {"/v1/recognise", "/v1/recognitions", "/v1/keywords/{keyword_id}/evidence"} <= set(
        spec["paths"]
    )
    for path in spec["paths"].values():
        for operation in path.values():
            if "requestBody" in operation:
                assert operation["requestBody"]["content"]["application/json"]["example"]


def test_the_board_is_served_with_a_policy_that_lets_nothing_in(serve):
    page, script = serve("GET", "/"), serve("GET", "/board/main.js")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert script.headers["content-type"].startswith("text/javascript")
    for address in ("/board/../edge.py", "/board/..%2fedge.py", "/board/nothing.js"):
        assert problem(serve("GET", address)) == "not_found"


def test_an_unknown_path_or_method_is_a_problem(serve):
    assert problem(serve("GET", "/nowhere")) == "not_found"
    answer = serve("DELETE", "/v1/keywords")
    assert (answer.status_code, problem(answer)) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


def test_an_internal_error_is_a_problem_without_its_trace(serve, monkeypatch):
    def fail():
        raise RuntimeError("secret inside")

    monkeypatch.setattr(serve, "tables", None)
    answer = serve("GET", "/v1/keywords")
    assert (answer.status_code, problem(answer)) == (500, "internal")
    assert "secret" not in answer.text


def test_if_the_store_is_not_available_the_caller_should_retry(serve, monkeypatch):
    from fashiontrend.errors import StoreError
    from fashiontrend.storage.object_store import Store

    def gone(*args):
        raise StoreError("s3://inner-name: timeout")

    monkeypatch.setattr(Store, "keys", gone)
    answer = serve("GET", "/v1/runs")
    assert (answer.status_code, problem(answer)) == (503, "busy")
    assert "inner-name" not in answer.text
    assert answer.headers["retry-after"] == "2"


def test_cors_is_off(serve):
    answer = serve("GET", "/v1/gates", headers={"Origin": "http://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_the_request_id_is_the_callers_or_a_fresh_one(serve):
    mine = serve(
        "POST", "/v1/recognise", files=[("image", draw())], headers={"x-request-id": "my-1"}
    )
    assert mine.json()["request_id"] == "my-1"
    other = serve("GET", "/nowhere", headers={"x-request-id": "<script>"})
    assert other.json()["request_id"] == other.headers["x-request-id"] != "<script>"


def test_a_large_response_is_compressed_for_callers_who_take_that(serve):
    plain = serve("GET", "/v1/keywords", headers={"Accept-Encoding": "identity"})
    packed = serve("GET", "/v1/keywords", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].casefold()
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.json() == plain.json()
    assert packed.headers["etag"] == plain.headers["etag"]
