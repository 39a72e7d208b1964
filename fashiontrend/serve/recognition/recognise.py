"""Recognise the pictures of one request: read their bytes, queue them, build the response."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from fashiontrend import images
from fashiontrend.config import ServeConfig
from fashiontrend.errors import PictureError, StoreError
from fashiontrend.serve.metrics import Metrics
from fashiontrend.serve.recognition.allowed_keys import is_allowed
from fashiontrend.serve.recognition.batcher import Overloaded
from fashiontrend.serve.recognition.predictions import DescribedGarment
from fashiontrend.serve.recognition.served_model import Item, Result, ServedModel
from fashiontrend.serve.recognition.versions import Versions
from fashiontrend.serve.schemas.problems import Problem, busy
from fashiontrend.serve.schemas.requests import (
    BoxFractions,
    Options,
    PictureDetails,
    RecogniseRequest,
    RemotePicture,
    UploadRequest,
)
from fashiontrend.serve.schemas.responses import (
    Garment,
    GarmentBox,
    ImageResult,
    ModelIdentity,
    RecogniseResponse,
    Usage,
)

Fetch = Callable[[str], Awaitable[bytes]]
ReadKey = Callable[[str], bytes]
#: The pictures of a request may have as many pixels together as so many of the largest allowed ones.
MAX_LARGE_PICTURES = 4
#: Code and HTTP status for the reasons why a picture cannot be used.
REASONS = {
    "too_large": ("too_large", 413),
    "bomb": ("too_large", 413),
    "too_small": ("too_small", 422),
    "not_found": ("not_found", 422),
}


class RecognitionService:
    """What POST /v1/recognise does, without HTTP."""

    def __init__(
        self,
        models: Versions,
        cfg: ServeConfig,
        metrics: Metrics,
        fetch: Fetch,
        read_key: ReadKey,
    ) -> None:
        """Set up.

        Args:
            models: gives the model; it is asked once per request, so that a request has one release.
            cfg: limits.
            metrics: the service counts pictures there.
            fetch: reads the bytes of a URL.
            read_key: reads the bytes of a store key; it may block.
        """
        self.models, self.cfg, self.metrics = models, cfg, metrics
        self._fetch, self._read_key = fetch, read_key

    async def recognise(self, request: RecogniseRequest, request_id: str) -> RecogniseResponse:
        """Recognise pictures by URL or store key.

        Raises:
            Problem: the request as a whole is refused.
        """
        self._check_count(len(request.images))
        model = await self._find(request.model, request.options)
        budget = _ByteBudget(self.cfg.max_body_bytes)
        data = await asyncio.gather(*(self._read(i, budget) for i in request.images))
        return await self._respond(model, request.images, data, request.options, request_id)

    async def recognise_uploads(
        self, files: Sequence[tuple[str, bytes]], request: UploadRequest, request_id: str
    ) -> RecogniseResponse:
        """Recognise uploaded pictures.

        Args:
            files: name and bytes of each file.
            request: details and options; details are matched to files by position.
            request_id: for the response.

        Raises:
            Problem: the request as a whole is refused.
        """
        self._check_count(len(files))
        model = await self._find(request.model, request.options)
        pictures = _describe_files(files, request)
        data = [content for _, content in files]
        return await self._respond(model, pictures, data, request.options, request_id)

    def _check_count(self, count: int) -> None:
        most = self.cfg.max_images
        if count > most:
            raise Problem(
                413,
                "too_large",
                f"The request has {count} pictures; at most {most} are allowed. Use "
                "POST /v1/recognitions for whole catalogues.",
            )
        if not count:
            detail = f"The request has no picture. Send 1 to {most} pictures."
            raise Problem(400, "invalid", detail)

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

    async def _read(self, picture: RemotePicture, budget: "_ByteBudget") -> bytes | Problem:
        try:
            if picture.url is not None:
                data = await self._fetch(picture.url)
            else:
                data = await asyncio.to_thread(self._read_allowed_key, picture.key or "")
            budget.take(len(data))
        except Problem as problem:
            return problem
        return data

    def _read_allowed_key(self, key: str) -> bytes:
        try:
            if is_allowed(key, self.cfg.key_prefixes):
                return self._read_key(key)
        except StoreError:
            pass
        raise Problem(
            422, "not_found", "The store has no such key, or callers may not read the key."
        )

    async def _respond(
        self,
        model: ServedModel,
        pictures: Sequence[PictureDetails],
        data: Sequence[bytes | Problem],
        options: Options,
        request_id: str,
    ) -> RecogniseResponse:
        data = await asyncio.to_thread(self._within_pixels, data)
        items, owners = [], []
        for n, (picture, content) in enumerate(zip(pictures, data, strict=True)):
            if isinstance(content, Problem):
                continue
            boxes: list[BoxFractions | None] = [r.box for r in picture.regions]
            for box in boxes or [None]:
                items.append(Item(content, box, options))
                owners.append(n)
        results: dict[int, list[Result]] = {}
        for owner, result in zip(owners, await self._submit(model, items), strict=True):
            results.setdefault(owner, []).append(result)
        found = [
            _image(picture, str(n), content, results.get(n, []))
            for n, (picture, content) in enumerate(zip(pictures, data, strict=True))
        ]
        if options.strict:
            _refuse_problems(found)
        for image in found:
            self.metrics.pictures.labels(image.status).inc()
        return RecogniseResponse(
            model=ModelIdentity.of("attrnet", model.version, model.digest),
            taxonomy=model.taxonomy,
            images=found,
            usage=Usage(images=len(found), garments=sum(len(i.garments) for i in found)),
            request_id=request_id,
        )

    def _within_pixels(self, data: Sequence[bytes | Problem]) -> list[bytes | Problem]:
        """Replace the pictures that would make a request's pixels too many by a problem."""
        left, kept = MAX_LARGE_PICTURES * self.cfg.max_pixels, list(data)
        for n, content in enumerate(data):
            if isinstance(content, Problem):
                continue
            with contextlib.suppress(PictureError):  # the recogniser reports what is wrong with it
                width, height = images.upright_size(content)
                left -= width * height
            if left < 0:
                most = MAX_LARGE_PICTURES * self.cfg.max_pixels
                detail = f"The request's pictures have more than {most} pixels together."
                kept[n] = Problem(413, "too_large", detail)
        return kept

    async def _submit(self, model: ServedModel, items: Sequence[Item]) -> list[Result]:
        try:
            return await model.batcher.submit(items)
        except Overloaded as error:
            detail = f"The server has too much to do: {error}"
            raise busy(detail, self.cfg.retry_after_s) from None
        finally:
            self.metrics.waiting.set(model.batcher.waiting)


