"""Problems: why a request, or one picture of it, failed, as plain Python (RFC 9457).

`http/problems.py` renders them as `application/problem+json`.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fashiontrend.serve.schemas.responses import FieldError, ProblemDetails

#: Prefix of every problem's `type`.
TYPE_PREFIX = "urn:fashiontrend:problem:"
#: Titles of statuses that are not in the HTTP standard; proxies log 499 for a client that left.
TITLES = {499: "Client Closed Request"}


class Problem(Exception):
    """A request, or one picture of it, that the server refuses or cannot answer.

    Args:
        status: HTTP status.
        code: short word for programs; it ends the problem's `type`.
        detail: sentences for people: what failed, what was seen, what to do.
        headers: further response headers, such as Retry-After.
        errors: the mistakes of the request, one for each wrong field.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.errors = dict(headers or {}), tuple(errors)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.code, self.detail, self.headers, self.errors)

    def details(self, request_id: str = "") -> ProblemDetails:
        """The problem document; fields without a value are left out."""
        further: dict[str, Any] = {"request_id": request_id} if request_id else {}
        if self.errors:
            further["errors"] = list(self.errors)
        return ProblemDetails(
            type=TYPE_PREFIX + self.code,
            title=TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            **further,
        )


def busy(detail: str, retry_after_s: int, status: int = 429) -> Problem:
    """The server has too much to do, or is not ready; the caller should retry after some seconds.

    Args:
        detail: what is full or missing, without a full stop; the advice to retry is appended.
        retry_after_s: value of the header Retry-After, in seconds.
        status: 429, or 503 if no request can be answered.
    """
    text = f"{detail}. Retry after {retry_after_s} s."
    return Problem(status, "busy", text, {"Retry-After": str(retry_after_s)})
