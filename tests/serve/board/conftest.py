"""A real Chromium on a replayed API. Where there is none, these tests say so and are skipped."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
replayed = importlib.import_module("replayed")
page = importlib.import_module("page")


@pytest.fixture
def server() -> Iterator["replayed.Replay"]:
    """A server of its own for every test: tests turn its knobs."""
    with replayed.replay() as replay:
        yield replay


@pytest.fixture(scope="session")
def chromium() -> Iterator["page.Browser"]:
    """One browser for all tests."""
    pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[dev]'")
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not found: apt-get install chromium chromium-driver")
    with page.browse() as browser:
        yield browser


@pytest.fixture
def board(chromium, server) -> "page.Page":
    """The board in a desktop window, with nothing kept from the test before."""
    return page.Page(chromium, server)
