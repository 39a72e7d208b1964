"""The policies on a cluster whose network enforces them: who reaches whom, and that it was open without them.

Needs KUBECONFIG of such a cluster, KUBE_BIN with kubectl, and PROBE_IMAGE, any image with Python that its node has.
One pod stands for each part of the release: it listens on every port and asks all others. A cloud answers at
169.254.169.254; elsewhere put something there, or what must not reach it is not shown:
`ip address add 169.254.169.254/32 dev lo && python3 -m http.server --bind 169.254.169.254 80` on the node.
"""

import json
import os
import time
import uuid

import pytest
import yaml

from tests.deploy.api_server import program
from tests.deploy.conftest import objects, one, run, template
from tests.deploy.test_network import GOLDEN, PORTS, ROLES, labels

pytestmark = [pytest.mark.deploy, pytest.mark.cluster, pytest.mark.timeout(600)]
METADATA = ("169.254.169.254", 80)
#: Pods outside the release: a neighbour in its namespace, one elsewhere, Prometheus, the operator.
OUTSIDE = {"neighbour": "", "stranger": "-x", "prometheus": "-mon", "operator": "-op"}
#: What pods of other places may ask: the service, metrics, jobs and applications.
FROM_OUTSIDE = {
    **{("prometheus", r): {8080, 9464} for r in ROLES if "head" in r or "worker" in r},
    ("prometheus", "exporter"): {8080, 9464},
    ("operator", "batch-head"): {8265},
    ("operator", "serving-head"): {8000, 8265},
    ("neighbour", "serving-worker"): {8000},
    **{(r, o): set(PORTS) for r in OUTSIDE for o in OUTSIDE},
}
SERVE = """
import socket, sys, threading
listening = [socket.create_server(("", int(port)), backlog=64) for port in sys.argv[1:]]
def take(server):
    while True:
        server.accept()[0].close()
for server in listening:
    threading.Thread(target=take, args=(server,)).start()
"""
ASK = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def ask(target):
    try:
        socket.create_connection(target, timeout=3).close()
        return "open"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return str(error)
targets = [tuple(t) for t in json.loads(sys.argv[1])]
with ThreadPoolExecutor(16) as pool:
    print(json.dumps(list(pool.map(ask, targets))))
