"""The Open Inference Protocol: what its clients send, and what they may rely on."""

import base64

import pytest

from fashiontrend.serve.schemas.open_inference import InferResponse, ModelMetadata
from tests.serve.conftest import draw

V2 = "/v1/recognise/v2"


def tensor(*pictures: bytes, **changed) -> dict:
    data = [base64.b64encode(p).decode() for p in pictures]
    return {"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": data, **changed}


def infer(serve, *pictures: bytes, path=f"{V2}/models/attrnet/infer", **asked):
    return serve("POST", path, json={"inputs": [tensor(*pictures)], **asked})


def test_the_server_says_that_it_lives_and_what_it_is(serve):
    assert serve("GET", f"{V2}/health/live").json() == {"live": True}
    assert serve("GET", f"{V2}/health/ready").json()["ready"] is True
    assert serve("GET", V2).json()["name"] == "fashiontrend"


def test_the_models_metadata_names_its_output_tensors(serve):
    for path in (f"{V2}/models/attrnet", f"{V2}/models/attrnet/versions/a1"):
        assert serve("GET", f"{path}/ready").json() == {"name": "attrnet", "ready": True}
        told = ModelMetadata.model_validate(serve("GET", path).json())
        assert told.versions == ["a1"]
        assert [(i.name, i.datatype, i.shape) for i in told.inputs] == [("image", "BYTES", [-1])]
    answer = InferResponse.model_validate(infer(serve, draw()).json())
    assert [o.name for o in answer.outputs] == [o.name for o in told.outputs]
    assert {o.name: o.shape for o in told.outputs}["box"] == [-1, 4]


def test_pictures_become_rows_and_an_unusable_one_harms_no_other(serve):
    told = infer(serve, draw(1), b"no picture", draw(2), id="42").json()
    answer = InferResponse.model_validate(told)
    assert (answer.id, answer.model_name, answer.model_version) == ("42", "attrnet", "a1")
    by_name = {o.name: o for o in answer.outputs}
    assert by_name["box"].shape == [3, 4]
    assert len(by_name["box"].data) == 12
    assert by_name["colour"].data[0] in ("red", "blue", "")
    assert by_name["colour.status"].data[1] == ""
    assert [bool(p) for p in by_name["problem"].data] == [False, True, False]
    assert all(o.shape[0] == 3 for o in answer.outputs)


def test_it_says_the_same_as_the_api_of_our_own(serve):
    told = serve("POST", "/v1/recognise", files=[("image", ("a", draw(3)))]).json()
    garment = told["images"][0]["garments"][0]
    outputs = {o["name"]: o["data"] for o in infer(serve, draw(3)).json()["outputs"]}
    assert outputs["box"] == garment["box"]["rel"]
    assert outputs["score"] == [garment["score"]]


def test_only_the_wanted_outputs_are_sent(serve):
    told = infer(serve, draw(), outputs=[{"name": "pattern"}, {"name": "score"}]).json()
    assert [o["name"] for o in told["outputs"]] == ["pattern", "score"]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        pytest.param({"shape": [2]}, "shape", id="shape and data differ"),
        pytest.param({"data": ["not base64!"]}, "base64", id="not base64"),
        pytest.param({"datatype": "FP32"}, "datatype", id="another type"),
        pytest.param({"name": "pixels"}, "name", id="another input"),
        pytest.param({"parameters": {"content_type": "raw"}}, "content_type", id="another coding"),
    ],
)
def test_a_wrong_tensor_is_refused_in_the_protocols_form(serve, changed, word):
    body = {"inputs": [tensor(draw(), **changed)]}
    answer = serve("POST", f"{V2}/models/attrnet/infer", json=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert word in answer.json()["error"]


def test_unknown_models_versions_and_outputs_are_named(serve):
    for path, answers in (("models/other", "'attrnet'"), ("models/attrnet/versions/a9", "'a1'")):
        assert serve("GET", f"{V2}/{path}").status_code == 404
        assert answers in infer(serve, draw(), path=f"{V2}/{path}/infer").json()["error"]
    refused = infer(serve, draw(), outputs=[{"name": "hat"}])
    assert (refused.status_code, "'hat'" in refused.json()["error"]) == (400, True)
    too_many = infer(serve, *[draw()] * 33)
    assert too_many.status_code == 413


def test_a_token_is_needed_as_everywhere(make_server, tmp_path):
    file = tmp_path / "tokens.yaml"
    file.write_text("[]")
    server = make_server(auth="required", tokens_file=str(file))
    answer = infer(server, draw())
    assert (answer.status_code, "error" in answer.json()) == (401, True)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert server("GET", f"{V2}/health/live").status_code == 200
