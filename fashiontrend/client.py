"""The HTTP API in Python, typed: `Client("http://127.0.0.1:8000").recognise(["a.jpg"])`."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from fashiontrend.attrnet import answers
from fashiontrend.attrnet.answers import Answer
from fashiontrend.errors import ConfigError, DataError, StoreError
from fashiontrend.serve.answered import (
    AttributeAnswer,
    EvidenceAnswer,
    ForecastsAnswer,
    GatesAnswer,
    ImageAnswer,
    JobAnswer,
    KeywordsAnswer,
    PostedAnswer,
    RecogniseAnswer,
    SeriesAnswer,
    VersionAnswer,
)
from fashiontrend.serve.asked import Options, Picture, PostedSeries

TOKEN_VARIABLE = "FASHIONTREND_TOKEN"  # noqa: S105 - the name of a variable
BUSY = {429, 503}
#: Pictures that are sent together, and bytes beyond which they are not.
TOGETHER, MOST_BYTES = 16, 40_000_000


class Refused(DataError):
    """The server answered with a problem; the message holds its detail and request id."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.status, self.code)


class Client:
    """One connection pool to one server; a context manager."""

    def __init__(
        self,
        server: str,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], object] = sleep,
    ) -> None:
        """Nothing is contacted yet.

        Args:
            server: `http(s)://host:port`.
            token: bearer token; $FASHIONTREND_TOKEN if None.
            timeout_s: of one request.
            retries: of a request that was answered 429 or 503, after Retry-After seconds.
            transport: tests give another.
            pause: waits; tests give another.

        Raises:
            ConfigError: `server` is not an http address.
        """
        if not server.startswith(("http://", "https://")):
            raise ConfigError(f"server {server!r}: expected http://host:port.")
        token = token if token is not None else os.environ.get(TOKEN_VARIABLE)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.server, self._retries, self._pause = server, retries, pause
        self._http = httpx.Client(
            base_url=server, headers=headers, timeout=timeout_s, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def recognise(
        self,
        files: Sequence[str | Path],
        options: Options | None = None,
        boxes: Mapping[str, tuple[float, float, float, float]] | None = None,
    ) -> Iterator[ImageAnswer]:
        """Recognise local pictures, a few at a time, in order.

        Args:
            files: paths.
            options: how the answers should look.
            boxes: path -> box in fractions of the upright picture, where it is known.

        Raises:
            Refused: the server refuses; one bad picture is no refusal, its answer says why.
            StoreError: the server cannot be reached.
        """
        known = boxes or {}
        for group in _groups([Path(f) for f in files]):
            told = [
                {
                    "id": str(path)[-200:],
                    "regions": [{"box": known[str(path)]}] if str(path) in known else [],
                }
                for path in group
            ]
            request = {
                "images": told,
                "options": (options or Options()).model_dump(mode="json"),
            }
            sent = [("image", (path.name, path.read_bytes())) for path in group]
            answer = self._call(
                "POST", "/v1/recognise", files=sent, data={"request": json.dumps(request)}
            )
            yield from RecogniseAnswer.model_validate(answer).images

    def describe(self, images: Sequence[bytes]) -> list[Answer]:
        """What `attrnet.predict.Recogniser.describe` says of the same pictures, by the server's model.

        Raises:
            Refused: the server refuses the request as a whole.
            StoreError: the server cannot be reached.
        """
        request = {"options": Options(min_confidence=0.0, top_k=1).model_dump(mode="json")}
        told: list[Answer] = []
        for group in _portions(images):
            sent = [("image", (str(n), data)) for n, data in enumerate(group)]
            answer = self._call(
                "POST", "/v1/recognise", files=sent, data={"request": json.dumps(request)}
            )
            told += [_to_answer(i) for i in RecogniseAnswer.model_validate(answer).images]
        return told

    def recognise_remote(
        self, pictures: Sequence[Picture], options: Options | None = None
    ) -> RecogniseAnswer:
        """Recognise pictures that the server fetches by URL or store key."""
        body = {
            "images": [p.model_dump(mode="json", exclude_none=True) for p in pictures],
            "options": (options or Options()).model_dump(mode="json"),
        }
        return RecogniseAnswer.model_validate(self._call("POST", "/v1/recognise", json=body))

    def keywords(self, **query: str | float | None) -> KeywordsAnswer:
        """Keywords; the query as in the API: as_of, platform, direction, min_confidence, ..."""
        return KeywordsAnswer.model_validate(self._get("/v1/keywords", query))

    def evidence(self, keyword_id: str) -> EvidenceAnswer:
        """Everything behind one keyword."""
        address = f"/v1/keywords/{quote(keyword_id, safe='')}/evidence"
        return EvidenceAnswer.model_validate(self._get(address, {}))

    def series(self, **query: str | None) -> SeriesAnswer:
        """Shares; the query as in the API: platform, attribute, value, from, to, basis, corrected."""
        return SeriesAnswer.model_validate(self._get("/v1/series", query))

    def forecasts(self, **query: str | None) -> ForecastsAnswer:
        """The released forecasts."""
        return ForecastsAnswer.model_validate(self._get("/v1/forecasts", query))

    def forecast(self, series: Sequence[PostedSeries]) -> PostedAnswer:
        """Forecast posted series with the released LSTM."""
        body = {"series": [s.model_dump(mode="json", exclude_none=True) for s in series]}
        return PostedAnswer.model_validate(self._call("POST", "/v1/forecasts", json=body))

    def gates(self) -> GatesAnswer:
        """The newest verdict of every gate."""
        return GatesAnswer.model_validate(self._get("/v1/gates", {}))

    def version(self) -> VersionAnswer:
        """What is running."""
        return VersionAnswer.model_validate(self._get("/version", {}))

    def submit(
        self,
        keys: Sequence[str],
        options: Options | None = None,
        idempotency_key: str | None = None,
    ) -> JobAnswer:
        """Hand in a catalogue job; with a key of your own, twice is once."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        body = {"input": list(keys), "options": (options or Options()).model_dump(mode="json")}
        return JobAnswer.model_validate(
            self._call("POST", "/v1/recognitions", json=body, headers=headers)
        )

    def job(self, job_id: str) -> JobAnswer:
        """How far a catalogue job is."""
        return JobAnswer.model_validate(self._get(f"/v1/recognitions/{job_id}", {}))

    def results(self, job_id: str, limit: int = 1000) -> Iterator[dict[str, Any]]:
        """The answers of a catalogue job, as far as they are there."""
        cursor: str | None = None
        while True:
            query = {"cursor": cursor, "limit": limit}
            page = self._get(f"/v1/recognitions/{job_id}/results", query)
            yield from page["rows"]
            if page["next"] is None or page["next"] == cursor or not page["rows"]:
                return
            cursor = page["next"]

    def _get(self, address: str, query: Mapping[str, Any]) -> Any:
        return self._call("GET", address, params={k: v for k, v in query.items() if v is not None})

    def _call(self, method: str, address: str, **sent: Any) -> Any:
        for attempt in range(self._retries + 1):
            try:
                answer = self._http.request(method, address, **sent)
            except httpx.HTTPError as error:
                raise StoreError(
                    f"{self.server}: {error or type(error).__name__}. Is it running? "
                    "Start one with `fashiontrend serve`."
                ) from error
            if answer.status_code not in BUSY or attempt == self._retries:
                break
            self._pause(_retry_after(answer))
        if answer.is_success:
            return answer.json()
        raise _refused(answer)


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


def _to_answer(image: ImageAnswer) -> Answer:
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


def _to_attribute(told: AttributeAnswer) -> answers.AttributeAnswer:
    name = (told.label or {}).get("en")
    status = answers.Status(told.status)
    return answers.AttributeAnswer(status, told.value, name, told.confidence or 0.0)


def _retry_after(answer: httpx.Response) -> float:
    stated = answer.headers.get("retry-after", "")
    return min(float(stated), 60.0) if stated.isdecimal() else 1.0


def _refused(answer: httpx.Response) -> Refused:
    try:
        told = answer.json()
        detail, code = str(told["detail"]), str(told["type"]).rsplit(":", 1)[1]
        request_id = told.get("request_id", "")
    except (ValueError, KeyError, TypeError, IndexError):
        detail, code, request_id = answer.text[:200], "", answer.headers.get("x-request-id", "")
    return Refused(
        f"{answer.status_code} {code}: {detail} ({request_id})", answer.status_code, code
    )
