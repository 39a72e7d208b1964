"""Jobs on a Ray cluster that asks for a token, on a node, by Ray's own `ray job submit`."""

import base64
import json
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import httpx
import yaml

from fashiontrend.submit.manifest import fill
from tests.deploy.cluster import RELEASE, Cluster, Step
from tests.submit.test_job_api import SETTINGS, TRAINING

NAME, WORKERS, DAYS = "jobs", 3, 12
#: Each picture so many times in the catalogue, under names of its own: work for more than a minute.
TIMES = 3
#: A store beside the release's, and trainings of seconds: what is tested is the submission.
SMALL = {
    f"FASHIONTREND__{branch.upper()}__{leaf.upper()}": str(value)
    for branch, leaves in SETTINGS.items()
    if branch != "ray"
    for leaf, value in leaves.items()
} | {
    "FASHIONTREND__STORE__URL": "s3://fashiontrend/jobs",
    "FASHIONTREND__LOOP__HISTORY_DAYS": str(DAYS),
}
#: One catalogue worker asks for half a core: six need three workers of one core.
SPREAD = {
    "FASHIONTREND__SERIES__RECOGNISE_WORKERS": str(2 * WORKERS),
    "FASHIONTREND__SERVE__ROWS_PER_PART": "50",
}
CATALOGUE = f"""
import pyarrow as pa
from fashiontrend import config
from fashiontrend.storage import object_store as store
place = store.open_store(config.load(None).store)
keys = [k for k in place.keys("raw/images/") if not k.endswith(".json")]
rows = [(f"{{k}}#{{n}}", k) for n in range({TIMES}) for k in keys]
table = pa.table({{"id": [r[0] for r in rows], "key": [r[1] for r in rows]}})
place.write("uploads/catalogue.parquet", store.parquet_bytes(table))
print(len(rows))
"""
#: The two models as a release, whatever the gates of so small a world said.
RELEASE_THEM = """
from fashiontrend import config
from fashiontrend.outcomes import TrainAttrnetFacts, TrainForecasterFacts, Verdict
from fashiontrend.storage import ledger, object_store, releases
place = object_store.open_store(config.load(None).store)
run = ledger.load(place, ledger.runs(place)[-1])
a, f = run.facts(TrainAttrnetFacts), run.facts(TrainForecasterFacts)
opened = Verdict(passed=True)
releases.publish(place, releases.Release("r1", str(run.day), run.run_id, a.version, f.version,
    a.dataset, run.taxonomy_version, run.taxonomy_digest, opened, opened))
"""


