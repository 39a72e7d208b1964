"""Both clients: typed responses, polite retries, errors that say what to do."""

import asyncio
import inspect
import json

import httpx
import pytest

from fashiontrend.client import AsyncClient, Client, Refused
from fashiontrend.errors import ConfigError, StoreError
from fashiontrend.serve.schemas.catalogue_jobs import JobResultsResponse

IMAGE = {"id": "a", "status": "ok", "garments": []}
ANSWER = {
    "model": {"name": "attrnet", "version": "1", "digest": "d"},
    "taxonomy": {"version": "1", "digest": "d"},
    "images": [IMAGE],
    "usage": {"images": 1, "garments": 0},
    "request_id": "r",
}


class Awaited:
    """An `AsyncClient` whose calls are run to their end, one after another."""

    def __init__(self, server: str, pause=None, **settings) -> None:
        async def wait(seconds: float) -> None:
            pause(seconds)

        self.client = AsyncClient(server, pause=wait, **settings)

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        asyncio.run(self.client.close())

    def __getattr__(self, name: str):
        method = getattr(self.client, name)

        async def run(*given, **named):
            told = method(*given, **named)
            return [t async for t in told] if hasattr(told, "__aiter__") else await told

        return lambda *given, **named: asyncio.run(run(*given, **named))


@pytest.fixture(params=[Client, Awaited], ids=["blocking", "asynchronous"])
def client(request):
    """client(answer, **settings): one of both, over a function instead of a network."""
    return lambda answer, **settings: request.param(
        "http://test", transport=httpx.MockTransport(answer), **settings
    )


