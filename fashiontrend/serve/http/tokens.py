"""Who may ask for what: bearer tokens, kept as SHA-256 in a file that a secret mounts."""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pydantic
from fastapi import Request
from fastapi.security.utils import get_authorization_scheme_param

from fashiontrend import typed_yaml
from fashiontrend.config import ServeConfig
from fashiontrend.errors import ConfigError
from fashiontrend.serve.http.problems import Problem
from fashiontrend.typed_yaml import Section

log = logging.getLogger(__name__)
Scope = Literal["read", "recognise", "forecast", "catalogue", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "ft_"
Guard = Callable[[Request, Scope], str]
Stamp = tuple[int, int, int, int]  # of a file: changed (ns), touched (ns), which one, how long
#: How long a file that is not valid may pass for one that is just being written.
GRACE_S = 10.0


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
    """A token of 256 random bits.

    Raises:
        ConfigError: the name is not one for a log.
    """
    text = PREFIX + secrets.token_urlsafe(32)
    try:
        return Secret(text, Token(name=name, sha256=hash_token(text), scopes=scopes))
    except pydantic.ValidationError:
        raise ConfigError(
            f"name {name!r}: expected 1 to 64 letters, digits, dots, dashes and underscores of "
            "ASCII. Name the caller so, such as my-laptop."
        ) from None


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
    """Tokens by their hash; none of an empty file.

    Raises:
        ConfigError: the file is missing or wrong; its content is not told.
    """
    expected = "Expected a list of {name, sha256, scopes}; make a line with `fashiontrend token`."
    try:
        data = _parse(path)
        listed = Tokens.model_validate({"tokens": () if data is None else data}).tokens
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
        log.warning("serve.tokens_file %s names nobody: nobody is let in", path)
    return {t.sha256: t for t in listed}


class _NotYaml(Exception):
    """A text that YAML does not take; says where, and not what stands there."""


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
    except (ValueError, RecursionError):  # a date that is none, lists in lists
        raise _NotYaml("not valid YAML") from None


def make_guard(cfg: ServeConfig, clock: Callable[[], float] = time.time) -> Guard:
    """The function that every protected endpoint asks first: guard(request, scope) -> caller.

    The file is read again when it changes, so that a token can be withdrawn without a restart. One
    that is gone or empty lets nobody in. One that is not valid may be half written, so the tokens
    before it hold for `GRACE_S`; after that everybody is answered 503 until it is mended, because a
    token that was withdrawn must not live on.

    Args:
        cfg: the file, and whether it is needed.
        clock: seconds since the epoch, as files have them.

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
        self.told: Stamp | None = None  # of the mistake that stands in the log
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
                self.tokens = self._read(stamp)
            except ConfigError as error:
                self._bear(stamp, error)
                return self.tokens
            self.stamp, self.bad_since, self.told = stamp, None, None
        return self.tokens

    def _read(self, stamp: Stamp | None) -> dict[str, Token]:
        if stamp is not None:
            return read(self.path)
        log.warning("serve.tokens_file %s is gone: nobody is let in", self.path)
        return {}

    def _bear(self, stamp: Stamp | None, error: ConfigError) -> None:
        """Let the tokens before hold for a while; after that they may be withdrawn ones."""
        now = self.clock()
        if stamp != self.told:
            self.told = stamp
            log.error(
                "%s The tokens before it hold for %g s, then all are refused until it is mended.",
                error, GRACE_S,
            )  # fmt: skip
        changed = now if stamp is None else stamp[0] / 1e9
        self.bad_since = min(now, changed) if self.bad_since is None else self.bad_since
        if now - self.bad_since > GRACE_S:
            raise Problem(
                503,
                "not_ready",
                "The server cannot tell who may ask: its token file is not valid. Its log says why.",
                {"Retry-After": str(self.retry_after_s)},
            )


def _stamp(path: str) -> Stamp | None:
    """What tells one state of a file from another; None if it is gone."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size
