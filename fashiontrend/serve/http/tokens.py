"""Authentication by bearer tokens; a file, usually a mounted secret, holds their SHA-256 and scopes."""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pydantic
from fastapi import Request
from fastapi.security.utils import get_authorization_scheme_param

from fashiontrend import typed_yaml
from fashiontrend.config import ServeConfig
from fashiontrend.errors import ConfigError
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.typed_yaml import Section

log = logging.getLogger(__name__)
Scope = Literal["read", "recognise", "forecast", "catalogue", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "ft_"
Guard = Callable[[Request, Scope], str]
Stamp = tuple[int, int, int, int]  # of a file: mtime (ns), ctime (ns), inode, size
#: Seconds for which an invalid file is taken for one that is just being written.
GRACE_S = 10.0


class Token(Section):
    """One caller: its name for the audit log, the hash of its token, its scopes.

    Attributes:
        expires: the token is refused from this time on; None if it never expires. Two tokens of one
            name may overlap, so that a caller changes to the new one before the old one expires.
    """

    name: Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    sha256: Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...]
    expires: pydantic.AwareDatetime | None = None


class TokensFile(Section):
    """The content of `serve.tokens_file`."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class NewToken:
    """A new token; `text` is shown once and stored nowhere."""

    text: str
    record: Token


def draw(name: str, scopes: tuple[Scope, ...], expires: datetime | None = None) -> NewToken:
    """Generate a token of 256 random bits.

    Args:
        name: of the caller.
        scopes: what the token allows.
        expires: when it ends, with a time zone; None for never.

    Raises:
        ConfigError: the name has characters that the audit log does not allow.
    """
    text = PREFIX + secrets.token_urlsafe(32)
    try:
        record = Token(name=name, sha256=hash_token(text), scopes=scopes, expires=expires)
        return NewToken(text, record)
    except pydantic.ValidationError:
        raise ConfigError(
            f"name {name!r}: expected 1 to 64 ASCII letters, digits, dots, dashes and underscores. "
            "Choose a name such as my-laptop."
        ) from None


def hash_token(text: str) -> str:
    """Return the SHA-256 in hex. A slow hash would add nothing, because tokens are random."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def needed(cfg: ServeConfig) -> bool:
    """Return whether callers need a token: always, except on loopback behind Ray's own proxy.

    With HAProxy the replicas listen on all interfaces, whatever `serve.host` is.
    """
    if cfg.auth == "auto":
        return cfg.proxy == "haproxy" or not _is_loopback(cfg.host)
    return cfg.auth == "required"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read(path: str) -> dict[str, Token]:
    """Read the tokens of a file, by their hash; an empty file has none.

    Raises:
        ConfigError: the file is missing or invalid; the message does not quote its content.
    """
    expected = "Expected a list of {name, sha256, scopes}; make a line with `fashiontrend token`."
    try:
        data = _parse(path)
        listed = TokensFile.model_validate({"tokens": () if data is None else data}).tokens
    except OSError as error:
        raise ConfigError(
            f"serve.tokens_file {path}: {error.strerror}. Make a line with `fashiontrend token`."
        ) from error
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"serve.tokens_file {path}: {where}: {first['msg']}. {expected}"
        ) from None
    except _NotYaml as error:
        raise ConfigError(f"serve.tokens_file {path}: {error}. {expected}") from None
    if not listed:
        log.warning("serve.tokens_file %s holds no token: every caller is refused", path)
    return {t.sha256: t for t in listed}


class _NotYaml(Exception):
    """The text is not valid YAML; the message says where, and does not quote the text."""


def _parse(path: str) -> Any:
    try:
        return typed_yaml.parse_yaml(Path(path).read_text("utf-8"), path)[0]
    except ConfigError as error:
        mark = getattr(error.__cause__, "problem_mark", None)
        raise _NotYaml(
            f"line {mark.line + 1}: not valid YAML" if mark else "not valid YAML"
        ) from None
    except UnicodeDecodeError as error:
        raise _NotYaml(f"byte {error.start + 1} is not UTF-8") from None
    except (ValueError, RecursionError):  # an impossible date, or lists nested too deep
        raise _NotYaml("not valid YAML") from None