class Jobs:
    """A running cluster: its job API, and who may ask it."""

    def __init__(self, life: Cluster, url: str, token: str) -> None:
        self.life, self.url, self.token = life, url, token

    def submit(self, entrypoint: str, settings: dict[str, str], token: str | None = None) -> Any:
        """`ray job submit`, until the job's end."""
        words = shlex.join(
            [
                sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--address", self.url,
                "--runtime-env-json", json.dumps({"env_vars": settings}), "--",
                *shlex.split(entrypoint),
            ]
        )  # fmt: skip
        return self.life.run(
            words, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token or self.token}
        )

    def refuse_without_the_token(self) -> None:
        """401 for whoever has none, and a message for whoever has a wrong one."""
        with self.life.step("job API without the token, with a wrong one") as row:
            assert httpx.get(f"{self.url}/api/jobs/").status_code == 401
            done = self.submit("true", {}, "a-wrong-token-of-this-very-test")
            assert done.returncode != 0
            command = f"fashiontrend jobs --address {self.url}"
            wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-wrong-token-of-this-very-test"}
            told = self.life.run(command, wrong)
            assert told.returncode == 40
            assert "RAY_AUTH_TOKEN" in told.stderr
            row.seen = "401; exit code 40 names RAY_AUTH_TOKEN"

    def submit_every_file(self, today: date) -> None:
        """A training day file by file; on its models, the next day as one job."""
        trained = today - timedelta(days=1)
        for stage in TRAINING:
            closed = stage == "train-forecaster"  # so few days may well fit badly
            self._file(stage, trained, (0, 11) if closed else (0,))
        env = " ".join(f"{k}={shlex.quote(v)}" for k, v in SMALL.items())
        self._in_the_exporter(RELEASE_THEM, env)
        for stage in ("run", "publish"):
            self._file(stage, today, (0,))

    def _file(self, stage: str, day: date, codes: tuple[int, ...]) -> None:
        step = "" if stage == "run" else f" {stage}"
        with self.life.step(f"ray job submit -- python -m ray_jobs.run{step}") as row:
            done = self.submit(f"python -m ray_jobs.run{step} --day {day}", SMALL)
            code = 0 if done.returncode == 0 else 11 if "exit code 11" in done.stdout else 1
            assert code in codes, done.stdout + done.stderr
            row.seen = f"exit code {code}"

    def scale_a_catalogue_job(self) -> None:
        """From one worker to as many as fit, every row answered once."""
        life = self.life
        rows = int(self._in_the_exporter(CATALOGUE))
        secret = life.type_in("kubectl -n fashiontrend get secret fashiontrend-tokens")
        headers = {"Authorization": f"Bearer {secret.strip()}"}
        with (
            life.forward(f"{RELEASE}-serve-svc", 8000) as url,
            httpx.Client(base_url=url, headers=headers, timeout=60) as api,
            life.step("catalogue job, from one worker to more") as row,
        ):
            asked = api.post("/v1/recognitions", json={"input": ["uploads/catalogue.parquet"]})
            assert asked.status_code == 202, asked.text
            assert self._workers() == 1
            most = self._work(row)
            told = api.get(f"/v1/recognitions/{asked.json()['id']}").json()
            assert (told["status"], told["rows_done"]) == ("succeeded", rows), told
            ids = list(answered(api, asked.json()["id"]))
            assert len(ids) == len(set(ids)) == rows
            assert most > 1
            row.seen = f"{most} workers, {rows} rows, each once, {told['rows_failed']} failed"

    def _work(self, row: Step) -> int:
        """The job's own worker until it has none left; the most Ray workers that were seen ready."""
        done: list[Any] = []
        job = threading.Thread(
            target=lambda: done.append(self.submit("fashiontrend recognitions work --once", SPREAD))
        )
        job.start()
        most = 1
        while job.is_alive():
            most = max(most, self._workers())
            row.seen = f"{most} workers"
            time.sleep(3.0)
        job.join()
        assert done[0].returncode == 0, done[0].stdout + done[0].stderr
        return most

    def _workers(self) -> int:
        status = self.life.get(f"raycluster {NAME}").get("status", {})
        return int(status.get("readyWorkerReplicas", 0))

    def _in_the_exporter(self, code: str, env: str = "") -> str:
        """Python where configuration, keys and a way to the store are."""
        return self.life.kubectl(
            f"exec deployment/{RELEASE}-exporter -- env {env} python -c {shlex.quote(code)}"
        )


def answered(api: httpx.Client, job: str) -> Iterator[str]:
    """Ids of a job's rows, page by page."""
    page, cursor = {}, {}
    while not page.get("complete"):
        page = api.get(f"/v1/recognitions/{job}/results", params={"limit": 1000, **cursor}).json()
        yield from (r["id"] for r in page["rows"])
        cursor = {"cursor": page["next"]}


@contextmanager
def ray_cluster(life: Cluster) -> Iterator[Jobs]:
    """The chart's batch cluster without a job of its own: workers of one core, one of them at first."""
    template = life.get(f"configmap {RELEASE}-rayjobs")["data"]["stage.yaml"]
    job = fill(template, stage="run", day="2026-01-01")
    spec = job["spec"]["rayClusterSpec"]
    group = spec["workerGroupSpecs"][0]
    group.update(replicas=1, minReplicas=1, maxReplicas=WORKERS)
    for container in group["template"]["spec"]["containers"]:
        container["resources"]["limits"]["cpu"] = "1"
    meta = {"name": NAME, "namespace": job["metadata"]["namespace"]}
    tree = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": meta, "spec": spec}
    (life.folder / "jobs.yaml").write_text(yaml.safe_dump(tree), "utf-8")
    try:
        with life.step("a Ray cluster with token authentication"):
            life.do("kubectl apply --server-side -f jobs.yaml")
            life.kubectl(
                f"wait --for=condition=RayClusterProvisioned raycluster/{NAME} --timeout=300s"
            )
            secret = life.get(f"secret {NAME}")["data"]["auth_token"]
        with life.forward(f"{NAME}-head-svc", 8265) as url:
            yield Jobs(life, url, base64.b64decode(secret).decode())
    finally:
        life.run("kubectl delete --wait=true --timeout=120s -f jobs.yaml")
