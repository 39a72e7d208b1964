"""What both clients share around a request, without IO: settings, retries, and what a response means."""

import os
from typing import Any, TypedDict, TypeVar

import httpx

from fashiontrend.client.calls import Call
from fashiontrend.errors import ConfigError, DataError, StoreError

T = TypeVar("T")
TOKEN_VARIABLE = "FASHIONTREND_TOKEN"  # noqa: S105 - the name of a variable
BUSY = {429, 503}
#: Longest pause in seconds that a server can ask for, and the pause if it names none.
MAX_PAUSE_S, DEFAULT_PAUSE_S = 60.0, 1.0


class Refused(DataError):
    """The server responded with a problem; the message holds its detail and the request id.

    Attributes:
        status: HTTP status.
        code: last part of the problem's `type`.
    """

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.status, self.code)


class HttpSettings(TypedDict):
    """Arguments of httpx's clients."""

    base_url: str
    headers: dict[str, str]
    timeout: float


class Exchange:
    """How one client talks to its server; both clients have one and add only the IO.

    Attributes:
        server: `http(s)://host:port`.
        http: arguments of httpx's clients.
    """

    def __init__(self, server: str, token: str | None, timeout_s: float, retries: int) -> None:
        """Set up without contacting the server.

        Args:
            server: `http(s)://host:port`.
            token: bearer token; None takes $FASHIONTREND_TOKEN.
            timeout_s: longest time for one request in seconds.
            retries: how often a request is repeated while the server is busy.

        Raises:
            ConfigError: `server` is not an http address.
        """
        if not server.startswith(("http://", "https://")):
            raise ConfigError(f"The server is {server!r}; expected http://host:port.")
        token = token if token is not None else os.environ.get(TOKEN_VARIABLE)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.server, self._retries = server, retries
        self.http = HttpSettings(base_url=server, headers=headers, timeout=timeout_s)

    def pause_s(self, response: httpx.Response, attempt: int) -> float | None:
        """Return the seconds to wait before the next attempt; None if the response is final.

        Args:
            response: of the attempt.
            attempt: number of the attempt, from 0.
        """
        if response.status_code not in BUSY or attempt >= self._retries:
            return None
        stated = response.headers.get("retry-after", "")
        return min(float(stated), MAX_PAUSE_S) if stated.isdecimal() else DEFAULT_PAUSE_S

    def result(self, call: Call[T], response: httpx.Response) -> T:
        """Parse a final response.

        Raises:
            Refused: it is a problem.
        """
        if response.is_success:
            return call.parse(response.json())
        raise _refusal(response)

    def unreachable(self, error: httpx.HTTPError) -> StoreError:
        """Describe a request that got no response."""
        return StoreError(
            f"{self.server} cannot be reached: {error or type(error).__name__}. Is the server running? "
            "Start one with `fashiontrend serve`."
        )


def _refusal(response: httpx.Response) -> Refused:
    try:
        problem = response.json()
        detail, code = str(problem["detail"]), str(problem["type"]).rsplit(":", 1)[1]
        request_id = problem.get("request_id", "")
    except (ValueError, KeyError, TypeError, IndexError):  # of a proxy, not of our server
        detail, code = response.text[:200], ""
        request_id = response.headers.get("x-request-id", "")
    status = response.status_code
    return Refused(f"{status} {code}: {detail} (request {request_id or 'unknown'})", status, code)
