"""The API without IO: for each method of a client the request it sends and the parser of its response."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeAlias, TypedDict, TypeVar
from urllib.parse import quote

import pydantic

from fashiontrend.attrnet.inference import prediction
from fashiontrend.attrnet.inference.prediction import GarmentPrediction
from fashiontrend.errors import ConfigError
from fashiontrend.serve.schemas.catalogue_jobs import JobResponse, JobResultsResponse, JobsResponse
from fashiontrend.serve.schemas.requests import AdhocSeries, BoxFractions, Options, RemotePicture
from fashiontrend.serve.schemas.responses import (
    AdhocForecastResponse,
    AttributeResult,
    EvidenceResponse,
    ForecastsResponse,
    GatesResponse,
    ImageResult,
    JsonObject,
    KeywordsResponse,
    RecogniseResponse,
    SeriesResponse,
    VersionResponse,
)
from fashiontrend.serve.schemas.retail import RetailResponse
from fashiontrend.serve.schemas.scorecard import ScorecardResponse

T = TypeVar("T")
M = TypeVar("M", bound=pydantic.BaseModel)
Query: TypeAlias = Mapping[str, str | float | None]
RECOGNISE = "/v1/recognise"
#: One request carries at most this many pictures, and at most this many bytes of several pictures.
MAX_PICTURES, MAX_BYTES = 16, 40_000_000


class Content(TypedDict, total=False):
    """What a request sends, as httpx's `request` takes it."""

    params: dict[str, str | float]
    json: JsonObject
    files: list[tuple[str, tuple[str, bytes]]]
    data: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request of the API.

    Attributes:
        method: HTTP method.
        path: path on the server.
        parse: turns the JSON of the response into a typed value.
        content: what the request sends.
    """

    method: str
    path: str
    parse: Callable[[JsonObject], T]
    content: Content = field(default_factory=Content)


def recognise(
    files: Sequence[str | Path],
    options: Options | None,
    boxes: Mapping[str, BoxFractions] | None,
) -> Iterator[Call[list[ImageResult]]]:
    """Recognise local pictures, a few per request, in order.

    Raises:
        ConfigError: a file does not exist, or a box belongs to none of the files.
    """
    known = _match(boxes or {}, files)
    for group in _groups([Path(f) for f in files]):
        pictures = [
            {
                "id": str(path)[-200:],
                "regions": [{"box": known[path.absolute()]}] if path.absolute() in known else [],
            }
            for path in group
        ]
        request = {"images": pictures, "options": _to_json(options or Options())}
        uploads = [(path.name, path.read_bytes()) for path in group]
        yield Call("POST", RECOGNISE, _images, _upload(uploads, request))


def describe(images: Sequence[bytes]) -> Iterator[Call[list[GarmentPrediction]]]:
    """Recognise pictures in memory, a few per request, with the results of a local `Recogniser`."""
    request = {"options": _to_json(Options(min_confidence=0.0, top_k=1))}
    for group in _portions(images):
        uploads = [(str(n), data) for n, data in enumerate(group)]
        yield Call("POST", RECOGNISE, _predictions, _upload(uploads, request))


def recognise_remote(
    pictures: Sequence[RemotePicture], options: Options | None
) -> Call[RecogniseResponse]:
    """Recognise pictures that the server reads by URL or store key."""
    body = {
        "images": [p.model_dump(mode="json", exclude_none=True) for p in pictures],
        "options": _to_json(options or Options()),
    }
    return _post(RECOGNISE, RecogniseResponse, body)


def keywords(query: Query) -> Call[KeywordsResponse]:
    """Get the keywords of a day."""
    return _get("/v1/keywords", KeywordsResponse, query)


def evidence(keyword_id: str) -> Call[EvidenceResponse]:
    """Get what is behind a keyword."""
    return _get(f"/v1/keywords/{quote(keyword_id, safe='')}/evidence", EvidenceResponse)


def scorecard() -> Call[ScorecardResponse]:
    """Get how published keywords turned out."""
    return _get("/v1/scorecard", ScorecardResponse)


def series(query: Query) -> Call[SeriesResponse]:
    """Get shares over days."""
    return _get("/v1/series", SeriesResponse, query)


def retail(query: Query) -> Call[RetailResponse]:
    """Get how the products of values are sold over days."""
    return _get("/v1/retail", RetailResponse, query)


def forecasts(query: Query) -> Call[ForecastsResponse]:
    """Get the released forecasts."""
    return _get("/v1/forecasts", ForecastsResponse, query)


def forecast(own: Sequence[AdhocSeries]) -> Call[AdhocForecastResponse]:
    """Forecast the caller's own series with the released LSTM."""
    body = {"series": [s.model_dump(mode="json", exclude_none=True) for s in own]}
    return _post("/v1/forecasts", AdhocForecastResponse, body)


