"""One request and its answer: what is sent along, when it is tried again, what a refusal says."""

import os
from typing import Any

import httpx

from fashiontrend.errors import ConfigError, DataError, StoreError

TOKEN_VARIABLE = "FASHIONTREND_TOKEN"  # noqa: S105 - the name of a variable
BUSY = {429, 503}


class Refused(DataError):
    """The server answered with a problem; the message holds its detail and request id."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.status, self.code)


def settings(server: str, token: str | None, timeout_s: float) -> dict[str, Any]:
    """What httpx needs to speak to a server.

    Raises:
        ConfigError: `server` is not an http address.
    """
    if not server.startswith(("http://", "https://")):
        raise ConfigError(f"server {server!r}: expected http://host:port.")
    token = token if token is not None else os.environ.get(TOKEN_VARIABLE)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return {"base_url": server, "headers": headers, "timeout": timeout_s}


def pause_s(answer: httpx.Response) -> float | None:
    """Seconds after which a busy server wants to be asked again; None if it has answered."""
    if answer.status_code not in BUSY:
        return None
    stated = answer.headers.get("retry-after", "")
    return min(float(stated), 60.0) if stated.isdecimal() else 1.0


def content(answer: httpx.Response) -> Any:
    """The JSON of an answer.

    Raises:
        Refused: it is a problem.
    """
    if answer.is_success:
        return answer.json()
    try:
        told = answer.json()
        detail, code = str(told["detail"]), str(told["type"]).rsplit(":", 1)[1]
        request_id = told.get("request_id", "")
    except (ValueError, KeyError, TypeError, IndexError):
        detail, code, request_id = answer.text[:200], "", answer.headers.get("x-request-id", "")
    raise Refused(f"{answer.status_code} {code}: {detail} ({request_id})", answer.status_code, code)


def unreachable(server: str, error: httpx.HTTPError) -> StoreError:
    """What to say when no answer came."""
    return StoreError(
        f"{server}: {error or type(error).__name__}. Is it running? "
        "Start one with `fashiontrend serve`."
    )
