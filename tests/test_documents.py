"""The documents point at what exists, and keep the forms that they promise."""

import re
from pathlib import Path

import pytest

from fashiontrend import __version__
from tests.documented import DOCUMENTS, ROOT

RECORDS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
#: A file of the tree, named in prose or in a command; `...`, `<name>` and wildcards are no names.
NAMED = re.compile(r"`((?:fashiontrend|ray_jobs|tests|docs|bench|helm|k8s|monitoring)/[\w./-]+)`")
ROW = ["measure", "value", "", "commit or date", "command"]


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in found}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page):
    wrong = []
    for link in LINK.findall(page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" in link or target.is_dir():
            continue
        if not target.exists() or (anchor and anchor not in headings(target)):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page):
    named = {n.rstrip("/.") for n in NAMED.findall(page.read_text("utf-8"))}
    assert [n for n in sorted(named) if not (ROOT / n).exists()] == []


def test_rooms_that_the_glossary_names_exist():
    text = (ROOT / "docs/glossary.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|yaml))?)`", text))
    places = (ROOT / "fashiontrend", ROOT)
    keys = {"raw/listings/", "raw/images/", "predictions/", "shares/", "keywords/", "scorecard/",
            "training/", "releases/", "models/"}  # fmt: skip
    missing = [n for n in sorted(named - keys) if not any((p / n).exists() for p in places)]
    assert missing == []


def test_a_term_stands_once_in_the_glossary():
    text = (ROOT / "docs/glossary.md").read_text("utf-8").split("## Words that")[0]
    terms = re.findall(r"^\| ([^|]+) \|", text, re.M)
    terms = [t for t in terms if t not in ("term",) and not t.startswith("--")]
    assert len(terms) > 70
    assert len(terms) == len(set(terms))


@pytest.mark.parametrize("record", RECORDS, ids=lambda p: p.name)
def test_a_decision_record_has_a_status_a_date_and_one_decision(record):
    text = record.read_text("utf-8")
    assert text.startswith(f"# {record.name[:4]}. ")
    assert re.search(r"^Status: .+\. Date: 20\d\d-\d\d-\d\d\.$", text, re.M)
    assert text.count("**Decision.**") == text.count("**Context.**") == 1


def test_the_index_lists_every_decision_record_once():
    index = (ROOT / "docs/adr/README.md").read_text("utf-8")
    listed = re.findall(r"^\| \[\d{4}\]\(([^)]*)\)", index, re.M)
    assert sorted(listed) == [r.name for r in RECORDS]


def test_results_have_one_form_of_table():
    text = (ROOT / "docs/results.md").read_text("utf-8")
    heads = [
        [cell.strip() for cell in before.strip("|").split("|")]
        for before, line in zip(text.splitlines(), text.splitlines()[1:], strict=False)
        if re.fullmatch(r"(\|-+)+\|", line)
    ]
    assert len(heads) > 10
    for head in heads:
        assert len(head) == len(ROW), head
        assert [h.split(":")[0] for h in (head[0], head[1], *head[3:])] == [*ROW[:2], *ROW[3:]]


def test_the_changelog_has_a_section_for_what_comes_and_for_this_version():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## (\S+)", text, re.M) == ["Unreleased", __version__]
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= {"Added", "Changed", "Fixed", "Removed"}
    changes = text.split("### ", 1)[1].splitlines()
    assert [line for line in changes if line.startswith(" ")] == [], "one line a change"
