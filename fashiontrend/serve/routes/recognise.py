"""POST /v1/recognise: pictures by URL, by store key or uploaded."""

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.routes.openapi import body, errors
from fashiontrend.serve.routes.services import JSON, Services, fresh, request_id
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
        "request": {"type": "string", "description": "JSON of UploadRequest."},
    },
}


def make_router(services: Services) -> APIRouter:
    """The endpoint."""
    router = APIRouter()

    @router.post(
        "/v1/recognise",
        responses={200: {"model": RecogniseResponse}, **errors(400, 404, 408, 413, 415, 422, 504)},
        openapi_extra=body("recognise", RecogniseRequest, EXAMPLE, {FORM: {"schema": UPLOAD}}),
        tags=["recognise"],
        summary="Recognise 1 to 32 pictures",
    )
    async def recognise(request: Request) -> Response:
        services.allow(request, "recognise")
        recognition = services.need_recognition()
        kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
        if kind == FORM:
            files, asked = await _read_form(request, services)
            told = await recognition.answer_uploads(files, asked, request_id(request))
        elif kind == JSON:
            told = await recognition.answer(
                await services.read(request, RecogniseRequest), request_id(request)
            )
        else:
            raise Problem(
                415, "unsupported_media", f"Content-Type {kind[:60]!r}; expected {JSON} or {FORM}."
            )
        request.scope["state"]["facts"] = told["usage"]
        return fresh(told)

    return router


async def _read_form(
    request: Request, services: Services
) -> tuple[list[tuple[str, bytes]], UploadRequest]:
    limit = services.cfg.max_images
    async with request.form(max_files=limit, max_fields=1) as form:
        files: list[tuple[str, bytes]] = []
        asked = UploadRequest()
        for name, value in form.multi_items():
            if name == "image" and isinstance(value, UploadFile):
                files.append((_printable(value.filename), await value.read()))
            elif name == "request" and isinstance(value, str):
                asked = services.check(value.encode("utf-8", "surrogatepass"), UploadRequest)
            else:
                raise Problem(
                    400,
                    "invalid",
                    "A form has files named `image` and at most one text named `request`.",
                )
    return files, asked


def _printable(name: str | None) -> str:
    """A file name that can be echoed."""
    plain = (name or "").encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in plain if c.isprintable())