class _ByteBudget:
    """The bytes that the pictures of one request may have together."""

    def __init__(self, size: int) -> None:
        self.size = self.left = size

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            detail = f"The request's pictures are larger than {self.size} bytes together."
            raise Problem(413, "too_large", detail)


def picture_problem(error: PictureError) -> Problem:
    """Describe an unusable picture to a caller, without naming the server's settings."""
    code, status = REASONS.get(error.reason, ("unsupported_media", 415))
    fault = str(error).removeprefix(f"{error.reason}: ")
    return Problem(status, code, f"{error.reason}: {fault.split('. ', 1)[0]}.")


def _describe_files(
    files: Sequence[tuple[str, bytes]], request: UploadRequest
) -> list[PictureDetails]:
    """The details of every file; a file without an id gets its name."""
    if len(request.images) > len(files):
        raise Problem(
            400,
            "invalid",
            f"The field `request` describes {len(request.images)} pictures, but {len(files)} were "
            "uploaded.",
        )
    details = [*request.images, *(PictureDetails() for _ in files[len(request.images) :])]
    return [
        d if d.id else d.model_copy(update={"id": name[:200] or None})
        for d, (name, _) in zip(details, files, strict=True)
    ]


def _image(
    picture: PictureDetails, position: str, content: bytes | Problem, results: Sequence[Result]
) -> ImageResult:
    """The result for one picture; a problem of any of its regions is a problem of the picture."""
    image = ImageResult(id=picture.id or position, status="ok", garments=[])
    if picture.context is not None:
        image.context = picture.context
    if isinstance(content, Problem):
        return _with_problem(image, content)
    for result in results:
        if isinstance(result, PictureError):
            return _with_problem(image, picture_problem(result))
        image.width, image.height = result.width, result.height
        if result.box is not None:
            image.garments.append(_garment(len(image.garments), result, result.box))
    if not image.garments:
        nothing = Problem(422, "no_garment", "The recogniser found no garment in the picture.")
        return _with_problem(image, nothing)
    return image


def _with_problem(image: ImageResult, problem: Problem) -> ImageResult:
    update = {"status": problem.code, "garments": [], "problem": problem.details()}
    return image.model_copy(update=update)


def _refuse_problems(results: Sequence[ImageResult]) -> None:
    """Refuse the whole request for its first picture with a problem (options.strict)."""
    for image in results:
        if image.problem is not None:
            raise Problem(
                image.problem.status,
                image.status,
                f"Picture {image.id!r}: {image.problem.detail} The request failed because "
                "options.strict is set.",
            )


def _garment(number: int, predicted: DescribedGarment, box: BoxFractions) -> Garment:
    x0, y0, x1, y1 = box
    width, height = predicted.width, predicted.height
    pixels = (round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height))
    garment = Garment(
        garment_id=number,
        box=GarmentBox(rel=box, px=pixels),
        score=predicted.score,
        attributes=predicted.attributes,
    )
    if predicted.embedding is not None:
        garment.embedding = predicted.embedding
    return garment
