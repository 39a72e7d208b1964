"""Wrong configurations of a second release beside the first: what the installing person is told, and when."""

import re
import time
from dataclasses import dataclass

from tests.deploy import cluster
from tests.deploy.cluster import RELEASE, SPACE, Cluster

NAME = "wrong"
OF_IT = f"app.kubernetes.io/instance={NAME}"
SOON_S = 60.0
STORE = (
    "--set s3.enabled=false --set networkPolicy.store.cidrs={0.0.0.0/0} "
    f"--set config.store.endpoint=http://{RELEASE}-s3:"
)


@dataclass(frozen=True)
class Case:
    """What is set, and words of the message or of an event that say what to do."""

    name: str
    options: str
    told: str
    in_events: bool = False


CASES = (
    Case("bad schedule", "--set-string schedules.daily.cron=nonsense", "/schedules/daily/cron"),
    Case(
        "missing secret",
        "--set store.existingSecret=nobody",
        "secret nobody is named in the values and not in namespace",
    ),
    Case(
        "too little memory",
        "--set-string batch.head.resources.limits.memory=256Mi",
        r"batch\.head\.resources\.limits\.memory is 256Mi.*Give it 2Gi at least",
    ),
    Case("unreachable S3", f"{STORE}1 --set store.existingSecret={RELEASE}-s3", "store.*Read"),
    Case("wrong S3 keys", f"{STORE}8333 --set store.existingSecret=wrong-keys", "store.*Read"),
    Case(
        "image without weights",
        "--set config.attrnet.backbone=resnet18 --set config.attrnet.weights=/opt/resnet18.pth",
        "attrnet.weights.*/opt/resnet18.pth.*volume",
    ),
    Case(
        "no such image", "--set image.tag=nobody", "Failed to pull image.*:nobody", in_events=True
    ),
    Case(
        "image without the program",
        "--set image.repository=docker.io/valkey/valkey --set image.tag=8.1.4",
        "fashiontrend.*executable file not found",
        in_events=True,
    ),
)


def try_it(life: Cluster, case: Case) -> None:
    """Install it: a message within a minute, and nothing but the preflight made."""
    values = f"--values my-values.yaml {cluster.options('CLUSTER_VALUES')}"
    command = (
        f"helm install {NAME} helm/fashiontrend --namespace {SPACE} "
        f"--values helm/fashiontrend/ci/development-values.yaml {values} {case.options}"
    )
    with life.step(f"wrong: {case.name}") as row:
        start = time.monotonic()
        done = life.run(command)
        took = time.monotonic() - start
        try:
            assert done.returncode, done.stdout
            told = done.stdout + done.stderr
            if case.in_events:
                told = life.kubectl("get events -o custom-columns=MESSAGE:.message")
            assert re.search(case.told, " ".join(told.split())), told
            assert took < SOON_S
            made = life.kubectl(f"get all,cm,secret,rayservice,rayjob,cronjob -o name -l {OF_IT}")
            assert all(f"{NAME}-{RELEASE}-preflight" in line for line in made.split()), made
        finally:
            remove(life, case)
        row.seen = f"{took:.0f} s, {'an event' if case.in_events else 'told by helm'}"


def remove(life: Cluster, case: Case) -> None:
    """What a refused install leaves: Helm's record of it, and the preflight's Job for its log."""
    # The clean-up runs in the release's image; where that is what is wrong there is nothing to clean up either.
    hooks = "--no-hooks" if case.in_events else ""
    life.do(f"helm uninstall {NAME} --namespace {SPACE} --ignore-not-found {hooks}")
    life.kubectl(f"delete job,cm --ignore-not-found {NAME}-{RELEASE}-preflight")


def wrong_keys(life: Cluster) -> None:
    """A secret of the right form that opens nothing."""
    words = "--from-literal=AWS_ACCESS_KEY_ID=nobody --from-literal=AWS_SECRET_ACCESS_KEY=nothing"
    life.kubectl(f"create secret generic wrong-keys {words}")
