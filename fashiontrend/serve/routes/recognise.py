"""POST /v1/recognise: pictures by URL, by store key, or uploaded."""

from fastapi import APIRouter, Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.responses import Response

from fashiontrend.serve.routes.openapi import body, errors
from fashiontrend.serve.routes.services import (
    JSON,
    Services,
    fresh,
    media_type,
    request_id,
)
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.requests import RecogniseRequest, UploadRequest
from fashiontrend.serve.schemas.responses import RecogniseResponse

FORM = "multipart/form-data"
EXAMPLE = {
    "images": [
        {
            "id": "sku-1#0",
            "url": "https://shop.example/a.jpg",
            "context": {"product_id": "sku-1", "platform": "shop-a"},
            "regions": [{"box": [0.12, 0.08, 0.86, 0.95]}],
        }
    ],
    "options": {"lang": ["en", "zh"], "min_confidence": 0.5, "top_k": 3},
}
UPLOAD = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
        },
        "request": {"type": "string", "description": "An UploadRequest as JSON."},
    },
}


def make_router(services: Services) -> APIRouter:
    """Make the endpoint."""
    router = APIRouter()

    @router.post(
        "/v1/recognise",
        responses={200: {"model": RecogniseResponse}, **errors(400, 404, 408, 413, 415, 422, 504)},
        openapi_extra=body("recognise", RecogniseRequest, EXAMPLE, {FORM: {"schema": UPLOAD}}),
        tags=["recognise"],
        summary="Recognise the garments in pictures",
    )
    async def recognise(request: Request) -> Response:
        services.allow(request, "recognise")
        recognition = services.need_recognition()
        kind = media_type(request)
        if kind == FORM:
            files, upload = await _read_form(request, services)
            response = await recognition.recognise_uploads(files, upload, request_id(request))
        elif kind == JSON:
            remote = await services.read(request, RecogniseRequest)
            response = await recognition.recognise(remote, request_id(request))
        else:
            detail = f"The Content-Type is {kind[:60]!r}; expected {JSON} or {FORM}."
            raise Problem(415, "unsupported_media", detail)
        request.scope["state"]["facts"] = response.usage.model_dump()
        return fresh(response)

    return router


async def _read_form(
    request: Request, services: Services
) -> tuple[list[tuple[str, bytes]], UploadRequest]:
    """Read the names and bytes of the files, and the field `request`."""
    try:
        "".encode(_charset(request))
    except (LookupError, UnicodeError):  # `undefined` is a codec that knows no text
        detail = f"The form states the charset {_charset(request)[:40]!r}, which is not known. Send UTF-8."
        raise Problem(400, "invalid", detail) from None
    limit = services.cfg.max_images
    async with request.form(max_files=limit, max_fields=1) as form:
        files: list[tuple[str, bytes]] = []
        upload = UploadRequest()
        for name, value in form.multi_items():
            if name == "image" and isinstance(value, UploadFile):
                files.append((_printable(value.filename), await value.read()))
            elif name == "request" and isinstance(value, str):
                text = value.encode("utf-8", "surrogatepass")
                upload = await services.parse_soon(text, UploadRequest)
            else:
                detail = f"The form has the field {name[:60]!r}; expected files `image` and at most one text "
                raise Problem(400, "invalid", detail + "field `request`.")
    return files, upload


def _charset(request: Request) -> str:
    """The charset that a form states, or UTF-8."""
    _, options = parse_options_header(request.headers.get("content-type"))
    return options.get(b"charset", b"utf-8").decode("latin-1")


def _printable(name: str | None) -> str:
    """A file name that can be part of a JSON response."""
    plain = (name or "").encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in plain if c.isprintable())