def gates() -> Call[GatesResponse]:
    """Get the newest verdict of every gate."""
    return _get("/v1/gates", GatesResponse)


def version() -> Call[VersionResponse]:
    """Get the running version and the release it serves."""
    return _get("/version", VersionResponse)


def submit(
    keys: Sequence[str], options: Options | None, idempotency_key: str | None
) -> Call[JobResponse]:
    """Submit a catalogue job."""
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    body = {"input": list(keys), "options": _to_json(options or Options())}
    return _post("/v1/recognitions", JobResponse, body, headers)


def job(job_id: str) -> Call[JobResponse]:
    """Get the state of a catalogue job."""
    return _get(f"/v1/recognitions/{quote(job_id, safe='')}", JobResponse)


def list_jobs() -> Call[JobsResponse]:
    """Get the caller's newest catalogue jobs."""
    return _get("/v1/recognitions", JobsResponse)


def cancel(job_id: str) -> Call[JobResponse]:
    """Cancel a catalogue job."""
    path = f"/v1/recognitions/{quote(job_id, safe='')}"
    return Call("DELETE", path, JobResponse.model_validate, Content())


def results(job_id: str, cursor: str | None, limit: int) -> Call[JobResultsResponse]:
    """Get a page of a catalogue job's results."""
    path = f"/v1/recognitions/{quote(job_id, safe='')}/results"
    return _get(path, JobResultsResponse, {"cursor": cursor, "limit": limit})


def next_cursor(page: JobResultsResponse, cursor: str | None) -> str | None:
    """Return the cursor of the next page; None if this page is the last one so far."""
    return page.next if page.rows and page.next != cursor else None


def _get(path: str, model: type[M], query: Query | None = None) -> Call[M]:
    params = {k: v for k, v in (query or {}).items() if v is not None}
    return Call("GET", path, model.model_validate, Content(params=params))


def _post(
    path: str, model: type[M], body: JsonObject, headers: dict[str, str] | None = None
) -> Call[M]:
    return Call("POST", path, model.model_validate, Content(json=body, headers=headers or {}))


def _to_json(options: Options) -> JsonObject:
    return options.model_dump(mode="json")


def _upload(files: Sequence[tuple[str, bytes]], request: JsonObject) -> Content:
    return Content(files=[("image", f) for f in files], data={"request": json.dumps(request)})


def _images(response: JsonObject) -> list[ImageResult]:
    return RecogniseResponse.model_validate(response).images


def _predictions(response: JsonObject) -> list[GarmentPrediction]:
    return [_to_prediction(image) for image in _images(response)]


def _match(
    boxes: Mapping[str, BoxFractions], files: Sequence[str | Path]
) -> dict[Path, BoxFractions]:
    """The boxes by absolute path, so that `./a.jpg` and `a.jpg` are the same picture.

    Raises:
        ConfigError: a box belongs to none of the pictures, or two boxes to the same picture.
    """
    pictures = {Path(f).absolute() for f in files}
    known: dict[Path, BoxFractions] = {}
    for name, box in boxes.items():
        path = Path(name).absolute()
        if path not in pictures:
            raise ConfigError(
                f"boxes: {name} is none of the pictures in `files`. Correct its path."
            )
        if path in known:
            raise ConfigError(f"boxes: {name} has two boxes under different spellings. Give one.")
        known[path] = box
    return known


def _groups(paths: Sequence[Path]) -> Iterator[list[Path]]:
    group: list[Path] = []
    size = 0
    for path in paths:
        if not path.is_file():
            raise ConfigError(f"{path} does not exist. Correct its path.")
        bytes_ = path.stat().st_size
        if group and (len(group) == MAX_PICTURES or size + bytes_ > MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(path)
        size += bytes_
    if group:
        yield group


def _portions(images: Sequence[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    for data in images:
        size = sum(map(len, group)) + len(data)
        if group and (len(group) == MAX_PICTURES or size > MAX_BYTES):
            yield group
            group = []
        group.append(data)
    if group:
        yield group


def _to_prediction(image: ImageResult) -> GarmentPrediction:
    if image.problem is not None and image.status != "no_garment":
        return GarmentPrediction(problem=image.problem.detail)
    size = (image.width or 0, image.height or 0)
    if not image.garments:
        return GarmentPrediction(size=size)
    garment = image.garments[0]
    x0, y0, x1, y1 = garment.box.rel
    return GarmentPrediction(
        {name: _to_attribute(a) for name, a in garment.attributes.items()},
        (x0 * size[0], y0 * size[1], x1 * size[0], y1 * size[1]),
        garment.score or 0.0,
        size,
    )


def _to_attribute(found: AttributeResult) -> prediction.AttributePrediction:
    name = (found.label or {}).get("en")
    status = prediction.Status(found.status)
    return prediction.AttributePrediction(status, found.value, name, found.confidence or 0.0)
