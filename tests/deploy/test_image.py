"""The Dockerfile and its entry point, as far as they can be judged without building."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "Dockerfile").read_text("utf-8").splitlines()


def test_base_and_index_are_named_by_whoever_builds():
    assert "ARG BASE_IMAGE" in LINES
    assert "ARG TORCH_INDEX_URL" in LINES
    assert not [
        line
        for line in LINES
        if line.startswith("FROM") and "${BASE_IMAGE}" not in line and " build" not in line
    ]


def test_it_runs_as_one_numeric_user():
    assert [line for line in LINES if line.startswith("USER")] == ["USER 1000:1000"]


def test_libraries_that_wheels_do_not_bring_are_installed():
    """Seen on a node: a retraining that ended with `libgomp.so.1: cannot open shared object file`."""
    assert re.search(r"apt-get install .*\blibgomp1\b", "\n".join(LINES))


def test_whatever_is_copied_exists_and_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for line in LINES:
        if line.startswith("COPY") and "--from" not in line:
            for source in line.split()[1:-1]:
                if not source.startswith("--"):
                    assert (ROOT / source).exists(), source
                    assert any(source.startswith(i[1:]) for i in ignored if i[0] == "!"), source


def test_no_digest_or_address_of_a_registry_stands_in_it():
    assert not re.search(r"sha256:|https?://", "\n".join(LINES))


@pytest.fixture
def entry(tmp_path):
    """Run the entry point with programs that only tell how they were called."""
    for name in ("ray", "fashiontrend", "other"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)

    def call(*arguments, **env):
        return subprocess.run(
            [str(ROOT / "docker/entrypoint"), *arguments],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **env},
            capture_output=True,
            text=True,
        )

    return call


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (["job", "--day", "2026-11-24"], "fashiontrend run --day 2026-11-24"),
        (["crawl"], "fashiontrend crawl"),
        (["exporter", "--port", "9464"], "fashiontrend exporter --port 9464"),
        (["other", "a b"], "other a b"),
    ],
)
def test_entry_points_call_the_program(entry, what, told):
    assert entry(*what).stdout.strip() == told


def test_head_and_worker_start_ray_in_the_foreground(entry):
    assert entry("head").stdout.startswith("ray start --head --block")
    assert "--address=h:6379" in entry("worker", RAY_ADDRESS="h:6379").stdout


def test_a_worker_without_a_head_and_no_word_at_all_say_what_is_missing(entry):
    assert "RAY_ADDRESS is empty" in entry("worker").stderr
    nothing = entry()
    assert nothing.returncode == 30
    assert "exporter" in nothing.stderr
