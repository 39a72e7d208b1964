"""Tokens: on by default outside of loopback, hashed, with scopes, withdrawn without a restart."""

import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import yaml
from starlette.requests import Request

from fashiontrend.config import ServeConfig
from fashiontrend.errors import ConfigError
from fashiontrend.serve.http import tokens
from fashiontrend.serve.schemas.problems import Problem
from tests.serve.routes.test_app import problem


@pytest.fixture
def write(tmp_path):
    """write(*(name, scopes)) -> (path, texts)."""
    path = tmp_path / "tokens.yaml"

    def write(*named):
        drawn = [tokens.draw(name, scopes) for name, scopes in named]
        path.write_text(yaml.safe_dump([d.record.model_dump(mode="json") for d in drawn]))
        return str(path), [d.text for d in drawn]

    return write


def bearer(text: str) -> dict:
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "10.0.0.1"}, True),
        ({"proxy": "haproxy"}, True),
        ({"auth": "required"}, True),
        ({"host": "0.0.0.0", "auth": "none"}, False),
    ],
)
def test_tokens_are_needed_unless_only_this_machine_can_ask(settings, expected):
    assert tokens.needed(ServeConfig(**settings)) is expected


def test_a_server_that_needs_tokens_does_not_start_without():
    with pytest.raises(ConfigError, match="tokens_file"):
        tokens.make_guard(ServeConfig(host="0.0.0.0"))
    with pytest.raises(ConfigError, match="fashiontrend token"):
        tokens.make_guard(ServeConfig(host="0.0.0.0", tokens_file="/nowhere"))


def test_a_token_opens_its_scopes_and_no_other(make_server, write):
    path, (read, metrics) = write(("board", ("read",)), ("prometheus", ("metrics",)))
    serve = make_server(auth="required", tokens_file=path)
    none = serve("GET", "/v1/keywords")
    assert (none.status_code, problem(none)) == (401, "no_token")
    assert none.headers["www-authenticate"] == "Bearer"
    assert serve("GET", "/v1/keywords", headers=bearer("ft_wrong")).status_code == 401
    assert (
        serve("GET", "/v1/keywords", headers={"Authorization": f"Basic {read}"}).status_code == 401
    )
    assert serve("GET", "/v1/keywords", headers=bearer(read)).status_code == 200
    other = serve("GET", "/metrics", headers=bearer(read))
    assert (other.status_code, problem(other)) == (403, "scope")
    assert serve("GET", "/metrics", headers=bearer(metrics)).status_code == 200
    for address in ("/healthz", "/readyz", "/version"):
        assert serve("GET", address).status_code == 200
    for method, address in (
        ("POST", "/v1/recognise"),
        ("POST", "/v1/forecasts"),
        ("POST", "/v1/recognitions"),
    ):
        assert serve(method, address, headers=bearer(read), json={}).status_code == 403


def test_public_read_opens_tables_only(make_server, write):
    path, _ = write(("a", ("read",)))
    serve = make_server(auth="required", tokens_file=path, public_read=True)
    assert serve("GET", "/v1/gates").status_code == 200
    assert serve("POST", "/v1/recognise", json={}).status_code == 401


def test_a_withdrawn_token_is_refused_without_a_restart(make_server, write):
    path, (old,) = write(("a", ("read",)))
    serve = make_server(auth="required", tokens_file=path)
    assert serve("GET", "/v1/gates", headers=bearer(old)).status_code == 200
    _, (new,) = write(("b", ("read",)))
    os.utime(path, (1, 1))
    assert serve("GET", "/v1/gates", headers=bearer(old)).status_code == 401
    assert serve("GET", "/v1/gates", headers=bearer(new)).status_code == 200
    with open(path, "w") as half:
        half.write("- name: [")
    assert serve("GET", "/v1/gates", headers=bearer(new)).status_code == 200


class Door:
    """A guard over a file that changes, at times that the test says."""

    def __init__(self, path: str) -> None:
        self.path, self.at = path, os.stat(path).st_mtime
        cfg = ServeConfig(auth="required", tokens_file=path)
        self.guard = tokens.make_guard(cfg, lambda: self.at)

    def write(self, content: bytes) -> None:
        """The file changes now, as the guard's clock has it."""
        with open(self.path, "wb") as file:
            file.write(content)
        os.utime(self.path, (self.at, self.at))

    def ask(self, text: str) -> int:
        """The status that a token is answered with."""
        headers = [(b"authorization", f"Bearer {text}".encode())]
        try:
            self.guard(Request({"type": "http", "headers": headers}), "read")
        except Problem as problem:
            return problem.status
        return 200


