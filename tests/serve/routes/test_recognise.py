"""POST /v1/recognise: one bad picture harms no other, and limits hold."""

import json

import pytest

from fashiontrend import images
from fashiontrend.serve.recognition.batcher import Overloaded
from fashiontrend.serve.schemas import responses
from fashiontrend.storage import layout
from fashiontrend.taxonomy import Taxonomy
from tests.serve.conftest import draw
from tests.serve.routes.test_app import problem


def upload(serve, *files, **asked):
    data = {"request": json.dumps(asked)} if asked else {}
    return serve("POST", "/v1/recognise", files=[("image", f) for f in files], data=data)


def test_an_upload_gets_box_and_attributes_in_both_languages(serve):
    answer = upload(serve, ("a.png", draw()))
    told = responses.RecogniseResponse.model_validate(answer.json())
    (image,) = told.images
    assert (image.id, image.status, image.width, image.height) == ("a.png", "ok", 48, 64)
    assert set(image.garments[0].attributes) == {"colour", "pattern"}
    assert told.model.version == "a1"
    assert told.usage.garments == 1


def test_one_bad_picture_harms_no_other(serve):
    told = upload(
        serve, ("a", draw()), ("b", b"no picture"), ("c", draw()[:900]), ("d", b"")
    ).json()
    assert [i["status"] for i in told["images"]] == [
        "ok",
        "unsupported_media",
        "unsupported_media",
        "unsupported_media",
    ]
    responses.RecogniseResponse.model_validate(told)
    strict = upload(serve, ("a", draw()), ("b", b"no picture"), options={"strict": True})
    assert (strict.status_code, problem(strict)) == (415, "unsupported_media")


def test_the_callers_boxes_are_garments_of_their_own(serve):
    regions = [{"box": [0, 0, 0.5, 0.5]}, {"box": [0.5, 0.5, 1, 1]}]
    told = upload(serve, ("a", draw()), images=[{"id": "x", "regions": regions}]).json()
    image = told["images"][0]
    assert image["id"] == "x"
    assert [g["box"]["rel"] for g in image["garments"]] == [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]
    assert image["garments"][0]["box"]["px"] == [0, 0, 24, 32]
    assert image["garments"][0]["score"] is None


def test_options_choose_attributes_languages_and_the_vector(serve):
    options = {
        "attributes": ["pattern"],
        "lang": ["zh"],
        "top_k": 1,
        "return_embedding": True,
        "min_confidence": 0,
    }
    garment = upload(serve, draw(), options=options).json()["images"][0]["garments"][0]
    assert list(garment["attributes"]) == ["pattern"]
    assert len(garment["embedding"]) == 16
    sure = upload(serve, draw(), options={"min_confidence": 1.0}).json()
    colour = sure["images"][0]["garments"][0]["attributes"]["colour"]
    assert colour["status"] == "uncertain"
    assert "value" not in colour
    unknown = upload(serve, draw(), options={"attributes": ["neck"]})
    assert (unknown.status_code, problem(unknown)) == (422, "taxonomy")


def test_a_store_key_is_read_only_below_the_allowed_prefixes(serve):
    data = draw(3)
    key = layout.raw_image(images.identify(data))
    serve.store.write(key, data)
    names = [
        key,
        "releases/current.json",
        "raw/images/../../releases/current.json",
        "raw/images//x",
    ]
    body = {"images": [{"key": n, "context": {"n": 1}} for n in names]}
    told = serve("POST", "/v1/recognise", json=body).json()
    assert [i["status"] for i in told["images"]] == ["ok", *["not_found"] * 3]
    assert told["images"][0]["context"] == {"n": 1}


@pytest.mark.parametrize(
    "cell",
    ["7", "-0", "9007199254740993", str(2**63 - 1), str(-(2**63)), "true", "false", "null", "1.0",
     "-0.0", "0.1", "1e-7", '"1"', '"true"', '"1.0"', '""', '"v-neck 領"'],
)  # fmt: skip
def test_context_is_echoed_as_it_is(serve, cell):
    form = {"request": f'{{"images": [{{"context": {{"cell": {cell}}}}}]}}'}
    answer = serve("POST", "/v1/recognise", files=[("image", draw())], data=form)
    told = answer.json()["images"][0]["context"]["cell"]
    assert (type(told), told) == (type(json.loads(cell)), json.loads(cell))
    assert json.dumps(told) == json.dumps(json.loads(cell))


