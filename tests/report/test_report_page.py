"""The page: complete in itself, safe, readable, and there for every run, finished or not."""

import re
from dataclasses import replace

import html5lib
import pytest

from fashiontrend import taxonomy
from fashiontrend.loop import Step
from fashiontrend.report import ReportInput, build_html

HOSTILE = '<script>alert("x")</script>'
SECTIONS = [
    "legend",
    "keywords",
    "curves",
    "thin",
    "gates",
    "accuracy",
    "withheld",
    "balance",
    "score",
    "steps",
    "versions",
]


@pytest.fixture(scope="module")
def page(whole) -> str:
    return build_html(whole)


@pytest.fixture(scope="module")
def tree(page):
    return parse(page)


def parse(page: str):
    """Strict: any mistake in the markup is an error."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def texts(element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def test_the_page_is_well_formed_with_ids_that_stand_once(tree):
    ids = [e.get("id") for e in tree.iter() if e.get("id")]
    assert len(ids) == len(set(ids))


def test_every_reference_inside_the_page_has_its_target(page, tree):
    ids = {e.get("id") for e in tree.iter()}
    wanted = set(re.findall(r'(?:url\(#|href="#)([^")]+)', page))
    assert wanted <= ids


def test_nothing_is_asked_of_any_server_but_links_that_a_person_follows(page, tree):
    assert not [e for e in tree.iter() if e.tag in ("script", "link", "iframe", "object", "embed")]
    addressed = [(e.tag, k, v) for e in tree.iter() for k, v in e.items() if "://" in v]
    assert {(tag, key) for tag, key, _ in addressed} == {("a", "href")}
    assert not re.search(r"@import|url\((?!#)", page)


def test_the_sections_stand_in_the_order_of_their_readers(tree):
    found = [e.get("id") for e in tree.iter("h2")]
    assert found == SECTIONS


@pytest.mark.parametrize("tag", ["table", "img", "svg"])
def test_what_is_seen_is_also_said(tree, tag):
    for element in tree.iter(tag):
        if tag == "table":
            assert element.find("caption") is not None
        else:
            assert element.get("alt") or element.get("aria-label")


def test_a_direction_is_told_by_arrow_and_word_not_only_by_colour(tree):
    pills = [texts(e) for e in tree.iter("span") if "pill d-" in (e.get("class") or "")]
    assert {"↗ rising 上升", "↘ falling 下降", "→ stable 平稳"} == set(pills)


@pytest.mark.parametrize(
    "words",
    ["占比", "区间", "阶段", "可信等级", "支持数", "方向", "Share", "Interval", "Stage", "Grade"],
)
def test_the_legend_explains_in_both_languages(tree, words):
    legend = next(e for e in tree.iter("dl") if e.get("class") == "legend")
    assert words in texts(legend)


def test_the_summary_names_what_moves_in_both_languages(tree):
    lead = [texts(e) for e in tree.iter("p") if (e.get("class") or "").startswith("lead")]
    assert "rising: Green (30.0 % → 34.1 %)" in lead[0]
    assert "下降\uff1a黑\uff0812.0 % → 8.2 %\uff09" in lead[1]


def test_cards_show_the_sample_garments_inline(tree):
    sources = [e.get("src") for e in tree.iter("img")]
    assert len(sources) == 12
    assert all(s.startswith("data:image/jpeg;base64,") for s in sources)


def test_every_round_of_both_gates_says_what_it_changed(tree):
    rounds = [texts(e) for e in tree.iter("div") if (e.get("class") or "").startswith("round")]
    assert len(rounds) == 5
    assert "0.8100 > 0.85 ✘ not met" in rounds[0]
    assert "Changed: epochs 10 -> 15, seed 1000." in rounds[1]
    assert (
        "Changed: labelled again with colour audited; 1 title rule dropped; first training."
        in rounds[2]
    )
    assert "Changed: labelled again with colour audited; 1 title rule dropped." in rounds[4]


def test_the_model_stands_beside_every_baseline(tree):
    row = next(e for e in tree.iter("tr") if texts(e).startswith("shop-a, colour"))
    assert texts(row).split()[2:7] == ["1.0120", "1.0200", "1.0250", "1.0220", "1.0600"]


def test_the_scorecard_compares_corrected_with_counted_shares(page, tree):
    row = next(e for e in tree.iter("tr") if texts(e).startswith("Mean over attributes"))
    corrected, counted = (float(v) for v in texts(row).split()[-2:])
    assert corrected < 0.7
    assert counted == pytest.approx(2.0, abs=0.1)
    assert "8 of 8" in page


def test_withheld_days_of_one_reason_stand_together(tree):
    row = next(e for e in tree.iter("tr") if texts(e).startswith("shop-b 2026"))
    assert texts(row) == "shop-b 2026-10-25, 2026-10-26 crawl failed: 503"


def test_the_same_input_gives_the_same_page(whole, page):
    assert build_html(whole) == page


def test_a_run_whose_first_gate_stayed_closed_has_its_report(closed):
    page = build_html(closed)
    tree = parse(page)
    assert [e.get("id") for e in tree.iter("h2")] == [s for s in SECTIONS if s != "score"]
    assert "The accuracy gate stayed closed (mean_accuracy is 0.81, expected > 0.85)" in texts(tree)
    badges = [texts(e) for e in tree.iter("a") if (e.get("class") or "").startswith("badge")]
    assert badges[1].endswith("not reached 未到达")


def test_a_run_that_did_nothing_yet_has_a_report(closed):
    parse(build_html(replace(closed, run=replace(closed.run, entries=(), config={}))))


def test_a_run_with_the_models_of_a_release_says_so(whole):
    steps = (Step.CRAWL, Step.INGEST, Step.RECOGNISE, Step.SHARES, Step.PUBLISH)
    entries = tuple(e for e in whole.run.entries if e.step in steps)
    page = build_html(
        replace(
            whole,
            run=replace(whole.run, entries=entries, release="2026-11-20-ab"),
            perplexity_report=None,
        )
    )
    assert "Models of release 2026-11-20-ab are used as they are." in page
    assert "earlier release" in page


@pytest.mark.parametrize("place", ["title", "name", "platform", "caveat", "reason", "config"])
def test_text_of_others_cannot_become_markup(whole, with_keyword, place):
    word, first = whole.keywords["keywords"][0]["keyword"], whole.keywords["keywords"][0]
    sample = {**first["evidence"]["samples"][0], "title": HOSTILE}
    data = {
        "title": lambda: with_keyword(evidence={"samples": [sample]}),
        "name": lambda: with_keyword(keyword={**word, "en": HOSTILE, "zh": HOSTILE}),
        "platform": lambda: with_keyword(
            platforms={"rising": [HOSTILE], "stable": [], "falling": []}
        ),
        "caveat": lambda: with_keyword(caveats=[HOSTILE]),
        "reason": lambda: replace(
            whole, withheld=[{"platform": HOSTILE, "day": "2026-11-01", "reason": HOSTILE}]
        ),
        "config": lambda: replace(whole, run=replace(whole.run, config={"a": HOSTILE})),
    }[place]()
    page = build_html(replace(data, shares=None, forecasts=None, truth=None))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_names_in_charts_cannot_become_markup(whole):
    words = taxonomy.load()
    colour = words.attribute("colour")
    values = tuple(v.model_copy(update={"en": HOSTILE + '"'}) for v in colour.values)
    hostile = words.model_copy(
        update={"attributes": (colour.model_copy(update={"values": values}),)}
    )
    page = build_html(replace(whole, taxonomy=hostile))
    assert "<script" not in page
    parse(page)


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://shop.example/a", True),
        ("http://shop.example/a", True),
        ("javascript:alert(1)", False),
        ("", False),
        (None, False),
    ],
)
def test_only_web_addresses_become_links(whole, with_keyword, url, linked):
    sample = {
        **whole.keywords["keywords"][0]["evidence"]["samples"][0],
        "url": url,
        "title": "only one",
    }
    data = with_keyword(evidence={"samples": [sample]})
    page = build_html(replace(data, shares=None, forecasts=None, truth=None))
    link = [e for e in parse(page).iter("a") if e.get("title") == "only one"]
    assert bool(link) is linked


def test_a_broken_or_missing_sample_picture_is_left_out(whole):
    broken = dict.fromkeys(list(whole.pictures)[:2], b"\xff\xd8\xff half a file")
    page = build_html(
        ReportInput(
            run=whole.run, taxonomy=whole.taxonomy, keywords=whole.keywords, pictures=broken
        )
    )
    assert "<img" not in page


def test_what_publish_puts_aside_is_listed_with_platforms_and_reasons(whole):
    word = {"attribute": "colour", "value": "yellow", "en": "Yellow", "zh": "黄"}
    aside = [
        {"platform": p, "keyword": word, "reasons": ["support 4 < 100 products", "no forecast"]}
        for p in ("*", "shop-a")
    ]
    data = replace(
        whole, keywords={**whole.keywords, "not_enough_evidence": aside}, shares=None, truth=None
    )
    row = next(e for e in parse(build_html(data)).iter("tr") if texts(e).startswith("Yellow"))
    assert (
        texts(row) == "Yellow 黄 Colour all together, shop-a support 4 < 100 products; no forecast"
    )


def test_forty_keywords_with_pictures_stay_below_three_megabytes(whole):
    first = whole.keywords["keywords"][0]
    many = [{**first, "rank": n} for n in range(1, 41)]
    page = build_html(replace(whole, keywords={**whole.keywords, "keywords": many}))
    assert len(page.encode()) < 3_000_000


def test_a_value_without_a_keyword_is_not_called_stable(whole):
    found = parse(build_html(replace(whole, keywords=None, forecasts=None)))
    captions = [texts(e) for e in found.iter("figcaption")]
    assert captions
    assert not [c for c in captions if "stable" in c]
    assert "Green 绿 · not judged" in " ".join(captions)
