"""The house keeps its own promises."""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fashiontrend.errors import FashiontrendError
from fashiontrend.loop import Step

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("fashiontrend/**/*.py"), *ROOT.glob("ray_jobs/*.py")])


def all_errors(kind: type = FashiontrendError) -> list[type]:
    return [kind, *(e for sub in kind.__subclasses__() for e in all_errors(sub))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_states_its_reason_and_stays_readable(path):
    text = path.read_text("utf-8")
    assert text.lstrip().startswith('"""'), "the first line says why the module exists"
    assert text.count("\n") <= 460, "split it"


def test_nothing_from_storage_can_run_code():
    forbidden = re.compile(
        r"torch\.load\((?!.*weights_only=True)|pickle\.load|allow_pickle=True|yaml\.load\("
    )
    assert [p for p in SOURCES if forbidden.search(p.read_text("utf-8"))] == []


def test_every_package_under_the_store_is_named_in_the_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    packages = [p.parent.name for p in ROOT.glob("fashiontrend/*/__init__.py")]
    assert [p for p in packages if f"{p}/" not in readme] == []


def test_the_driver_takes_every_step():
    from ray_jobs.run import DRIVER

    assert list(DRIVER.steps) == list(Step)


RAY = re.compile(r"^(?:import ray|from ray)\b", re.M)


def test_every_job_needs_ray():
    jobs = [p for p in ROOT.glob("ray_jobs/*.py") if p.name != "__init__.py"]
    assert [p.name for p in jobs if not RAY.search(p.read_text("utf-8"))] == []


def test_the_package_holds_few_modules_at_its_top():
    top = {p.stem for p in ROOT.glob("fashiontrend/*.py")} - {"__init__", "__main__"}
    assert len(top) <= 10, sorted(top)


def test_exit_codes_are_those_of_the_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    for error in all_errors():
        assert str(error.exit_code) in readme, error


def test_errors_keep_their_class_on_the_way_between_processes():
    import pickle

    for error in all_errors():
        copy = pickle.loads(pickle.dumps(error("a: b")))
        assert type(copy) is error
        assert str(copy) == "a: b"


def test_dependencies_are_pinned_without_saying_where_they_come_from():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert [p for p in pins if "==" not in p or "/" in p or "@" in p] == []


def test_every_pinned_package_takes_the_oldest_python_that_we_take():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    refusing = {
        canonicalize_name(d.metadata["Name"])
        for d in distributions()
        if not SpecifierSet(d.metadata.get("Requires-Python", "")).contains(oldest)
    }
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text("utf-8"), re.M)
    assert refusing.isdisjoint(canonicalize_name(name) for name in pinned)
