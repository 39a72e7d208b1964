"""The OpenAPI document: what FastAPI cannot see because bodies are read strictly, by hand."""

from typing import Any

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
from fashiontrend.serve.schemas.responses import ProblemDetails

REF = "#/components/schemas/{model}"
ASKED = (
    requests.RecogniseRequest, requests.UploadRequest, requests.ForecastRequest, requests.JobRequest, InferRequest
)  # fmt: skip
RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
TEXTS = {
    304: "The caller has it already.",
    400: "Not valid.",
    401: "No valid token.",
    403: "The token lacks the scope.",
    404: "Not there.",
    408: "The body came too slowly.",
    409: "The Idempotency-Key was used for another request.",
    413: "Too large.",
    415: "Not a type that is read here.",
    422: "The recogniser's taxonomy does not fit, or, with options.strict, a picture.",
    429: "Too much to do; come again.",
    503: "Not ready; come again.",
    504: "No answer in time.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documented problems; 401, 403, 429 and 503 are everywhere. 422 keeps FastAPI's own form out."""
    told: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*statuses, 401, 403, 422, 429, 503}):
        schema = {"$ref": REF.format(model=ProblemDetails.__name__)}
        told[status] = {"description": TEXTS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        if status in (429, 503):
            told[status]["headers"] = RETRY
        if status == 304:
            told[status] = {"description": TEXTS[304]}
    return told


def secured(scope: Scope) -> dict[str, Any]:
    """What an operation says of its token."""
    return {"security": [{"bearer": [scope]}]}


def body(
    scope: Scope,
    model: type[pydantic.BaseModel],
    example: dict[str, Any],
    further: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What an operation says of its body."""
    schema = {"$ref": REF.format(model=model.__name__)}
    content = {JSON: {"schema": schema, "example": example}, **(further or {})}
    return {**secured(scope), "requestBody": {"required": True, "content": content}}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document."""
    spec: dict[str, Any] = get_openapi(
        title="fashiontrend",
        version=__version__,
        summary="What pictures show, and what people will want to wear next.",
        routes=app.routes,
    )
    _, extra = models_json_schema(
        [*((m, "validation") for m in ASKED), (ProblemDetails, "serialization")], ref_template=REF
    )
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(extra["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    spec["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "Roles are scopes."}
    }
    return spec
