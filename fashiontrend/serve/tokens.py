"""Who may ask for what: bearer tokens, kept as SHA-256 in a file that a secret mounts."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, get_args

import pydantic
from fastapi import Request
from fastapi.security.utils import get_authorization_scheme_param

from fashiontrend import documents
from fashiontrend.documents import Section
from fashiontrend.errors import ConfigError
from fashiontrend.serve.problems import Problem
from fashiontrend.serve_config import ServeConfig

Scope = Literal["read", "recognise", "forecast", "catalogue", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "ft_"
Guard = Callable[[Request, Scope], str]


class Token(Section):
    """One caller: its name for the audit log, the hash of its token, what it may do."""

    name: Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    sha256: Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...]


class Tokens(Section):
    """The file."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class Secret:
    """A fresh token; `text` is shown once and kept nowhere."""

    text: str
    record: Token


def draw(name: str, scopes: tuple[Scope, ...]) -> Secret:
    """A token of 256 random bits."""
    text = PREFIX + secrets.token_urlsafe(32)
    return Secret(text, Token(name=name, sha256=hash_token(text), scopes=scopes))


def hash_token(text: str) -> str:
    """SHA-256 in hex. Tokens are random, so that a slow hash would add nothing."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def needed(cfg: ServeConfig) -> bool:
    """Whether callers must show a token: always, but on loopback behind Ray's own proxy.

    With HAProxy the replicas listen on all interfaces, whatever `host` says.
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
    """Tokens by their hash.

    Raises:
        ConfigError: the file is missing or wrong; its content is not told.
    """
    try:
        data, _ = documents.parse_yaml(Path(path).read_text("utf-8"), path)
        listed = Tokens.model_validate({"tokens": data}).tokens
    except OSError as error:
        raise ConfigError(
            f"serve.tokens_file {path}: {error.strerror}. Make a line with `fashiontrend token`."
        ) from error
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"serve.tokens_file {path}: {where}: {first['msg']}. Expected a list of "
            "{name, sha256, scopes}."
        ) from None
    return {t.sha256: t for t in listed}


def make_guard(cfg: ServeConfig) -> Guard:
    """The function that every protected endpoint asks first: guard(request, scope) -> caller.

    The file is read again when it changes, so that a token can be withdrawn without a restart.

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
    return _FileGuard(cfg.tokens_file, cfg.public_read)


class _FileGuard:
    def __init__(self, path: str, public_read: bool) -> None:
        self.path, self.public_read = path, public_read
        self.stamp = _stamp(path)
        self.tokens = read(path)

    def __call__(self, request: Request, scope: Scope) -> str:
        scheme, text = get_authorization_scheme_param(request.headers.get("authorization"))
        if not text and scope == "read" and self.public_read:
            return "public"
        token = self._known().get(hash_token(text)) if scheme.lower() == "bearer" else None
        if token is None:
            raise Problem(
                401,
                "no_token",
                "A valid token is needed: send `Authorization: Bearer <token>`.",
                {"WWW-Authenticate": "Bearer"},
            )
        if scope not in token.scopes:
            raise Problem(403, "scope", f"Token {token.name!r} lacks the scope {scope!r}.")
        return token.name

    def _known(self) -> dict[str, Token]:
        stamp = _stamp(self.path)
        if stamp != self.stamp:
            try:
                self.tokens = read(self.path)
            except ConfigError:  # half written; the old tokens hold until the file is whole
                return self.tokens
            self.stamp = stamp
        return self.tokens


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
