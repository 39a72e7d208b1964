"""The Open Inference Protocol (KServe, Triton, Seldon) over the recogniser, below /v1/recognise/v2.

The path lies below the recogniser's prefix, so that no request passes from one application to
another. Clients of the protocol use `http://host/v1/recognise` as the server's address.
"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from fashiontrend import __version__
from fashiontrend.serve.http.problems import MEDIA_TYPE
from fashiontrend.serve.recognition.served_model import ServedModel
from fashiontrend.serve.routes.openapi import DESCRIPTIONS, DocumentedResponses, body, secured
from fashiontrend.serve.routes.services import JSON, Services, fresh, media_type, request_id
from fashiontrend.serve.schemas import open_inference
from fashiontrend.serve.schemas.open_inference import (
    InferenceError,
    InferRequest,
    InferResponse,
    ModelMetadata,
    ModelReady,
    ServerMetadata,
    TensorMetadata,
)
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.requests import Options, UploadRequest
from fashiontrend.serve.schemas.responses import RecogniseResponse

PREFIX = "/v1/recognise/v2"
MODEL = f"{PREFIX}/models/{{name}}"
VERSION = f"{MODEL}/versions/{{version}}"
EXAMPLE = {
    "id": "42",
    "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["/9j/4AAQSkZJRg=="]}],
    "outputs": [{"name": "colour"}, {"name": "colour.confidence"}],
}


def errors(*statuses: int) -> DocumentedResponses:
    """Document errors: in this protocol's form, or as a problem if the request was not admitted."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    every = sorted({*statuses, 401, 403, 404, 422, 429, 503})
    return {
        status: {
            "model": InferenceError,
            "description": DESCRIPTIONS[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in every
    }


#: Header that says how many bytes of the body are JSON; the bytes of the tensors follow them.
JSON_LENGTH, BINARY = "Inference-Header-Content-Length", "application/octet-stream"


def make_router(services: Services) -> APIRouter:
    """Make the endpoints of the protocol."""
    router = APIRouter(tags=["open inference protocol"])

    async def live() -> dict[str, bool]:
        """Report that the server is running."""
        return {"live": True}

    async def ready() -> dict[str, bool]:
        """Report that the recogniser has passed its self-test."""
        return {"live": True, "ready": True}

    async def server(request: Request) -> Response:
        """Describe the server."""
        return fresh(ServerMetadata(name="fashiontrend", version=__version__, extensions=[]))

    async def metadata(request: Request, name: str, version: str | None = None) -> Response:
        """Describe the inputs and outputs of the recogniser."""

        async def respond() -> Response:
            services.allow(request, "recognise")
            return fresh(_describe(await _find(services, name, version)))

        return await _with_protocol_errors(respond)

    async def model_ready(request: Request, name: str, version: str | None = None) -> Response:
        """Report that the recogniser has passed its self-test."""

        async def respond() -> Response:
            services.allow(request, "recognise")
            await _find(services, name, version)
            return fresh(ModelReady(name=open_inference.MODEL, ready=True))

        return await _with_protocol_errors(respond)

    async def infer(request: Request, name: str, version: str | None = None) -> Response:
        """Recognise pictures."""

        async def respond() -> Response:
            services.allow(request, "recognise")
            model = await _find(services, name, version)
            return fresh(await _infer(services, request, model, version))

        return await _with_protocol_errors(respond)

    router.get(f"{PREFIX}/health/live")(live)
    router.get(f"{PREFIX}/health/ready")(ready)
    router.get(PREFIX, responses={200: {"model": ServerMetadata}, **errors()})(server)
    extra = secured("recognise")
    infer_body = body("recognise", InferRequest, EXAMPLE)
    for path in (MODEL, VERSION):
        shapes = {200: {"model": ModelMetadata}, **errors()}
        router.get(path, responses=shapes, openapi_extra=extra)(metadata)
        shapes = {200: {"model": ModelReady}, **errors()}
        router.get(f"{path}/ready", responses=shapes, openapi_extra=extra)(model_ready)
        shapes = {200: {"model": InferResponse}, **errors(400, 408, 413, 415, 504)}
        router.post(f"{path}/infer", responses=shapes, openapi_extra=infer_body)(infer)
    return router


async def _find(services: Services, name: str, version: str | None) -> ServedModel:
    if name != open_inference.MODEL:
        detail = f"There is no model {name[:60]!r}; the only model is {open_inference.MODEL!r}."
        raise Problem(404, "not_found", detail)
    return await services.need_recognition().models.get(version)


def _describe(model: ServedModel) -> ModelMetadata:
    outputs = open_inference.outputs(model.recogniser.taxonomy.ids)
    return ModelMetadata(
        name=open_inference.MODEL,
        versions=[model.version],
        platform="fashiontrend_attrnet",
        inputs=[TensorMetadata(name=open_inference.INPUT, datatype="BYTES", shape=[-1])],
        outputs=[
            TensorMetadata(name=o.name, datatype=o.datatype, shape=o.shape(-1)) for o in outputs
        ],
    )


async def _infer(
    services: Services, request: Request, model: ServedModel, version: str | None
) -> InferResponse:
    wanted, binary = await _read_request(services, request)
    offered = open_inference.outputs(model.recogniser.taxonomy.ids)
    chosen = open_inference.choose_outputs(offered, wanted.outputs)
    files = [("", data) for data in open_inference.read_pictures(wanted.inputs[0], binary)]
    options = Options(lang=(), min_confidence=0.0, top_k=1)
    found: RecogniseResponse = await services.need_recognition().recognise_uploads(
        files, UploadRequest(options=options, model=version), request_id(request)
    )
    request.scope["state"]["facts"] = found.usage.model_dump()
    response = InferResponse(
        model_name=open_inference.MODEL,
        model_version=found.model.version,
        outputs=open_inference.to_tensors(found.images, chosen),
    )
    if wanted.id is not None:
        response.id = wanted.id
    return response


async def _read_request(services: Services, request: Request) -> tuple[InferRequest, bytes]:
    """Read the JSON of a request, and the tensors' bytes after it (the binary data extension).

    The protocol's clients send JSON without a Content-Type.

    Raises:
        Problem: 400 if the JSON or its stated length is not valid, 415 for another Content-Type.
    """
    kind, stated = media_type(request), request.headers.get(JSON_LENGTH)
    if kind not in ("", JSON, BINARY):
        detail = (
            f"The Content-Type is {kind[:60]!r}; expected {JSON}, or {BINARY} with {JSON_LENGTH}."
        )
        raise Problem(415, "unsupported_media", detail)
    content = await request.body()
    length = len(content)
    if stated is not None:
        length = int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 10 else -1
        if not 0 <= length <= len(content):
            detail = f"{JSON_LENGTH} is {stated[:20]!r}; the body has {len(content)} bytes."
            raise Problem(400, "invalid", detail)
    return await services.parse_soon(content[:length], InferRequest), content[length:]


async def _with_protocol_errors(respond: Callable[[], Awaitable[Response]]) -> Response:
    """Render a problem in the protocol's form, `{"error": ...}`."""
    try:
        return await respond()
    except Problem as problem:
        error = InferenceError(error=problem.detail)
        return Response(error.to_json(), problem.status, problem.headers, JSON)
