"""What each method of a client sends, and how its answer is read."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import pydantic

from fashiontrend.attrnet.inference import prediction
from fashiontrend.attrnet.inference.prediction import Answer
from fashiontrend.errors import ConfigError
from fashiontrend.serve.schemas.requests import AdhocSeries, Options, RemotePicture
from fashiontrend.serve.schemas.responses import (
    AdhocForecastResponse,
    AttributeResult,
    EvidenceResponse,
    ForecastsResponse,
    GatesResponse,
    ImageResult,
    JobResponse,
    KeywordsResponse,
    RecogniseResponse,
    SeriesResponse,
    VersionResponse,
)

T = TypeVar("T")
M = TypeVar("M", bound=pydantic.BaseModel)
Query = Mapping[str, Any]
Box = tuple[float, float, float, float]
RECOGNISE = "/v1/recognise"
#: Pictures that are sent together, and bytes beyond which they are not.
TOGETHER, MOST_BYTES = 16, 40_000_000


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and what makes a typed answer of its JSON."""

    method: str
    address: str
    read: Callable[[Any], T]
    sent: Mapping[str, Any] = field(default_factory=dict)  # as httpx takes it


def recognise(
    files: Sequence[str | Path], options: Options | None, boxes: Mapping[str, Box] | None
) -> Iterator[Call[list[ImageResult]]]:
    """Local pictures, a few at a time, in order.

    Raises:
        ConfigError: a file is not there, or a box is of no picture.
    """
    known = _match(boxes or {}, files)
    for group in _groups([Path(f) for f in files]):
        told = [
            {
                "id": str(path)[-200:],
                "regions": [{"box": known[path.absolute()]}] if path.absolute() in known else [],
            }
            for path in group
        ]
        request = {"images": told, "options": _plain(options or Options())}
        sent = [("image", (path.name, path.read_bytes())) for path in group]
        yield Call("POST", RECOGNISE, _images, _upload(sent, request))


def describe(images: Sequence[bytes]) -> Iterator[Call[list[Answer]]]:
    """Pictures in memory, a few at a time, answered as a `Recogniser` in this process does."""
    request = {"options": _plain(Options(min_confidence=0.0, top_k=1))}
    for group in _portions(images):
        sent = [("image", (str(n), data)) for n, data in enumerate(group)]
        yield Call(
            "POST",
            RECOGNISE,
            lambda told: [_to_answer(i) for i in _images(told)],
            _upload(sent, request),
        )


def recognise_remote(
    pictures: Sequence[RemotePicture], options: Options | None
) -> Call[RecogniseResponse]:
    """Pictures that the server fetches by URL or store key."""
    body = {
        "images": [p.model_dump(mode="json", exclude_none=True) for p in pictures],
        "options": _plain(options or Options()),
    }
    return Call("POST", RECOGNISE, RecogniseResponse.model_validate, {"json": body})


def keywords(query: Query) -> Call[KeywordsResponse]:
    """Keywords."""
    return _get("/v1/keywords", KeywordsResponse, query)


def evidence(keyword_id: str) -> Call[EvidenceResponse]:
    """Everything behind one keyword."""
    return _get(f"/v1/keywords/{quote(keyword_id, safe='')}/evidence", EvidenceResponse)


def series(query: Query) -> Call[SeriesResponse]:
    """Shares."""
    return _get("/v1/series", SeriesResponse, query)


def forecasts(query: Query) -> Call[ForecastsResponse]:
    """The released forecasts."""
    return _get("/v1/forecasts", ForecastsResponse, query)


def forecast(posted: Sequence[AdhocSeries]) -> Call[AdhocForecastResponse]:
    """Posted series, by the released LSTM."""
    body = {"series": [s.model_dump(mode="json", exclude_none=True) for s in posted]}
    return Call("POST", "/v1/forecasts", AdhocForecastResponse.model_validate, {"json": body})


def gates() -> Call[GatesResponse]:
    """The newest verdict of every gate."""
    return _get("/v1/gates", GatesResponse)