"""


class Field:
    """Namespaces with a pod of every part, made for one test run."""

    def __init__(self, image):
        self.image, self.space = image, f"probe-{uuid.uuid4().hex[:6]}"
        self.kubectl_path = program("kubectl")

    def kubectl(self, *words, text=None):
        done = run(self.kubectl_path, *words, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def spaces(self):
        return [self.space + end for end in sorted(set(OUTSIDE.values()))]

    def home(self, role):
        return self.space + OUTSIDE.get(role, "")

    def build(self):
        for space in self.spaces():
            self.kubectl("create", "namespace", space)
        made = [self.pod(role, labels(role)) for role in ROLES]
        made += [self.pod(role, {"app": role}) for role in OUTSIDE]
        self.kubectl("apply", "-f", "-", text=yaml.safe_dump_all(made))
        for role in (*ROLES, *OUTSIDE):
            wait = ("wait", "--for=condition=Ready", f"pod/{role}", "--timeout=120s")
            self.kubectl("-n", self.home(role), *wait)
        self.addresses = {
            role: self.kubectl(
                "-n", self.home(role), "get", "pod", role, "-o=jsonpath={.status.podIP}"
            )
            for role in (*ROLES, *OUTSIDE)
        }

    def pod(self, role, have):
        ports = [str(p) for p in PORTS]
        container = {
            "name": "probe",
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", SERVE, *ports],
            "readinessProbe": {"tcpSocket": {"port": PORTS[-1]}},
        }
        meta = {"name": role, "namespace": self.home(role), "labels": have}
        spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}

    def ask(self, role, targets):
        words = ("exec", role, "--", "python3", "-c", ASK, json.dumps(targets))
        return json.loads(self.kubectl("-n", self.home(role), *words))

    def matrix(self):
        """(from, to) -> open ports, for all pods but to themselves; and all answers that were seen."""
        seen, answers = {}, set()
        for a in self.addresses:
            targets = [(b, port) for b in self.addresses if b != a for port in PORTS]
            told = self.ask(a, [(self.addresses[b], port) for b, port in targets])
            answers |= set(told)
            for (b, port), answer in zip(targets, told, strict=True):
                if answer == "open":
                    seen.setdefault((a, b), set()).add(port)
        return seen, answers

    def enforce(self):
        options = {
            "networkPolicy.operatorNamespace": f"{self.space}-op",
            "networkPolicy.monitoringNamespace": f"{self.space}-mon",
        }
        values = [f"--set={k}={v}" for k, v in options.items()]
        done = template("--set=crds.onMissing=render", "--set=s3.enabled=false", *values)
        assert done.returncode == 0, done.stderr
        found = [i for i in objects(done.stdout) if i["kind"] == "NetworkPolicy"]
        assert one(found, "NetworkPolicy", "ft-fashiontrend-default-deny")
        text = yaml.safe_dump_all(found)
        self.kubectl("apply", "--server-side", "-n", self.space, "-f", "-", text=text)

    def raze(self):
        self.kubectl("delete", "namespace", *self.spaces(), "--wait=false")


@pytest.fixture(scope="module")
def seen():
    """The matrix and the way out, without the policies and with them."""
    image, config = os.environ.get("PROBE_IMAGE"), os.environ.get("KUBECONFIG")
    if not (image and config):
        pytest.skip("PROBE_IMAGE and KUBECONFIG name no cluster whose network enforces policies")
    field = Field(image)
    try:
        field.build()
        before = (*field.matrix(), ways_out(field))
        field.enforce()
        time.sleep(5.0)  # until the network has learnt of them
        yield before, (*field.matrix(), ways_out(field))
    finally:
        field.raze()


def ways_out(field):
    """Part -> what the API server answers, then a cloud's metadata address."""
    words = ("get", "endpoints", "kubernetes", "-o=json")
    told = json.loads(field.kubectl("-n", "default", *words))["subsets"][0]
    server = (told["addresses"][0]["ip"], told["ports"][0]["port"])
    return {role: tuple(field.ask(role, [server, METADATA])) for role in field.addresses}


def test_without_policies_everything_is_open(seen):
    (matrix, answers, out), _ = seen
    assert answers == {"open"}
    assert len(matrix) == len({*ROLES, *OUTSIDE}) * (len({*ROLES, *OUTSIDE}) - 1)
    assert {api for api, _ in out.values()} == {"open"}


def test_no_part_reaches_a_clouds_metadata_address(seen):
    (_, _, before), (_, _, after) = seen
    if {metadata for _, metadata in before.values()} != {"open"}:
        pytest.skip(
            f"nothing answers at {METADATA[0]} on this node: the head of this file says how"
        )
    assert {role for role in ROLES if after[role][1] == "open"} == set()
    assert after["neighbour"][1] == "open"  # not of the release: the policies leave it alone


def test_with_them_pods_reach_one_another_as_the_golden_matrix_says(seen):
    _, (matrix, answers, _) = seen
    apart = {pair: ports for pair, ports in (GOLDEN | FROM_OUTSIDE).items() if pair[0] != pair[1]}
    assert matrix == apart
    assert "open" in answers


def test_what_must_not_be_reached_was_open_and_is_refused(seen):
    (before, _, out_before), (after, _, out) = seen
    must_block = [
        *((who, head, port) for who in ("neighbour", "stranger", "exporter")
          for head in ("batch-head", "serving-head") for port in (8265, 6379, 10001)),
        ("stranger", "serving-worker", 8080),
        ("neighbour", "exporter", 9464),
        ("serving-worker", "batch-head", 6379),
        ("batch-head", "redis", 6379),
        ("stranger", "redis", 6379),
    ]  # fmt: skip
    for a, b, port in must_block:
        assert port in before[a, b]
        assert port not in after.get((a, b), set()), (a, b, port)
    for role in ("batch-worker", "serving-worker", "submitter", "exporter", "redis", "test"):
        assert out_before[role][0] == "open"
        assert out[role][0] != "open", role
    for role in ("batch-head", "serving-head", "schedule"):
        assert out[role][0] == "open", role