BAD = [
    pytest.param(b"- name: [", id="half written"),
    pytest.param(b"- {name: a, sha256: hunter2, scopes: [read]}", id="no hash"),
    pytest.param(b"- {name: a, scope: [read]}", id="misspelt"),
    pytest.param(b"# caf\xe9\n[]", id="not UTF-8"),
    pytest.param(b"- 2026-13-45", id="no date"),
    pytest.param(b"[" * 1500, id="too deep"),
]


@pytest.mark.parametrize("content", BAD)
def test_a_withdrawn_token_does_not_live_on_behind_a_file_that_is_not_valid(write, content, caplog):
    path, (text,) = write(("a", ("read",)))
    door = Door(path)
    assert door.ask(text) == 200
    door.at += 3600
    door.write(content)
    assert door.ask(text) == 200, "it may be half written"
    door.at += 9
    assert door.ask(text) == 200
    door.at += 2
    assert [door.ask(text), door.ask("ft_other")] == [503, 503]
    (line,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert path in line.getMessage()
    assert "hunter2" not in line.getMessage()
    _, (new,) = write(("b", ("read",)))
    assert [door.ask(text), door.ask(new)] == [401, 200]


def test_a_bad_file_that_has_lain_there_is_not_taken_for_half_written(write):
    path, (text,) = write(("a", ("read",)))
    door = Door(path)
    door.write(b"- name: [")
    door.at += 3600  # and nobody asked meanwhile
    assert door.ask(text) == 503


def test_another_mistake_starts_no_new_grace(write, caplog):
    path, (text,) = write(("a", ("read",)))
    door = Door(path)
    seen = []
    for content in (b"- [", b"- {", b"- {a"):
        door.write(content)
        seen.append(door.ask(text))
        door.at += 6
    assert seen == [200, 200, 503]
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 3


@pytest.mark.parametrize("content", [None, b"", b"# nobody\n", b"[]"])
def test_no_file_and_an_empty_one_let_nobody_in(write, content):
    path, (text,) = write(("a", ("read",)))
    door = Door(path)
    if content is None:
        os.unlink(path)
    else:
        door.write(content)
    assert door.ask(text) == 401
    _, (new,) = write(("b", ("read",)))
    assert door.ask(new) == 200


def test_a_server_may_start_with_an_empty_file_and_does_not_with_a_bad_one(tmp_path):
    path = tmp_path / "tokens.yaml"
    path.write_bytes(b"")
    assert Door(str(path)).ask("ft_a") == 401
    path.write_bytes(b"- name: ft_secret: x")
    with pytest.raises(ConfigError, match=r"tokens\.yaml: line 1: not valid YAML") as caught:
        Door(str(path))
    assert "ft_secret" not in str(caught.value)


def test_the_file_holds_no_token_and_mistakes_do_not_echo_it(tmp_path):
    drawn = tokens.draw("a", ("read",))
    assert drawn.text not in repr(drawn.record)
    path = tmp_path / "t.yaml"
    path.write_text(yaml.safe_dump([{"name": "a", "sha256": "hunter2", "scopes": ["read"]}]))
    with pytest.raises(ConfigError) as told:
        tokens.read(str(path))
    assert "hunter2" not in str(told.value)


def test_every_request_leaves_an_audit_line_with_its_caller(make_server, write, caplog):
    path, (text,) = write(("board", ("read",)))
    serve = make_server(auth="required", tokens_file=path)
    with caplog.at_level("INFO", logger="fashiontrend.audit"):
        serve("GET", "/v1/gates", headers=bearer(text))
        serve("GET", "/healthz")
    (line,) = [r.getMessage() for r in caplog.records if r.name == "fashiontrend.audit"]
    assert '"caller": "board"' in line
    assert '"status": 200' in line
    assert text not in line


def test_an_expired_token_is_refused_and_a_newer_one_of_its_name_is_not(tmp_path):
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    old, new = (tokens.draw("shop", ("read",), noon + timedelta(days=d)) for d in (0, 30))
    path = tmp_path / "tokens.yaml"
    path.write_text(yaml.safe_dump([t.record.model_dump(mode="json") for t in (old, new)]))
    clock = [noon.timestamp() - 1]
    guard = tokens.make_guard(ServeConfig(auth="required", tokens_file=str(path)), lambda: clock[0])

    def ask(text):
        return guard(SimpleNamespace(headers={"authorization": f"Bearer {text}"}), "read")

    assert ask(old.text) == ask(new.text) == "shop"
    clock[0] += 1
    assert ask(new.text) == "shop"
    with pytest.raises(Problem, match="expired at 2026-11-24T12:00:00"):
        ask(old.text)
