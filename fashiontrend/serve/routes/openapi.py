"""The OpenAPI document: what FastAPI cannot see because bodies are parsed strictly, by our own code."""

from typing import Any, TypeAlias

import pydantic
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from fashiontrend import __version__
from fashiontrend.serve.http.problems import MEDIA_TYPE
from fashiontrend.serve.http.tokens import Scope
from fashiontrend.serve.routes.services import JSON
from fashiontrend.serve.schemas import requests
from fashiontrend.serve.schemas.open_inference import InferRequest
from fashiontrend.serve.schemas.responses import JsonObject, ProblemDetails

#: Responses by HTTP status, as FastAPI takes them.
DocumentedResponses: TypeAlias = dict[int | str, dict[str, Any]]
REF = "#/components/schemas/{model}"
REQUESTS = (
    requests.RecogniseRequest, requests.UploadRequest, requests.ForecastRequest, requests.JobRequest, InferRequest
)  # fmt: skip
RETRY = {
    "Retry-After": {
        "description": "Seconds after which the caller may retry.",
        "schema": {"type": "string"},
    }
}
DESCRIPTIONS = {
    304: "The caller already has this response, as If-None-Match shows.",
    400: "The request is not valid.",
    401: "The request has no valid token.",
    403: "The token lacks the scope of this endpoint.",
    404: "There is nothing under this address.",
    408: "The request body did not arrive in time.",
    409: "The Idempotency-Key was already used for another request, or the job has ended.",
    413: "The request is too large.",
    415: "The Content-Type is not supported.",
    422: "The recogniser does not know an attribute, or options.strict is set and a picture is unusable.",
    429: "The server has too much to do. Retry later.",
    503: "The server is not ready. Retry later.",
    504: "The response was not ready in time.",
}


def errors(*statuses: int) -> DocumentedResponses:
    """Document problems; 401, 403, 422, 429 and 503 are possible everywhere.

    Documenting 422 replaces FastAPI's own form of it, which this API never sends.
    """
    documented: DocumentedResponses = {}
    schema = {"$ref": REF.format(model=ProblemDetails.__name__)}
    for status in sorted({*statuses, 401, 403, 422, 429, 503}):
        documented[status] = {"description": DESCRIPTIONS[status]}
        if status != 304:
            documented[status]["content"] = {MEDIA_TYPE: {"schema": schema}}
        if status in (429, 503):
            documented[status]["headers"] = RETRY
    return documented


def secured(scope: Scope) -> JsonObject:
    """Document the scope that an operation needs."""
    return {"security": [{"bearer": [scope]}]}


def body(
    scope: Scope,
    model: type[pydantic.BaseModel],
    example: JsonObject,
    further: JsonObject | None = None,
) -> JsonObject:
    """Document the scope and the body of an operation.

    Args:
        scope: needed scope.
        model: JSON body.
        example: a valid body.
        further: other media types with their schemas.
    """
    schema = {"$ref": REF.format(model=model.__name__)}
    content = {JSON: {"schema": schema, "example": example}, **(further or {})}
    return {**secured(scope), "requestBody": {"required": True, "content": content}}


def document(app: FastAPI) -> JsonObject:
    """Generate the whole document."""
    spec: JsonObject = get_openapi(
        title="fashiontrend",
        version=__version__,
        summary="Recognises garments in pictures and forecasts what people will want to wear next.",
        routes=app.routes,
    )
    models = [(m, "validation") for m in REQUESTS]
    _, extra = models_json_schema([*models, (ProblemDetails, "serialization")], ref_template=REF)  # type: ignore[list-item]
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(extra["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    spec["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of `fashiontrend token`; each operation names the scope it needs.",
        }
    }
    return spec
