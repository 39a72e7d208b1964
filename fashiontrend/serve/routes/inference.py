"""The Open Inference Protocol (KServe, Triton, Seldon) over the recogniser, below /v1/recognise/v2.

Its address lies below the recogniser's prefix, so that no request hops from one application to
another; clients take `http://host/v1/recognise` for the server's address.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from fashiontrend import __version__
from fashiontrend.serve.http.problems import MEDIA_TYPE, Problem
from fashiontrend.serve.recognition.served_model import ServedModel
from fashiontrend.serve.routes.openapi import TEXTS, body, secured
from fashiontrend.serve.routes.services import JSON, Services, fresh, request_id
from fashiontrend.serve.schemas import open_inference
from fashiontrend.serve.schemas.open_inference import (
    InferenceError,
    InferRequest,
    InferResponse,
    ModelMetadata,
    ServerMetadata,
)
from fashiontrend.serve.schemas.requests import Options, UploadRequest

PREFIX = "/v1/recognise/v2"
MODEL = f"{PREFIX}/models/{{name}}"
VERSION = f"{MODEL}/versions/{{version}}"
EXAMPLE = {
    "id": "42",
    "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["/9j/4AAQSkZJRg=="]}],
    "outputs": [{"name": "colour"}, {"name": "colour.confidence"}],
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documented errors: this protocol's form, or the edge's where a request does not come in."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    every = sorted({*statuses, 401, 403, 404, 422, 429, 503})
    return {
        status: {
            "model": InferenceError,
            "description": TEXTS[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in every
    }


def make_router(services: Services) -> APIRouter:
    """The endpoints."""
    router = APIRouter(tags=["open inference protocol"])

    async def find(name: str, version: str | None) -> ServedModel:
        if name != open_inference.MODEL:
            told = f"There is no model {name[:60]!r}; {open_inference.MODEL!r} answers."
            raise Problem(404, "not_found", told)
        return await services.need_recognition().models.get(version)

    async def live() -> dict[str, bool]:
        """The server answers."""
        return {"live": True}

    async def ready() -> dict[str, bool]:
        """A replica that answers has passed its self-test."""
        return {"live": True, "ready": True}

    async def server(request: Request) -> Response:
        """What this is."""
        return fresh({"name": "fashiontrend", "version": __version__, "extensions": []})

    async def metadata(request: Request, name: str, version: str | None = None) -> Response:
        """Inputs and outputs of the recogniser."""

        async def tell() -> Response:
            services.allow(request, "recognise")
            model = await find(name, version)
            outputs = open_inference.outputs(model.recogniser.taxonomy.ids)
            image = {"name": open_inference.INPUT, "datatype": "BYTES", "shape": [-1]}
            told = [{"name": o.name, "datatype": o.datatype, "shape": o.shape(-1)} for o in outputs]
            return fresh(
                {
                    "name": open_inference.MODEL,
                    "versions": [model.version],
                    "platform": "fashiontrend_attrnet",
                    "inputs": [image],
                    "outputs": told,
                }
            )

        return await _in_its_form(tell)

    async def model_ready(request: Request, name: str, version: str | None = None) -> Response:
        """The recogniser has passed its self-test."""

        async def tell() -> Response:
            services.allow(request, "recognise")
            await find(name, version)
            return fresh({"name": open_inference.MODEL, "ready": True})

        return await _in_its_form(tell)

    async def infer(request: Request, name: str, version: str | None = None) -> Response:
        """Recognise pictures."""

        async def tell() -> Response:
            services.allow(request, "recognise")
            model = await find(name, version)
            asked = await services.read(request, InferRequest)
            chosen = open_inference.choose(
                open_inference.outputs(model.recogniser.taxonomy.ids), asked.outputs
            )
            files = [("", data) for data in open_inference.pictures(asked.inputs[0])]
            options = Options(lang=(), min_confidence=0.0, top_k=1)
            found = await services.need_recognition().answer_uploads(
                files, UploadRequest(options=options, model=version), request_id(request)
            )
            request.scope["state"]["facts"] = found["usage"]
            told = {
                "model_name": open_inference.MODEL,
                "model_version": found["model"]["version"],
                "outputs": open_inference.tell(found["images"], chosen),
            }
            return fresh(told if asked.id is None else {**told, "id": asked.id})

        return await _in_its_form(tell)

    router.get(f"{PREFIX}/health/live")(live)
    router.get(f"{PREFIX}/health/ready")(ready)
    router.get(PREFIX, responses={200: {"model": ServerMetadata}, **errors()})(server)
    extra = secured("recognise")
    posted = body("recognise", InferRequest, EXAMPLE)
    for path in (MODEL, VERSION):
        told = {200: {"model": ModelMetadata}, **errors()}
        router.get(path, responses=told, openapi_extra=extra)(metadata)
        router.get(f"{path}/ready", responses=errors(), openapi_extra=extra)(model_ready)
        told = {200: {"model": InferResponse}, **errors(400, 408, 413, 415, 504)}
        router.post(f"{path}/infer", responses=told, openapi_extra=posted)(infer)
    return router


async def _in_its_form(tell: Callable[[], Awaitable[Response]]) -> Response:
    """An answer, or `{"error": ...}`."""
    try:
        return await tell()
    except Problem as problem:
        headers = dict(problem.headers or {})
        return Response(
            InferenceError(error=str(problem.detail)).model_dump_json(),
            problem.status_code,
            headers,
            JSON,
        )
