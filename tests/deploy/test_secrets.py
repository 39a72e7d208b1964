"""Secrets that the values name are looked for before anything is created, against a loopback API server."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.deploy.conftest import CHART, run, tool

pytestmark = pytest.mark.deploy

#: Group and version -> kinds of it that the chart makes.
KINDS = {
    "v1": ("Secret", "ServiceAccount", "ConfigMap", "Service", "Pod"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "batch/v1": ("CronJob", "Job"),
    "monitoring.coreos.com/v1": ("PodMonitor", "PrometheusRule"),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "policy/v1": ("PodDisruptionBudget",),
    "ray.io/v1": ("RayService", "RayJob"),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
}


def discovery():
    """What an API server tells of its kinds."""
    told = {"/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"}}
    told["/api"] = {"kind": "APIVersions", "versions": ["v1"]}
    groups = []
    for version, kinds in KINDS.items():
        resources = [
            {
                "name": f"{k.lower()}s".replace("ys", "ies"),
                "kind": k,
                "namespaced": True,
                "verbs": ["get"],
            }
            for k in kinds
        ]
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        told[path] = {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": resources,
        }
        if "/" in version:
            one = {"groupVersion": version, "version": version.split("/")[1]}
            groups.append(
                {"name": version.split("/")[0], "versions": [one], "preferredVersion": one}
            )
    told["/apis"] = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    return told


DISCOVERY = discovery()
#: What Helm puts on objects of a release.
OWNED = {
    "labels": {"app.kubernetes.io/managed-by": "Helm"},
    "annotations": {
        "meta.helm.sh/release-name": "ft",
        "meta.helm.sh/release-namespace": "trends",
    },
}


@pytest.fixture
def ask(tmp_path):
    """ask(secrets that are there with their data, options) -> what helm says about a release beside them."""
    there: dict[str, dict[str, str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.split("?")[0]
            kind, name = path.rsplit("/", 2)[-2:]
            meta = {"metadata": {"name": name, "namespace": "trends", **OWNED}}
            if path in DISCOVERY:
                self.answer(200, DISCOVERY[path])
            elif (kind, name) == ("serviceaccounts", "default"):
                self.answer(200, {"apiVersion": "v1", "kind": "ServiceAccount", **meta})
            elif kind == "secrets" and name in there:
                self.answer(
                    200, {"apiVersion": "v1", "kind": "Secret", "data": there[name], **meta}
                )
            else:
                status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
                self.answer(404, {**status, "reason": "NotFound", "code": 404})

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    at = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    known = {"clusters": [at], "users": [{"name": "u", "user": {}}], "contexts": [context]}
    file = tmp_path / "kubeconfig"
    file.write_text(
        json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "c", **known})
    )

    def call(secrets, *options):
        there.clear()
        there.update(secrets)
        place = ("template", "ft", str(CHART), "--namespace=trends", "--dry-run=server")
        return run(
            tool("helm"),
            *place,
            f"--kubeconfig={file}",
            "--set=crds.onMissing=render",
            "--disable-openapi-validation",
            *options,
        )

    yield call
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_secret_that_is_not_there_is_named(ask):
    done = ask({}, "--set=store.existingSecret=s3-keys")
    assert done.returncode != 0
    assert "secret s3-keys is named in the values and not in namespace trends" in done.stderr


def test_secrets_that_are_there_are_taken(ask):
    done = ask({"s3-keys": {}}, "--set=store.existingSecret=s3-keys")
    assert done.returncode == 0, done.stderr


def test_a_token_that_was_drawn_stays_over_an_upgrade(ask):
    token = "ft_" + "x" * 43
    data = {"token": base64.b64encode(token.encode()).decode()}
    done = ask({"ft-fashiontrend-tokens": data}, "--show-only=templates/serving/tokens-secret.yaml")
    assert f"token: {token}" in done.stdout, done.stderr
    assert hashlib.sha256(token.encode()).hexdigest() in done.stdout
