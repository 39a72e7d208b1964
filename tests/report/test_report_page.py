"""The page: complete in itself, safe, readable, and there for every run, finished or not."""

import dataclasses
import re
from dataclasses import replace
from datetime import date, timedelta

import html5lib
import jinja2
import numpy as np
import pyarrow as pa
import pytest

from fashiontrend import taxonomy
from fashiontrend.attrnet.evaluation.hard_examples import HardExample
from fashiontrend.config import ReportConfig
from fashiontrend.loop import Step
from fashiontrend.outcomes import (
    IngestFacts,
    LabelFacts,
    PairReport,
    ReadTexts,
    ScoreSummary,
    WithheldDay,
)
from fashiontrend.report import Exhibit, ReportInput, build_html, needed_pictures, text_lines
from fashiontrend.report.wording import NONE, THIN
from fashiontrend.storage import schemas

LAST = date(2026, 11, 23)
DAYS = [LAST - timedelta(days=n) for n in reversed(range(90))]
AHEAD = [LAST + timedelta(days=n + 1) for n in range(14)]
HOSTILE = '<script>alert("x")</script>'
SECTIONS = [
    "keywords",
    "legend",
    "curves",
    "thin",
    "scores",
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


def test_nothing_is_requested_from_any_server_but_links_that_a_person_follows(page, tree):
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


def test_a_direction_is_shown_by_arrow_and_word_not_only_by_colour(tree):
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


def test_a_pair_that_is_not_judged_yet_is_said_to_be(whole):
    waiting = PairReport("shop-new", "colour", days_judged=0)
    pairs = (*whole.perplexity_report.pairs, waiting)
    report = replace(whole.perplexity_report, pairs=pairs)
    shown = parse(build_html(replace(whole, perplexity_report=report)))
    rows = [texts(e) for e in shown.iter("tr")]
    assert any(r.startswith("shop-new, colour not tested yet – –") for r in rows)
    assert sum("not tested yet" in r for r in rows) == 1


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
    assert "The run used the models of release 2026-11-20-ab." in page
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
        "reason": lambda: replace(whole, withheld=[WithheldDay(HOSTILE, LAST, HOSTILE)]),
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


def test_what_publish_sets_aside_is_listed_with_platforms_and_reasons(whole):
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


def test_the_model_is_compared_with_each_naive_forecast_by_difference_and_standard_error(tree):
    row = next(e for e in tree.iter("tr") if texts(e).startswith("persistence "))
    assert texts(row) == "persistence 1.0200 0.00800 0.00200 4.0"
    assert "are worth 1.2 independent ones" in " ".join(texts(e) for e in tree.iter("caption"))


def test_before_a_target_day_the_scorecard_says_that_none_came(page):
    assert "No forecast has come due yet" in page


def test_the_scorecard_shows_running_rates_with_their_intervals_and_what_was_not_measured(whole):
    rates = {
        "n": 40, "hit_rate": 0.7, "hit_rate_interval": [0.55, 0.82], "coverage80": 0.8,
        "coverage80_interval": [0.65, 0.9], "coverage95": 0.95, "coverage95_interval": [0.84, 0.99],
        "claimed": 0.9, "error": 0.01, "error_persistence": 0.012,
    }  # fmt: skip
    summary = ScoreSummary.from_json(
        {
            "as_of": "2026-11-23", "scored": 40, "unscored": 3, "overall": rates, "truth": {"overall": rates},
            "by": {"horizon_days": {"14": rates}, "platform": {"*": rates}, "grade": {"A": rates}},
            "monitor": {"days": 90, **rates},
        }
    )  # fmt: skip
    score = {
        "id": "x", "platform": "*", "attribute": "colour", "value": "green", "direction": "rising",
        "target_date": LAST, "share_forecast": 0.3, "low80": 0.28, "high80": 0.32, "start": 0.25,
    }  # fmt: skip
    scored = pa.Table.from_pylist(
        [
            {**score, "outcome": "hit", "observed": 0.31, "covered80": True},
            {
                **score,
                "outcome": "unscored",
                "reason": "the target day was withheld by data health",
            },
        ],
        schema=schemas.SCORE,
    )
    found = parse(
        build_html(replace(whole, scores=summary, scored=scored, shares=None, truth=None))
    )
    rows = [texts(e).replace("\u202f", " ") for e in found.iter("tr")]
    assert any(r.startswith("days ahead: 14 40 70 % 55 % … 82 % 90 % 80 %") for r in rows)
    assert any("✔ hit" in r and "25.0 % → 31.0 %" in r for r in rows)
    assert any("not scored" in r and "withheld by data health" in r for r in rows)
    assert "3 whose target day could not be measured" in texts(found)
    assert "These rates are separate from those above" in texts(found)


def test_the_gates_of_earlier_runs_are_listed(whole, closed):
    earlier = [
        replace(closed.run, run_id="2026-11-22-ab"),
        replace(whole.run, run_id="2026-11-21-cd"),
    ]
    found = parse(build_html(replace(whole, earlier=earlier, shares=None, truth=None)))
    rows = [texts(e) for e in found.iter("tr") if "2026-11-2" in texts(e) and "round" in texts(e)]
    assert "✘ closed" in rows[0]
    assert rows[0].endswith("not reached ✘ no")
    assert "3 rounds" in rows[0]
    assert rows[1].count("✔ open") == 2
    assert rows[1].endswith("✔ yes")


def test_segments_have_their_own_keywords(whole):
    record = {**whole.keywords["keywords"][0], "segment": {"gender": "women", "garment_type": None}}
    entry = {
        "segment": {"gender": "women", "garment_type": None}, "products": 1200, "keywords": [record],
        "not_enough_evidence": [{}],
    }  # fmt: skip
    data = replace(whole, keywords={**whole.keywords, "segments": [entry]}, shares=None, truth=None)
    text = texts(parse(build_html(data))).replace("\u202f", " ")
    assert "Only women: 1 200 products, 1 keywords, 1 without enough evidence" in text


def test_no_probability_is_shown_as_certainty(with_keyword, whole):
    sure = {**whole.keywords["keywords"][0]["confidence"], "p_direction": 0.9996}
    page = build_html(replace(with_keyword(confidence=sure), shares=None, truth=None))
    assert "over 99\u202f% sure" in page
    assert "100\u202f% sure" not in page


def test_only_the_pictures_of_cards_are_needed(whole):
    assert len(needed_pictures(whole.keywords, ReportConfig())) == 12
    assert len(needed_pictures(whole.keywords, ReportConfig(cards=1))) == 6
    assert needed_pictures(None, ReportConfig()) == []


@pytest.mark.slow
def test_many_platforms_and_attributes_stay_below_three_megabytes_and_say_what_is_left_out(whole):
    """Eight platforms, all fourteen attributes: panels are bounded, the rest is named."""
    words, rng = taxonomy.load().subset(()), np.random.default_rng(0)
    shops = ["*", *(f"shop-{n}" for n in range(8))]
    rows, ahead, keywords = [], [], []
    for attribute in words.attributes:
        for platform in shops:
            for value in attribute.value_ids:
                series = rng.uniform(0.02, 0.2) + rng.normal(0, 0.005, 60).cumsum() / 8
                key = {"platform": platform, "attribute": attribute.id, "value": value}
                rows += [
                    {**key, "day": d, "window_days": 7, "basis": "live", "support": 500, "share_raw": s,
                     "share": s, "low": s - 0.02, "high": s + 0.02, "withheld": False}
                    for d, s in zip(DAYS[-60:], series, strict=True)
                ]  # fmt: skip
                ahead += [
                    {**key, "as_of": LAST, "day": d, "horizon": n + 1, "share": series[-1], "q025": 0.0,
                     "q10": 0.05, "q90": 0.15, "q975": 0.2}
                    for n, d in enumerate(AHEAD)
                ]  # fmt: skip
                if platform == "*":
                    first = whole.keywords["keywords"][0]
                    word = {"attribute": attribute.id, "value": value, "en": value, "zh": ""}
                    keywords.append({**first, "keyword": word, "rank": len(keywords) + 1})
    page = build_html(
        replace(
            whole,
            taxonomy=words,
            shares=pa.Table.from_pylist(rows, schema=schemas.SHARE),
            forecasts=pa.Table.from_pylist(ahead, schema=schemas.FORECAST),
            keywords={**whole.keywords, "keywords": keywords},
            truth=None,
        )
    )
    assert len(page.encode()) < 3_000_000
    assert page.count("<svg") <= 120
    assert "Not drawn: " in page


def test_the_most_confident_mistakes_of_the_recogniser_are_shown_if_it_kept_them(whole, page):
    assert "Most confident mistakes" not in page
    picture = next(iter(whole.pictures.values()))
    mistake = HardExample(0, "colour", 0, 0.97, 1, 0.01)
    shown = build_html(
        replace(whole, mistakes=[Exhibit("p1", picture, (0.1, 0.1, 0.9, 0.9), mistake)])
    )
    parse(shown)
    first, second = (v.en for v in whole.taxonomy.attribute("colour").values[:2])
    assert f'alt="picture p1, predicted {first}, labelled {second}"' in shown


def test_the_accuracy_table_shows_every_number_of_the_evaluation(whole, tree):
    table = next(t for t in tree.iter("table") if "most frequent value" in texts(t.find("caption")))
    assert "36.0" in texts(table)
    assert NONE not in texts(table)


def test_the_page_reads_only_what_its_records_have(whole, monkeypatch):
    """A template shows nothing if a field is missing, so a renamed one would go unseen."""
    missed = set()

    class Noted(jinja2.ChainableUndefined):
        def __init__(self, hint=None, obj=jinja2.utils.missing, name=None, *more):
            if dataclasses.is_dataclass(obj):
                missed.add(f"{type(obj).__name__}.{name}")
            super().__init__(hint, obj, name, *more)

    monkeypatch.setattr(jinja2, "ChainableUndefined", Noted)
    build_html(replace(whole, earlier=[whole.run]))
    assert missed == set()


def test_how_a_value_is_sold_and_what_the_texts_gave_is_shown(whole):
    rows = [
        {
            "platform": "shop-a", "attribute": "colour", "value": value, "day": LAST, "support": support,
            "out_of_stock": 0.25, "out_of_stock_support": 31, "markdown": None, "markdown_support": 0,
            "price_q25": 19.5, "price_median": 25.0, "price_q75": 39.0, "price_support": 30,
            "currency": "EUR", "withheld": False,
        }
        for value, support in (("green", 40), ("black", 3))
    ]  # fmt: skip
    facts = LabelFacts(texts=(ReadTexts("shop-a", "fr", 90, 60, 10, 20),))
    entry = replace(whole.run.latest(Step.LABEL), facts=facts)
    ingested = replace(whole.run.latest(Step.INGEST), facts=IngestFacts(2, 200, 9, (), 17))
    run = replace(whole.run, entries=(*whole.run.entries, entry, ingested))
    retail = pa.Table.from_pylist(rows, schemas.RETAIL)
    tree = parse(build_html(replace(whole, run=run, retail=retail)))
    sold = texts(tree.find(".//section[@aria-labelledby='retail']"))
    assert "25.0 % 31" in sold.replace(THIN, " ")
    assert "19.50 · 25.00 · 39.00 EUR" in sold
    assert "Not listed, for want of products: 1." in sold
    told = texts(tree.find(".//section[@aria-labelledby='texts']"))
    assert "17 of 200 listings are no garments" in told
    assert "shop-a fr 90 60 20 10" in told
    assert text_lines(run) == [
        "listings: 17 of 200 are no garments",
        "labels of shop-a (fr): 60 of 90 products have labels in their texts, 20 have none, 10 are no garments",
    ]
