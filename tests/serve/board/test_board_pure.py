"""The board's pure functions, by Node's own test runner; Chinese and English have the same words."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BOARD = HERE.parents[2] / "fashiontrend" / "serve" / "board"
MODULES = sorted(BOARD.glob("*.js"))


def test_pure_functions(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; the browser tests use the same functions")
    shutil.copytree(BOARD, tmp_path / "board")
    shutil.copy(HERE / "pure.test.mjs", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(
        [node, "--test"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def words(language: str) -> list[str]:
    """The keys of a language in strings.js."""
    text = (BOARD / "strings.js").read_text("utf-8")
    own = re.search(rf"^  {language}: {{$(.+?)^  }},$", text, re.MULTILINE | re.DOTALL)
    assert own is not None
    return re.findall(r'^    (\w+):\s+["\']', own[1], re.MULTILINE)


def test_both_languages_have_the_same_words():
    assert sorted(words("en")) == sorted(words("zh"))
    assert len(words("en")) > 150


def test_every_text_that_the_page_uses_exists():
    page = (BOARD / "index.html").read_text("utf-8")
    asked = set(re.findall(r'data-word(?:-label)?="(\w+)"', page))
    for module in MODULES:
        asked |= set(re.findall(r'\bt\("(\w+)"', module.read_text("utf-8")))
    assert asked - set(words("en")) == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.name)
def test_a_module_says_what_it_is_for_stays_short_and_parses_no_markup(module):
    text = module.read_text("utf-8")
    assert text.startswith("/** ")
    assert text.count("\n") <= 300 or module.name == "strings.js"
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
    )


def test_every_module_is_preloaded():
    page = (BOARD / "index.html").read_text("utf-8")
    told = re.findall(r'(?:modulepreload" href|module" src)="board/(\w[\w-]*\.js)"', page)
    assert sorted(told) == [m.name for m in MODULES]


def test_nothing_is_loaded_from_elsewhere_and_nothing_stands_inline():
    page = (BOARD / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    for path in [BOARD / "index.html", *BOARD.glob("*.css"), *MODULES]:
        found = re.findall(r"https?://[^\s\"'`)]+", path.read_text("utf-8"))
        assert [u for u in found if u != "http://www.w3.org/2000/svg"] == [], path.name
