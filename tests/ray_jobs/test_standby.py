"""Traffic moves to a new cluster only when a worker's proxy has answered for a while."""

import http.server
import threading

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray Serve's own models


@pytest.fixture(scope="module", autouse=True)
def standby():
    """The job; Ray Serve is imported where its warnings are ignored."""
    from ray_jobs import standby as job

    return job


class Time:
    """A clock that only pauses move."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def pause(self, seconds):
        self.now += seconds


def wait_for(standby, looks):
    """The worker that was found and the seconds that it took; the last look stays."""
    time, left = Time(), list(looks)
    look = lambda: left.pop(0) if len(left) > 1 else left[0]  # noqa: E731
    return standby.await_worker(look, time, time.pause), time.now - 100.0


def test_a_worker_that_answers_is_waited_for_until_the_probe_has_seen_it(standby):
    assert wait_for(standby, [{"a"}]) == ("a", standby.SETTLED_S)


def test_the_time_begins_with_the_first_answer(standby):
    assert wait_for(standby, [set(), set(), set(), {"a"}]) == ("a", standby.SETTLED_S + 3)


def test_a_break_begins_the_time_anew(standby):
    assert wait_for(standby, [{"a"}] * 8 + [set(), {"a"}]) == ("a", standby.SETTLED_S + 9)


def test_one_steady_worker_is_enough_beside_one_that_comes_and_goes(standby):
    assert wait_for(standby, [{"a", "b"}, {"b"}] * 9) == ("b", standby.SETTLED_S)


def test_two_that_take_turns_are_not_one_that_answers(standby):
    assert wait_for(standby, [{"a"}, {"b"}] * 15 + [{"b"}])[1] > 30


@pytest.mark.parametrize(("status", "found"), [(200, True), (503, False)])
def test_a_proxy_answers_by_its_status(standby, status, found):
    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == standby.HEALTH_PATH else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    seen = standby.answering(["127.0.0.1"], server.server_port)
    thread.join()
    server.server_close()
    assert (seen == {"127.0.0.1"}) is found
    assert standby.answering(["127.0.0.1"], server.server_port) == set()


def test_heads_and_dead_nodes_are_no_workers(standby, monkeypatch):
    nodes = [
        {"NodeManagerAddress": "h", "Alive": True, "Resources": {standby.HEAD: 1.0}},
        {"NodeManagerAddress": "gone", "Alive": False, "Resources": {"CPU": 2.0}},
        {"NodeManagerAddress": "w", "Alive": True, "Resources": {"CPU": 2.0}},
    ]
    monkeypatch.setattr(standby.ray, "nodes", lambda: nodes)
    assert standby.workers() == ["w"]


def test_the_application_has_no_route(standby):
    entry = standby.application(8000)
    assert entry["route_prefix"] is None
    assert entry["import_path"] == "ray_jobs.standby:standby_app"
