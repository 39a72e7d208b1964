"""The trend board's files, held in memory, so that no path outside of them can be read."""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parents[1] / "board"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}


@dataclass(frozen=True)
class File:
    """One file with its response headers."""

    data: bytes
    media_type: str
    etag: str


def read_board(folder: Path = FOLDER) -> dict[str, File]:
    """Read all files of the board, by their path below the folder."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.name.startswith("."):
            continue
        data = path.read_bytes()
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        name = path.relative_to(folder).as_posix()
        found[name] = File(data, kind or "application/octet-stream", tag(data))
    return found


def tag(data: bytes) -> str:
    """Return a strong ETag of the bytes."""
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def respond(
    request: Request,
    data: bytes,
    media_type: str,
    etag: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Respond with 200 and an ETag, or with 304 if the caller already has these bytes."""
    etag = etag or tag(data)
    sent = {"ETag": etag, "Cache-Control": "no-cache", **(headers or {})}
    known = request.headers.get("if-none-match", "")
    if etag in (t.strip().removeprefix("W/") for t in known.split(",")) or known.strip() == "*":
        return Response(status_code=304, headers=sent)
    return Response(data, media_type=media_type, headers=sent)