def test_both_clients_have_the_same_methods():
    def signatures(kind: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {n: list(inspect.signature(m).parameters) for n, m in methods if n[0] != "_"}

    assert signatures(AsyncClient) == signatures(Client)
    assert "recognise" in signatures(AsyncClient)


def test_the_asynchronous_client_is_a_context_manager_and_sends_requests_concurrently():
    async def run() -> None:
        both = asyncio.Barrier(2)  # neither is answered before both are there

        async def answer(request: httpx.Request) -> httpx.Response:
            await both.wait()
            return httpx.Response(200, json={"gates": []})

        async with AsyncClient("http://test", transport=httpx.MockTransport(answer)) as c:
            assert [t.gates for t in await asyncio.gather(c.gates(), c.gates())] == [[], []]

    asyncio.run(run())


def test_files_are_sent_a_few_at_a_time_with_the_boxes_that_are_known(tmp_path, client):
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = request.read()
        asked = json.loads(body.split(b'name="request"\r\n\r\n')[1].split(b"\r\n--")[0])
        seen.append(asked["images"])
        images = [{**IMAGE, "id": i["id"]} for i in asked["images"]]
        return httpx.Response(200, json={**ANSWER, "images": images})

    files = [tmp_path / f"{n}.jpg" for n in range(20)]
    for file in files:
        file.write_bytes(b"x")
    boxes = {str(files[1]): (0.0, 0.0, 0.5, 0.5)}
    with client(answer, token="ft_x") as c:
        ids = [i.id for i in c.recognise(files, boxes=boxes)]
    assert ids == [str(f) for f in files]
    assert [len(s) for s in seen] == [16, 4]
    assert seen[0][1]["regions"] == [{"box": [0.0, 0.0, 0.5, 0.5]}]


@pytest.mark.parametrize("spelling", ["a.jpg", "./a.jpg", "{0}/a.jpg", "{0}//./a.jpg"])
@pytest.mark.parametrize("boxed_as", ["a.jpg", "./a.jpg", None])
def test_a_box_finds_its_picture_however_both_are_spelled(
    tmp_path, monkeypatch, client, spelling, boxed_as
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"x")
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return httpx.Response(200, json=ANSWER)

    file = spelling.format(tmp_path)
    with client(answer) as c:
        list(c.recognise([file], boxes={boxed_as or file: (0.0, 0.0, 0.5, 0.5)}))
    assert b'"regions": [{"box": [0.0, 0.0, 0.5, 0.5]}]' in bodies[0]


@pytest.mark.parametrize(
    ("boxes", "told"),
    [
        pytest.param(["b.jpg"], "b.jpg", id="of no picture"),
        pytest.param(["a.jpg", "./a.jpg"], "a.jpg", id="two of one picture"),
    ],
)
def test_boxes_that_cannot_be_matched_are_refused_before_anything_is_sent(
    tmp_path, monkeypatch, client, boxes, told
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"x")

    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError("something was sent")

    with client(answer) as c, pytest.raises(ConfigError, match=told):
        list(c.recognise(["a.jpg"], boxes=dict.fromkeys(boxes, (0.0, 0.0, 0.5, 0.5))))


def test_busy_is_tried_again_after_the_time_that_the_server_names(client):
    answers = iter(
        [httpx.Response(429, headers={"Retry-After": "2"}), httpx.Response(200, json={"gates": []})]
    )
    pauses = []
    with client(lambda r: next(answers), pause=pauses.append) as c:
        assert c.gates().gates == []
    assert pauses == [2.0]


def test_a_problem_is_raised_with_its_code_and_request_id(client):
    told = {"type": "urn:fashiontrend:problem:scope", "detail": "no", "request_id": "r-1"}
    with (
        client(lambda r: httpx.Response(403, json=told)) as c,
        pytest.raises(Refused, match="r-1") as caught,
    ):
        c.version()
    assert (caught.value.status, caught.value.code) == (403, "scope")


def test_an_unreachable_server_says_how_to_start_one(client):
    def refuse(request):
        raise httpx.ConnectError("refused")

    with client(refuse) as c, pytest.raises(StoreError, match="fashiontrend serve"):
        c.gates()


def test_an_address_without_a_scheme_and_a_missing_file_are_configuration_errors(client):
    with pytest.raises(ConfigError):
        Client("localhost:8000")
    with client(lambda r: httpx.Response(200, json=ANSWER)) as c, pytest.raises(ConfigError):
        list(c.recognise(["/nowhere.jpg"]))


def test_the_token_comes_from_the_environment(monkeypatch, client):
    monkeypatch.setenv("FASHIONTREND_TOKEN", "ft_env")
    with client(
        lambda r: (
            httpx.Response(200, json={"gates": [], "x": 1})
            if r.headers["authorization"] != "Bearer ft_env"
            else httpx.Response(200, json={"gates": []})
        )
    ) as c:
        assert c.gates().gates == []


def test_a_servers_predictions_have_the_form_of_a_local_models(client):
    garment = {
        "garment_id": 0,
        "box": {"rel": [0.1, 0.2, 0.5, 1.0], "px": [10, 40, 50, 200]},
        "score": 0.9,
        "attributes": {
            "colour": {
                "status": "present",
                "value": "red",
                "label": {"en": "Red"},
                "confidence": 0.8,
            },
            "neck": {"status": "not_visible", "confidence": 0.7},
        },
    }
    images = [
        {"id": "0", "status": "ok", "width": 100, "height": 200, "garments": [garment]},
        {"id": "1", "status": "no_garment", "width": 100, "height": 200, "garments": []},
        {
            "id": "2",
            "status": "too_large",
            "garments": [],
            "problem": {"type": "t", "title": "t", "status": 413, "detail": "bomb: 9 pixels."},
        },
    ]
    with client(lambda r: httpx.Response(200, json={**ANSWER, "images": images})) as c:
        found, empty, bad = c.describe([b"a", b"b", b"c"])
    assert found.box == pytest.approx((10, 40, 50, 200))
    assert (found.attributes["colour"].name, found.attributes["colour"].confidence) == ("Red", 0.8)
    assert found.attributes["neck"].status == "not_visible"
    assert empty.box is None
    assert bad.problem == "bomb: 9 pixels."


def test_the_pages_of_a_catalogue_job_are_followed_to_the_end(client):
    def page(ids: str, cursor: str) -> httpx.Response:
        rows = [{"id": i} for i in ids]
        made = JobResultsResponse(id="j", rows=rows, next=cursor, complete=False)
        return httpx.Response(200, content=made.to_json())

    pages = {None: page("ab", "2"), "2": page("c", "3"), "3": page("", "3")}
    with client(lambda r: pages[r.url.params.get("cursor")]) as c:
        assert [row["id"] for row in c.results("j", limit=2)] == ["a", "b", "c"]