@pytest.mark.parametrize("cell", [str(2**63), str(-(2**63) - 1), "1e999", "[1]", '{"a": 1}'])
def test_context_that_has_no_exact_form_is_refused_rather_than_changed(serve, cell):
    form = {"request": f'{{"images": [{{"context": {{"cell": {cell}}}}}]}}'}
    answer = serve("POST", "/v1/recognise", files=[("image", draw())], data=form)
    assert (answer.status_code, problem(answer)) == (400, "invalid")
    assert answer.json()["errors"][0]["path"].startswith("images.0.context.cell")


def test_urls_go_through_the_fetcher(make_server):
    async def fetch(url: str) -> bytes:
        return draw()

    serve = make_server(fetch)
    told = serve("POST", "/v1/recognise", json={"images": [{"url": "https://a.example/x"}]}).json()
    assert told["images"][0]["status"] == "ok"


@pytest.mark.parametrize(
    ("files", "settings", "status"),
    [
        pytest.param(0, {}, 400, id="none"),
        pytest.param(3, {"max_images": 2}, 400, id="too many files"),
        pytest.param(1, {"max_body_bytes": 100}, 413, id="body too large"),
    ],
)
def test_a_request_beyond_the_limits_is_refused_whole(make_server, files, settings, status):
    serve = make_server(**settings)
    sent = [("image", draw())] * files or [("other", draw())]
    answer = serve("POST", "/v1/recognise", files=sent)
    assert answer.status_code == status
    problem(answer)


def test_a_picture_beyond_the_limits_has_the_limit_as_its_status(make_server):
    serve = make_server(max_pixels=1000, max_image_bytes=100_000)
    assert upload(serve, draw()).json()["images"][0]["status"] == "too_large"
    assert upload(serve, draw(size=(4, 4))).json()["images"][0]["status"] == "too_small"


def test_a_request_within_the_limits_may_have_more_garments_than_may_wait(
    make_server,
):
    regions = [{"box": [0, 0, 0.5, 0.5]}] * 4
    told = upload(make_server(max_waiting=3), draw(), draw(), images=[{"regions": regions}] * 2)
    assert told.json()["usage"] == {"images": 2, "garments": 8}


def test_a_full_queue_is_429_with_retry_after(serve, monkeypatch):
    async def full(items):
        raise Overloaded("256 pictures wait, at most 256 may")

    monkeypatch.setattr(serve.model.batcher, "submit", full)
    answer = upload(serve, draw())
    assert (answer.status_code, problem(answer)) == (429, "busy")
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize("kind", ["text/plain", "", "application/xml"])
def test_another_content_type_is_415(serve, kind):
    answer = serve("POST", "/v1/recognise", content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 415
    problem(answer)


@pytest.mark.parametrize(
    "image",
    [
        {},
        {"url": "http://a.example/", "key": "raw/images/x"},
        {"url": "http://a.example/", "regions": [{"box": [0.5, 0, 0.1, 1]}]},
        {"url": "http://a.example/", "regions": [{"box": [0, 0, 2, 1]}]},
        {"url": "http://a.example/", "surprise": True},
        {"url": 7},
    ],
)
def test_a_wrong_request_names_the_path_of_the_mistake(serve, image):
    answer = serve("POST", "/v1/recognise", json={"images": [image]})
    assert (answer.status_code, problem(answer)) == (400, "invalid")
    assert answer.json()["errors"][0]["path"].startswith("images.0")


def test_the_taxonomy_is_hashed_once_not_at_every_request(serve, monkeypatch):
    real, calls = Taxonomy.digest.fget, []
    monkeypatch.setattr(Taxonomy, "digest", property(lambda t: (calls.append(1), real(t))[1]))
    answers = [upload(serve, ("a.png", draw())).json()["taxonomy"] for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["digest"].startswith("sha256:")
    assert len(calls) <= 1


def test_the_pixels_of_a_request_are_bounded_together(make_server):
    """Seen: 32 small files of forty megapixels each silenced recognition for a minute."""
    serve = make_server(max_pixels=48 * 64)
    files = [("image", (f"{n}.png", draw(n), "image/png")) for n in range(6)]
    found = serve("POST", "/v1/recognise", files=files).json()["images"]
    assert [i["status"] for i in found] == ["ok"] * 4 + ["too_large"] * 2


def test_a_form_of_an_unknown_charset_is_refused(serve):
    """Seen: 500."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        + draw()
        + b"\r\n--x--\r\n"
    )
    found = serve(
        "POST", "/v1/recognise", content=body,
        headers={"Content-Type": "Multipart/Form-Data; boundary=x; charset=undefined"},
    )  # fmt: skip
    assert found.status_code == 400
    assert "charset" in found.json()["detail"]
