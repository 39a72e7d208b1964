"""Tokens: on by default outside of loopback, hashed, with scopes, withdrawn without a restart."""

import os

import pytest
import yaml

from fashiontrend.errors import ConfigError
from fashiontrend.serve import tokens
from fashiontrend.serve_config import ServeConfig
from tests.serve.test_app import problem


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
