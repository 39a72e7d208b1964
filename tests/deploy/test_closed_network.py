"""What an installation without internet needs is what the chart renders, and an operator needs no torch."""

import re
import subprocess
import sys
from datetime import date

import pytest
import yaml

from tests.deploy.conftest import CHART, ROOT, SETS, objects, pods, rendered
from tests.deploy.test_generated import script


@pytest.mark.deploy
@pytest.mark.parametrize("values", SETS)
def test_the_listed_images_are_those_of_the_rendered_pods(values):
    listed = script("closed_network")
    file = CHART / "ci" / f"{values}-values.yaml"
    seen = {
        container["image"]
        for spec in pods(objects(rendered(values))).values()
        for container in [*spec.get("initContainers", []), *spec["containers"]]
    }
    wanted = set(listed.images(listed.merged([str(file)])))
    if values == "no-crds":  # Redis serves Ray only
        wanted = {image for image in wanted if "valkey" not in image}
    assert wanted == seen


def test_the_list_names_what_the_pages_and_the_dockerfile_name(capsys):
    script("closed_network").main([])
    told = capsys.readouterr().out
    page = (ROOT / "docs/deploy.md").read_text("utf-8")
    (operator,) = set(re.findall(r"kuberay-operator --version (\S+)", page))
    assert f"chart kuberay/kuberay-operator {operator}\n" in told
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    (packages,) = re.findall(r"--no-install-recommends ([^\\]+?) \\", dockerfile)
    assert packages in told
    (sbom,) = re.findall(r"cyclonedx-bom==\S+", dockerfile)
    assert sbom in told


def test_the_demos_values_are_shipped_as_the_command_prints_them():
    """Seen: a local environment of 7 GB was needed to print them."""
    from fashiontrend.commands.demo_run import values
    from fashiontrend.demo.world import World

    drawn = values(World(0, date(2026, 11, 24), 90), "shops")  # of any last day the same
    shipped = yaml.safe_load((ROOT / "k8s/demo-values.yaml").read_text("utf-8"))
    assert shipped == yaml.safe_load(yaml.safe_dump(drawn)), "make demo-values"


LIGHT = """
import importlib.metadata as metadata, re, sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
name_of = lambda text: re.sub(r"[-_.]+", "-", re.match(r"[\\w.-]+", text)[0]).lower()
wanted = [*project["dependencies"], *project["optional-dependencies"]["kubernetes"]]
seen = set()
while wanted:  # with all that they need themselves
    name = name_of(wanted.pop())
    if name not in seen:
        seen.add(name)
        try:
            wanted += [n for n in metadata.requires(name) or [] if "extra ==" not in n]
        except metadata.PackageNotFoundError:
            pass
owners = metadata.packages_distributions()
class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        dists = {name_of(d) for d in owners.get(top, ())}
        if dists and not dists & (seen | {"fashiontrend"}):
            raise ModuleNotFoundError(f"{name} is not in the plain package", name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = ["fashiontrend", *sys.argv[2:]]
from fashiontrend.__main__ import main
main()
"""


@pytest.mark.parametrize("words", [["submit", "crawl", "--dry-run"], ["jobs"], ["logs", "ft-run"]])
def test_an_operator_needs_neither_torch_nor_ray(words, tmp_path):
    """Up to the first question to the cluster, of which there is none here."""
    nowhere = {
        "KUBECONFIG": str(tmp_path / "none"),
        "FASHIONTREND__CLUSTER__TEMPLATE": "ft-rayjobs",
    }
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, str(ROOT / "pyproject.toml"), *words],
        capture_output=True, text=True, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)} | nowhere,
    )  # fmt: skip
    assert "no Kubernetes cluster is configured" in done.stderr, done.stdout + done.stderr
