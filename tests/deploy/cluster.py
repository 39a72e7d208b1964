"""A cluster on which a release lives once: what people type, what became of it, and how long it took.

`make check-cluster` asks for it, with the cluster of KUBECONFIG, whose node holds the images that the
chart's default values name. kubectl, helm and bash have to be on PATH, or in KUBE_BIN or the folder of `make tools`;
`fashiontrend` is taken from the environment that runs the tests. Further variables, all of them optional:

CLUSTER_UP, CLUSTER_DOWN  commands that start that cluster before, and stop it after
CLUSTER_VALUES            values files for the chart, separated by `:` (other images, a smaller node)
OPERATOR_CHART            KubeRay's chart in a folder, in the place of the page's `kuberay/kuberay-operator`
OPERATOR_VALUES           values files for it
CLUSTER_TIMES             the table of times; build/cluster-times.md if not set
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import CACHE, ROOT

#: What the pages' commands begin with.
PROGRAMS = ("bash", "kubectl", "helm", "fashiontrend")
SPACE, RELEASE = "fashiontrend", "fashiontrend"
PAGES = ("docs/deploy.md", "k8s/README.md")


@dataclass
class Step:
    """One row of the table."""

    name: str
    seconds: float = 0.0
    seen: str = ""


class Cluster:
    """Commands against the cluster of KUBECONFIG, typed in a folder that looks like the repository's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.steps, self.failed = folder, [], ""
        self.times = Path(os.environ.get("CLUSTER_TIMES", ROOT / "build/cluster-times.md"))
        self.times.parent.mkdir(parents=True, exist_ok=True)
        self.times.write_text("| step | seconds | seen |\n|---|---|---|\n", "utf-8")
        for name in ("helm", "k8s"):
            (folder / name).symlink_to(ROOT / name)
        self.environment = {
            **os.environ,
            "PATH": search_path(),
            "COLUMNS": "200",
            "FASHIONTREND__CLUSTER__TEMPLATE": f"{RELEASE}-rayjobs",
        }

    @contextmanager
    def step(self, name: str, last: bool = True) -> Iterator[Step]:
        """A row of the table; where one fails, nothing that comes after it is tried, unless it is not `last` then."""
        row, start = Step(name), time.monotonic()
        try:
            yield row
        except BaseException:
            self.failed = name if last else self.failed
            row.seen = f"FAILED {row.seen}"
            raise
        finally:
            row.seconds = time.monotonic() - start
            self.steps.append(row)
            with self.times.open("a", encoding="utf-8") as file:
                file.write(f"| {row.name} | {row.seconds:.0f} | {row.seen} |\n")

    def run(
        self, command: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A shell command, whatever comes of it."""
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True,
            cwd=self.folder, env=self.environment | (env or {}),
        )  # fmt: skip

    def do(self, command: str, env: dict[str, str] | None = None) -> str:
        """What a command prints; it has to succeed."""
        done = self.run(command, env)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def type_in(self, begin: str, more: str = "", instead: tuple[str, str] = ("", "")) -> str:
        """The one command of the pages that begins so, as it stands there but for what is said.

        Args:
            begin: its first words.
            more: words to add.
            instead: a text in it, and another in its place.
        """
        found = [c for c in commands() if c.startswith(begin)]
        assert found, f"no command in {PAGES} begins with {begin!r}"
        assert instead[0] in found[0]
        command = found[0].replace(*instead) if instead[0] else found[0]
        head, arrow, file = command.partition(" > ")
        return self.do(f"{head} {more}{arrow}{file}" if more else command)

    def kubectl(self, words: str) -> str:
        """In the release's namespace."""
        return self.do(f"kubectl -n {SPACE} {words}")

    def get(self, words: str) -> Any:
        """Objects as JSON: one, or the items of a list."""
        found = json.loads(self.kubectl(f"get {words} -o json"))
        return found["items"] if found["kind"] == "List" else found

    def until(
        self, what: str, condition: Callable[[], Any], seconds: float, every: float = 1.0
    ) -> Any:
        """The first answer of a condition that is not empty."""
        end = time.monotonic() + seconds
        while not (answer := condition()):
            assert time.monotonic() < end, f"{what}: not after {seconds:.0f} s"
            time.sleep(every)
        return answer

    @contextmanager
    def forward(self, service: str, port: int) -> Iterator[str]:
        """`kubectl port-forward` to a service: its address here."""
        command = ["kubectl", "-n", SPACE, "port-forward", f"service/{service}", f":{port}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.environment)
        assert process.stdout
        try:
            line = process.stdout.readline()
            local = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert local, f"{shlex.join(command)}: {line}"
            yield f"http://127.0.0.1:{local[1]}"
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def commands() -> list[str]:
    """Every command of the pages' shell blocks, continued lines joined and comments left out."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S):
            lines = block.replace("\\\n", " ").splitlines()
            found += [re.sub(r" {2,}(# .*)?", " ", line).strip() for line in lines if line.strip()]
    return found


def options(variable: str) -> str:
    """`--values` for every file that a variable names."""
    files = [f for f in os.environ.get(variable, "").split(":") if f]
    return " ".join(f"--values {shlex.quote(f)}" for f in files)


def search_path() -> str:
    """PATH of the typed commands: the environment of the tests need not be activated."""
    ours = str(Path(sys.executable).parent)
    places = (os.environ.get("KUBE_BIN", ""), str(CACHE / "bin"), ours, os.environ["PATH"])
    return os.pathsep.join(p for p in places if p)


def asked_for() -> None:
    """Skip unless somebody wants a cluster to be changed."""
    if os.environ.get("CLUSTER") != "required":
        pytest.skip(
            "CLUSTER is not `required`: `make check-cluster` installs on the cluster of KUBECONFIG"
        )
    if not os.environ.get("KUBECONFIG"):
        pytest.fail("KUBECONFIG is not set: name the cluster on which a release may live")
    if missing := [p for p in PROGRAMS if not shutil.which(p, path=search_path())]:
        pytest.fail(
            f"{', '.join(missing)}: not found. Put kubectl on PATH or its folder in KUBE_BIN; `make tools` "
            "installs helm, `make setup` fashiontrend."
        )