def make_guard(cfg: ServeConfig, clock: Callable[[], float] = time.time) -> Guard:
    """Make the function that checks a caller's token: guard(request, scope) -> caller's name.

    The file is read again when it changes, so that a token can be withdrawn without a restart. If
    the file is missing or empty, every caller is refused. If the file is invalid it may be half written,
    so the previous tokens stay valid for `GRACE_S`; after that every caller gets 503 until the file
    is repaired, because a withdrawn token must not stay valid.

    Args:
        cfg: gives the file, and whether tokens are needed.
        clock: seconds since the epoch, comparable with a file's mtime.

    Raises:
        ConfigError: tokens are needed and there is no usable file.
    """
    if not needed(cfg):
        return lambda request, scope: "anonymous"
    if cfg.tokens_file is None:
        raise ConfigError(
            f"serve.host {cfg.host} with proxy {cfg.proxy} needs tokens: set serve.tokens_file, "
            "or serve.auth to `none` behind a gateway that checks callers."
        )
    return _FileGuard(cfg.tokens_file, cfg, clock)


class _FileGuard:
    def __init__(self, path: str, cfg: ServeConfig, clock: Callable[[], float]) -> None:
        self.path, self.public_read, self.retry_after_s = path, cfg.public_read, cfg.retry_after_s
        self.clock = clock
        self.stamp = _stamp(path)
        self.tokens = read(path)
        self.logged: Stamp | None = None  # the invalid file that the log reported last
        self.bad_since: float | None = None

    def __call__(self, request: Request, scope: Scope) -> str:
        scheme, text = get_authorization_scheme_param(request.headers.get("authorization"))
        if not text and scope == "read" and self.public_read:
            return "public"
        token = self._known().get(hash_token(text)) if scheme.lower() == "bearer" else None
        if token is None:
            raise Problem(
                401,
                "no_token",
                "This endpoint needs a valid token. Send the header `Authorization: Bearer <token>`.",
                {"WWW-Authenticate": "Bearer"},
            )
        if token.expires is not None and self.clock() >= token.expires.timestamp():
            raise Problem(
                401,
                "token_expired",
                f"The token {token.name!r} expired at {token.expires.isoformat()}. Ask for a new one.",
                {"WWW-Authenticate": "Bearer"},
            )
        if scope not in token.scopes:
            raise Problem(403, "scope", f"The token {token.name!r} lacks the scope {scope!r}.")
        return token.name

    def _known(self) -> dict[str, Token]:
        stamp = _stamp(self.path)
        if stamp != self.stamp:
            try:
                self.tokens = self._read(stamp)
            except ConfigError as error:
                self._tolerate(stamp, error)
                return self.tokens
            self.stamp, self.bad_since, self.logged = stamp, None, None
        return self.tokens

    def _read(self, stamp: Stamp | None) -> dict[str, Token]:
        if stamp is not None:
            return read(self.path)
        log.warning("serve.tokens_file %s is gone: every caller is refused", self.path)
        return {}

    def _tolerate(self, stamp: Stamp | None, error: ConfigError) -> None:
        """Keep the previous tokens valid for `GRACE_S`, then refuse every caller."""
        now = self.clock()
        if stamp != self.logged:
            self.logged = stamp
            log.error(
                "%s The previous tokens stay valid for %g s; after that every caller gets 503 until the "
                "file is repaired.",
                error, GRACE_S,
            )  # fmt: skip
        changed = now if stamp is None else stamp[0] / 1e9
        self.bad_since = min(now, changed) if self.bad_since is None else self.bad_since
        if now - self.bad_since > GRACE_S:
            raise Problem(
                503,
                "not_ready",
                "The server cannot check tokens because its token file is invalid. Its log says why.",
                {"Retry-After": str(self.retry_after_s)},
            )


def _stamp(path: str) -> Stamp | None:
    """Return what identifies one version of a file; None if the file is gone."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size
