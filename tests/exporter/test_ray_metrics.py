"""A real Ray, with a Serve application and a Data job, exposes every Ray metric that is asked for."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from .queries import metric_names
from .test_alerts import ALERTS
from .test_dashboards import queries

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

#: Prints the addresses of the metrics, works a little, and waits to be stopped.
WORK = """
import json, os, sys, time, urllib.error, urllib.request
import ray, ray.data
from ray import serve

context = ray.init(num_cpus=2, include_dashboard=True, dashboard_port=int(sys.argv[2]),
                   object_store_memory=100 << 20, log_to_driver=False, logging_level="ERROR")

@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class App:
    def __call__(self, request):
        if "broken" in str(request.url):
            raise ValueError
        return "good"

port = int(sys.argv[1])
serve.start(http_options={"host": "127.0.0.1", "port": port})
serve.run(App.bind(), name="app", route_prefix="/")
for path in ("", "broken"):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}").read()
    except urllib.error.HTTPError:
        pass
list(ray.data.range(200).map_batches(lambda b: b, batch_size=10).iter_batches())
print(json.dumps(context.address_info["session_dir"]), flush=True)
sys.stdin.read()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scrape(session: str) -> set[str]:
    names: set[str] = set()
    found = Path(session, "prom_metrics_service_discovery.json")
    for group in json.loads(found.read_text()) if found.exists() else ():
        for address in group["targets"]:
            try:
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                    text = answer.read().decode()
            except OSError:
                continue  # the autoscaler and the dashboard come up later
            lines = (line for line in text.splitlines() if line and not line.startswith("#"))
            names |= {line.split("{")[0].split(" ")[0] for line in lines}
    return names


@pytest.fixture
def socket_enabled():
    """Ray's metrics listen on the machine's own address, which is not loopback."""


def test_ray_exposes_what_alerts_and_dashboards_ask_for(socket_enabled):
    asked = {n for alert in ALERTS for n in metric_names(alert["expr"])}
    for name in ("gates", "crawl", "recognition", "trends", "jobs"):
        asked |= {n for q in queries(name) for n in metric_names(q)}
    asked = {n for n in asked if n.startswith("ray_")}
    command = [sys.executable, "-c", WORK, str(free_port()), str(free_port())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as ray:
        try:
            line = next(line for line in ray.stdout if line.startswith('"'))
            deadline = time.monotonic() + 300
            missing = asked
            while missing and time.monotonic() < deadline:
                time.sleep(2)
                missing = missing - scrape(json.loads(line))
            assert missing == set()
        finally:
            ray.stdin.close()
            ray.wait(timeout=60)
