"""Problems as HTTP responses: `application/problem+json` (RFC 9457)."""

from collections.abc import Sequence
from typing import Any

import pydantic_core
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.responses import FieldError

MEDIA_TYPE = "application/problem+json"
#: Codes for the errors that Starlette and FastAPI raise themselves, by HTTP status.
CODES = {400: "invalid", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
#: A response lists at most this many mistakes of a request.
MAX_ERRORS = 20


def respond(problem: Problem, request_id: str = "") -> Response:
    """Render a problem, with its headers."""
    return Response(
        problem.details(request_id).to_json(),
        problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def from_http_exception(error: HTTPException) -> Problem:
    """Turn an error of Starlette or FastAPI, such as an unknown path, into a problem."""
    code = CODES.get(error.status_code, "refused")
    return Problem(error.status_code, code, str(error.detail), error.headers)


def from_validation(error: RequestValidationError | pydantic_core.ValidationError) -> Problem:
    """Turn failed validation into a problem with one entry per wrong field.

    The caller's input is not echoed.
    """
    found = [
        FieldError(path=".".join(str(part) for part in e["loc"]) or "(top)", message=str(e["msg"]))
        for e in _errors(error)[:MAX_ERRORS]
    ]
    text = "; ".join(f"{e.path}: {e.message}" for e in found[:3])
    return Problem(400, "invalid", f"The request is not valid: {text}.", errors=found)


def _errors(error: RequestValidationError | pydantic_core.ValidationError) -> Sequence[Any]:
    """Return all errors, without copies of the input that pydantic would make for each."""
    if isinstance(error, pydantic_core.ValidationError):
        return error.errors(include_url=False, include_context=False, include_input=False)
    return error.errors()