def version() -> Call[VersionResponse]:
    """What is running."""
    return _get("/version", VersionResponse)


def submit(
    keys: Sequence[str], options: Options | None, idempotency_key: str | None
) -> Call[JobResponse]:
    """A catalogue job."""
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    body = {"input": list(keys), "options": _plain(options or Options())}
    sent = {"json": body, "headers": headers}
    return Call("POST", "/v1/recognitions", JobResponse.model_validate, sent)


def job(job_id: str) -> Call[JobResponse]:
    """How far a catalogue job is."""
    return _get(f"/v1/recognitions/{quote(job_id, safe='')}", JobResponse)


def results(job_id: str, cursor: str | None, limit: int) -> Call[dict[str, Any]]:
    """One page of a catalogue job's answers."""
    sent = {"params": _present({"cursor": cursor, "limit": limit})}
    return Call("GET", f"/v1/recognitions/{quote(job_id, safe='')}/results", dict, sent)


def next_cursor(page: Mapping[str, Any], cursor: str | None) -> str | None:
    """Where the page after this one begins; None if there is none."""
    following: str | None = page["next"]
    return following if page["rows"] and following != cursor else None


def _get(address: str, model: type[M], query: Query | None = None) -> Call[M]:
    return Call("GET", address, model.model_validate, {"params": _present(query or {})})


def _present(query: Query) -> dict[str, Any]:
    return {k: v for k, v in query.items() if v is not None}


def _plain(options: Options) -> dict[str, Any]:
    return options.model_dump(mode="json")


def _upload(files: Sequence[tuple[str, tuple[str, bytes]]], request: Query) -> dict[str, Any]:
    return {"files": files, "data": {"request": json.dumps(request)}}


def _images(told: Any) -> list[ImageResult]:
    return list(RecogniseResponse.model_validate(told).images)


def _match(boxes: Mapping[str, Box], files: Sequence[str | Path]) -> dict[Path, Box]:
    """The boxes by absolute path, so that `./a.jpg` and `a.jpg` are one picture.

    Raises:
        ConfigError: a box is of no picture, or two are of the same.
    """
    pictures = {Path(f).absolute() for f in files}
    known: dict[Path, Box] = {}
    for name, box in boxes.items():
        path = Path(name).absolute()
        if path not in pictures:
            raise ConfigError(f"boxes: {name} is none of the pictures. Spell it as in `files`.")
        if path in known:
            raise ConfigError(f"boxes: {name} has a second box under another spelling; give one.")
        known[path] = box
    return known


def _groups(paths: Sequence[Path]) -> Iterator[list[Path]]:
    group: list[Path] = []
    size = 0
    for path in paths:
        if not path.is_file():
            raise ConfigError(f"{path}: no such file.")
        bytes_ = path.stat().st_size
        if group and (len(group) == TOGETHER or size + bytes_ > MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(path)
        size += bytes_
    if group:
        yield group


def _portions(images: Sequence[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    for data in images:
        if group and (len(group) == TOGETHER or sum(map(len, group)) + len(data) > MOST_BYTES):
            yield group
            group = []
        group.append(data)
    if group:
        yield group


def _to_answer(image: ImageResult) -> Answer:
    if image.problem is not None and image.status != "no_garment":
        return Answer(problem=image.problem.detail)
    size = (image.width or 0, image.height or 0)
    if not image.garments:
        return Answer(size=size)
    garment = image.garments[0]
    x0, y0, x1, y1 = garment.box.rel
    return Answer(
        {name: _to_attribute(a) for name, a in garment.attributes.items()},
        (x0 * size[0], y0 * size[1], x1 * size[0], y1 * size[1]),
        garment.score or 0.0,
        size,
    )


def _to_attribute(told: AttributeResult) -> prediction.AttributeAnswer:
    name = (told.label or {}).get("en")
    status = prediction.Status(told.status)
    return prediction.AttributeAnswer(status, told.value, name, told.confidence or 0.0)
