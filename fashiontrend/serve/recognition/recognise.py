"""Recognise the pictures of one request: get their bytes, queue them, put the answer together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fashiontrend.config import ServeConfig
from fashiontrend.errors import PictureError, StoreError
from fashiontrend.serve.http import problems
from fashiontrend.serve.http.metrics import Metrics
from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.recognition.allowed_keys import is_allowed
from fashiontrend.serve.recognition.batcher import Overloaded
from fashiontrend.serve.recognition.describe import GarmentPrediction
from fashiontrend.serve.recognition.served_model import Item, Outcome, ServedModel
from fashiontrend.serve.recognition.versions import Versions
from fashiontrend.serve.schemas.requests import (
    BoxFractions,
    Options,
    PictureDetails,
    RecogniseRequest,
    RemotePicture,
    UploadRequest,
)

Fetch = Callable[[str], Awaitable[bytes]]
ReadKey = Callable[[str], bytes]
#: What a picture's reason means to a caller: code and status.
REASONS = {
    "too_large": ("too_large", 413),
    "bomb": ("too_large", 413),
    "too_small": ("too_small", 422),
    "not_found": ("not_found", 422),
}


class RecognitionService:
    """What POST /v1/recognise does."""

    def __init__(
        self,
        models: Versions,
        cfg: ServeConfig,
        metrics: Metrics,
        fetch: Fetch,
        read_key: ReadKey,
    ) -> None:
        """Nothing happens yet.

        Args:
            models: what answers; asked once a request, so that a request has one release.
            cfg: limits.
            metrics: counted here.
            fetch: bytes of a URL.
            read_key: bytes of a store key; may block.
        """
        self.models, self.cfg, self.metrics = models, cfg, metrics
        self._fetch, self._read_key = fetch, read_key

    async def answer(self, asked: RecogniseRequest, request_id: str) -> dict[str, Any]:
        """For pictures by URL or key.

        Raises:
            Problem: the request as a whole cannot be answered.
        """
        self._check_count(len(asked.images))
        model = await self._find(asked.model, asked.options)
        left = _ByteBudget(self.cfg.max_body_bytes)
        data = await asyncio.gather(*(self._bytes_of(i, left) for i in asked.images))
        return await self._describe(model, asked.images, data, asked.options, request_id)

    async def answer_uploads(
        self, files: Sequence[tuple[str, bytes]], asked: UploadRequest, request_id: str
    ) -> dict[str, Any]:
        """For uploaded pictures: (file name, bytes) in order.

        Raises:
            Problem: the request as a whole cannot be answered.
        """
        self._check_count(len(files))
        model = await self._find(asked.model, asked.options)
        if len(asked.images) > len(files):
            raise Problem(
                400,
                "invalid",
                f"`request` speaks of {len(asked.images)} pictures, {len(files)} were uploaded.",
            )
        told = [*asked.images, *(PictureDetails() for _ in files[len(asked.images) :])]
        named = [
            d if d.id else d.model_copy(update={"id": name[:200] or None})
            for d, (name, _) in zip(told, files, strict=True)
        ]
        return await self._describe(
            model, named, [data for _, data in files], asked.options, request_id
        )

    def _check_count(self, count: int) -> None:
        if not 1 <= count <= self.cfg.max_images:
            raise Problem(
                413 if count else 400,
                "too_large" if count else "invalid",
                f"{count} pictures in one request; 1 to {self.cfg.max_images} are taken. "
                "POST /v1/recognitions takes whole catalogues.",
            )

    async def _find(self, version: str | None, options: Options) -> ServedModel:
        model = await self.models.get(version)
        known = model.recogniser.taxonomy.ids
        unknown = [a for a in options.attributes or () if a not in known]
        if unknown:
            raise Problem(
                422,
                "taxonomy",
                f"The recogniser knows no attribute {unknown[0]!r}; it knows {', '.join(known)}.",
            )
        return model

    async def _bytes_of(self, picture: RemotePicture, left: "_ByteBudget") -> bytes | Problem:
        try:
            if picture.url is not None:
                data = await self._fetch(picture.url)
            else:
                data = await asyncio.to_thread(self._checked_key, picture.key or "")
            left.take(len(data))
        except Problem as problem:
            return problem
        return data

    def _checked_key(self, key: str) -> bytes:
        try:
            if is_allowed(key, self.cfg.key_prefixes):
                return self._read_key(key)
        except StoreError:
            pass
        raise Problem(422, "not_found", "There is no such key among those that may be read.")

    async def _describe(
        self,
        model: ServedModel,
        told: Sequence[PictureDetails],
        data: Sequence[bytes | Problem],
        options: Options,
        request_id: str,
    ) -> dict[str, Any]:
        items, owners = [], []
        for n, (picture, content) in enumerate(zip(told, data, strict=True)):
            if isinstance(content, Problem):
                continue
            boxes: list[BoxFractions | None] = [r.box for r in picture.regions]
            for box in boxes or [None]:
                items.append(Item(content, box, options))
                owners.append(n)
        found: dict[int, list[Outcome]] = {}
        for owner, outcome in zip(owners, await self._queue(model, items), strict=True):
            found.setdefault(owner, []).append(outcome)
        images = [
            self._tell(n, picture, content, found.get(n, []))
            for n, (picture, content) in enumerate(zip(told, data, strict=True))
        ]
        if options.strict:
            _refuse_any(images)
        for image in images:
            self.metrics.pictures.labels(image["status"]).inc()
        return {
            "model": name_model("attrnet", model.version, model.digest),
            "taxonomy": model.taxonomy,
            "images": images,
            "usage": {
                "images": len(images),
                "garments": sum(len(i["garments"]) for i in images),
            },
            "request_id": request_id,
        }

    async def _queue(self, model: ServedModel, items: Sequence[Item]) -> list[Outcome]:
        try:
            return await model.batcher.submit(items)
        except Overloaded as error:
            raise problems.busy(
                f"Too much to do: {error}. Come again.", self.cfg.retry_after_s
            ) from None
        finally:
            self.metrics.waiting.set(model.batcher.waiting)

    def _tell(
        self, n: int, picture: PictureDetails, content: bytes | Problem, outcomes: Sequence[Outcome]
    ) -> dict[str, Any]:
        """One picture of the answer."""
        image: dict[str, Any] = {"id": picture.id or str(n), "status": "ok", "garments": []}
        if picture.context is not None:
            image["context"] = picture.context
        if isinstance(content, Problem):
            return _refuse(image, content)
        for outcome in outcomes:
            if isinstance(outcome, PictureError):
                return _refuse(image, of_picture(outcome))
            image |= {"width": outcome.width, "height": outcome.height}
            if outcome.box is not None:
                image["garments"].append(_garment(len(image["garments"]), outcome, outcome.box))
        if not image["garments"]:
            seen = Problem(422, "no_garment", "No garment was found in the picture.")
            return _refuse(image, seen)
        return image


class _ByteBudget:
    """Bytes that one request may still bring."""

    def __init__(self, size: int) -> None:
        self.size = self.left = size

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Problem(
                413, "too_large", f"The request's pictures have more than {self.size} bytes."
            )


def name_model(name: str, version: str, digest: str) -> dict[str, str]:
    """Which model answered."""
    return {"name": name, "version": version, "digest": f"sha256:{digest}"}


def of_picture(error: PictureError) -> Problem:
    """What a picture's fault is to a caller; settings of the server are not named."""
    code, status = REASONS.get(error.reason, ("unsupported_media", 415))
    fault = str(error).removeprefix(f"{error.reason}: ")
    return Problem(status, code, f"{error.reason}: {fault.split('. ', 1)[0]}.")


def _refuse(image: dict[str, Any], problem: Problem) -> dict[str, Any]:
    return {**image, "status": problem.code, "garments": [], "problem": problems.body(problem)}


def _refuse_any(images: Sequence[dict[str, Any]]) -> None:
    for image in images:
        if image["status"] != "ok":
            told = image["problem"]
            raise Problem(
                told["status"],
                image["status"],
                f"Picture {image['id']!r}: {told['detail']} options.strict was set.",
            )


def _garment(number: int, seen: GarmentPrediction, box: BoxFractions) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    pixels = (x0 * seen.width, y0 * seen.height, x1 * seen.width, y1 * seen.height)
    told: dict[str, Any] = {
        "garment_id": number,
        "box": {"rel": list(box), "px": [round(v) for v in pixels]},
        "score": seen.score,
        "attributes": seen.attributes,
    }
    if seen.embedding is not None:
        told["embedding"] = seen.embedding
    return told
