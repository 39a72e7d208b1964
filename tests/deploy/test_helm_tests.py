"""The scripts behind `helm test`, run as the pods run them."""

import io
import runpy
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.deploy.conftest import CHART


class Network:
    """Refuses the first connections, as a network does that has not learnt of a new pod yet."""

    def __init__(self, refusals, answer):
        self.refusals, self.answer = refusals, answer

    def urlopen(self, request, timeout):
        if self.refusals:
            self.refusals -= 1
            raise urllib.error.URLError("Connection refused")
        return self.answer(request)


def outcome(script, network, monkeypatch):
    """The exit code, None if the script ends by itself."""
    monkeypatch.setattr(sys, "argv", [script, "http://there:1"])
    monkeypatch.setenv("TOKEN", "ft_x")
    monkeypatch.setattr(urllib.request, "urlopen", network.urlopen)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(CHART / "files" / script))
    return ended.value.code


class Answer(io.BytesIO):
    status = 200


@pytest.mark.parametrize("refusals", [0, 3])
def test_the_service_is_asked_until_the_network_lets_the_pod_through(refusals, monkeypatch, capsys):
    def answer(request):
        if request.selector == "/healthz" or request.has_header("Authorization"):
            return Answer()
        raise urllib.error.HTTPError(request.full_url, 401, "no token", {}, None)

    assert outcome("test_service.py", Network(refusals, answer), monkeypatch) == 0
    assert "without token: 401" in capsys.readouterr().out


def test_a_service_that_answers_without_a_token_fails(monkeypatch):
    network = Network(0, lambda _: Answer())
    assert outcome("test_service.py", network, monkeypatch) == 1


@pytest.mark.parametrize(("text", "code"), [(b"fashiontrend_gate_open 1", 0), (b"x 1", None)])
def test_the_exporter_is_asked_the_same_way(text, code, monkeypatch):
    ended = outcome("test_exporter.py", Network(2, lambda _: Answer(text)), monkeypatch)
    assert ended == code or (code is None and "no fashiontrend_ metric" in ended)
