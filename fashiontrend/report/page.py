"""One HTML page per run: data in, text out. It asks nothing of any server and needs no script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
import pandas as pd
import pyarrow as pa
import yaml

from fashiontrend.config import ReportConfig
from fashiontrend.keywords.render import lead_words
from fashiontrend.loop import Step
from fashiontrend.report import (
    curves,
    exhibits,
    judged,
    samples,
    scorecard,
    summary,
    text,
    wording,
)
from fashiontrend.report.exhibits import Exhibit
from fashiontrend.report.judged import TOGETHER
from fashiontrend.storage.ledger import Run
from fashiontrend.taxonomy import POOLED, Taxonomy

#: Combinations and scored keywords that are listed.
COMBINATIONS, SCORED = 20, 60
#: Change that counts as a move where the run's configuration does not say.
MIN_CHANGE = 0.005


@dataclass(frozen=True)
class ReportInput:
    """Everything that the page shows; what a run did not reach is None or empty."""

    run: Run  # with the entries of every round of both gates
    taxonomy: Taxonomy
    shares: pa.Table | None = None  # records.SHARE
    forecasts: pa.Table | None = None  # records.FORECAST
    keywords: dict[str, Any] | None = None  # keywords, not_enough_evidence, combinations
    pictures: Mapping[str, bytes] = field(default_factory=dict)  # picture_id -> bytes
    withheld: Sequence[dict[str, Any]] = ()  # platform, day, reason
    truth: pd.DataFrame | None = None  # as scorecard.true_shares returns
    attrnet_report: dict[str, Any] | None = None  # mean_accuracy, attributes, box
    worst: Sequence[Exhibit] = ()  # the recogniser's most confidently wrong answers
    perplexity_report: dict[str, Any] | None = None  # TrendReport.to_dict() of the forecaster
    balance: Sequence[dict[str, Any]] = ()  # label counts before and after resampling
    scores: Mapping[str, Any] | None = None  # running rates, as keywords.summarise gives them
    scored: pa.Table | None = None  # records.SCORE of the newest day on which something came due
    earlier: Sequence[Run] = ()  # runs before this one, newest first
    limits: ReportConfig = field(default_factory=ReportConfig)


def build_html(data: ReportInput) -> str:
    """Write the report of a run, also of one whose gate stayed closed.

    The same input gives the same text.
    """
    records = list((data.keywords or {}).get("keywords") or [])
    main = text.pooled(records)
    season = (data.run.config.get("forecaster") or {}).get("season_length") or 7
    tables = (data.shares, data.forecasts, data.truth)
    series = curves.collect(tables, records, data.taxonomy, season)
    cards = _cards(main, series, data)
    thin = tell_thin((data.keywords or {}).get("not_enough_evidence") or [], data.taxonomy)
    platforms = _platforms(data, series.platforms)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            run=data.run,
            platforms=platforms,
            facts=_headline(data, len(main)),
            summary=summary.summarise(
                data.run, platforms, main, sum(TOGETHER in t["platforms"] for t in thin)
            ),
            gates=judged.tell_gates(data.run),
            keywords=[row(r, data.taxonomy) for r in main],
            cards=cards,
            by_platform=_by_platform(records, main, data.taxonomy),
            combinations=((data.keywords or {}).get("combinations") or [])[:COMBINATIONS],
            thin=thin,
            attributes=curves.draw_attributes(series, max(data.limits.panels - len(cards), 0)),
            segments=_segments(data),
            has_truth=data.truth is not None,
            backtest=judged.tell_backtest(data.perplexity_report),
            accuracy=judged.tell_accuracy(data.attrnet_report, data.taxonomy),
            attrnet=data.attrnet_report or {},
            worst=exhibits.show_mistakes(data.worst, data.taxonomy),
            withheld=_withheld(data.withheld),
            balance=judged.tell_balance(data.balance, data.taxonomy),
            score=_score(data, main),
            scores=judged.tell_scores(data.scores),
            scored=_scored(data),
            history=judged.tell_history(data.earlier),
            steps=judged.tell_steps(data.run),
            versions=judged.tell_versions(data.run),
            config=yaml.safe_dump(data.run.config, sort_keys=False, allow_unicode=True),
        )
    )


def environment() -> jinja2.Environment:
    """The templates of this package, with numbers as people read them."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("fashiontrend.report"),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        f.__name__: f
        for f in (
            wording.percent,
            wording.sureness,
            wording.measured,
            wording.points,
            wording.count,
            wording.number,
            wording.plain,
            wording.duration,
        )
    }
    made.globals |= {"LEGEND": wording.LEGEND, "NONE": wording.NONE}
    return made


def _platforms(data: ReportInput, measured: Sequence[str]) -> list[str]:
    named = (data.run.config.get("crawl") or {}).get("platforms") or []
    return [p["name"] for p in named if p.get("enabled", True)] or list(measured)


def _headline(data: ReportInput, number: int) -> list[tuple[str, str, str]]:
    """Numbers under the title: value, English, Chinese."""
    support = None
    if data.shares is not None and data.shares.num_rows:
        frame = data.shares.select(["platform", "day", "support"]).to_pandas()
        last = frame[(frame["platform"] == POOLED) & (frame["day"] == frame["day"].max())]
        support = int(last["support"].max()) if len(last) else None
    facts = [
        (support, "products on sale in the last window", "窗口期内在售商品"),
        (judged.fact(data.run, Step.INGEST, "pictures"), "pictures read", "张图片"),
        (number or None, "keywords judged", "个关键词"),
        (
            (data.attrnet_report or {}).get("mean_accuracy"),
            "mean recognition accuracy",
            "平均识别准确率",
        ),
    ]
    return [
        (wording.percent(v) if isinstance(v, float) else wording.count(v), en, zh)
        for v, en, zh in facts
        if wording.known(v)
    ]


def row(record: Mapping[str, Any], taxonomy: Taxonomy) -> dict[str, Any]:
    """A keyword as its table row and card show it."""
    word = record["keyword"]
    platforms = record.get("platforms") or {}
    attribute = wording.attribute_names(taxonomy, word["attribute"])
    return {
        **record,
        "anchor": f"{word['attribute']}-{word['value']}",
        "shown": wording.direction(record["direction"]),
        "attribute": {"en": attribute[0], "zh": attribute[1]},
        "agree": [
            {"shown": wording.direction(d), "names": list(platforms[d])}
            for d in wording.DIRECTIONS
            if platforms.get(d)
        ],
        "lead": lead_words(record),
    }


def _cards(
    main: Sequence[Mapping[str, Any]], series: curves.Series, data: ReportInput
) -> list[dict[str, Any]]:
    moving = [r for r in main if r["direction"] != "stable"]
    cards = []
    for record in moving[: data.limits.cards]:
        word = record["keyword"]
        shown = row(record, data.taxonomy)
        name = f"{word['en']} {word['zh']}".strip()
        held = (record.get("evidence") or {}).get("samples") or []
        cards.append(
            {
                **shown,
                "panel": curves.draw_value(series, word["attribute"], word["value"], "card"),
                "samples": samples.show_samples(held, data.pictures, name),
            }
        )
    return cards


def needed_pictures(keywords: Mapping[str, Any] | None, limits: ReportConfig) -> list[str]:
    """Ids of the pictures that the cards show."""
    main = text.pooled(list((keywords or {}).get("keywords") or []))
    moving = [r for r in main if r["direction"] != "stable"][: limits.cards]
    held = (s for r in moving for s in (r.get("evidence") or {}).get("samples") or ())
    ids = (str(s.get("picture_id") or s.get("image") or "") for s in held)
    return [i for i in dict.fromkeys(ids) if i]


def _segments(data: ReportInput) -> list[dict[str, Any]]:
    """Keywords of single segments, over all platforms; moving ones in the order of their rank."""
    found = (data.keywords or {}).get("segments") or []
    return [
        {
            "name": " ".join(wording.plain(v) for v in s["segment"].values() if v),
            "products": s["products"],
            "keywords": [row(r, data.taxonomy) for r in s["keywords"]],
            "thin": len(s["not_enough_evidence"]),
        }
        for s in found
    ]


def _scored(data: ReportInput) -> list[dict[str, Any]]:
    """Single keywords that came due, misses first."""
    if data.scored is None:
        return []
    order = {"miss": 0, "hit": 1, "unscored": 2}
    rows = sorted(
        data.scored.to_pylist(), key=lambda r: (r["platform"] != POOLED, order[r["outcome"]])
    )
    return [
        {
            **r,
            "names": _names(data.taxonomy, r["attribute"], r["value"]),
            "shown": wording.direction(r["direction"]),
            "where": TOGETHER if r["platform"] == POOLED else r["platform"],
        }
        for r in rows[:SCORED]
    ]


def _by_platform(
    records: Sequence[Mapping[str, Any]], main: Sequence[Mapping[str, Any]], taxonomy: Taxonomy
) -> dict[str, list[dict[str, Any]]]:
    """Keywords of single platforms, where the main table holds the pooled ones."""
    if not main or main[0].get("platform") != POOLED:
        return {}
    found: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record.get("platform") != POOLED:
            found.setdefault(str(record["platform"]), []).append(row(record, taxonomy))
    return found


def tell_thin(rows: Sequence[Mapping[str, Any]], taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Values without enough evidence, with the platforms that share a reason together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for entry in rows:
        word = entry.get("keyword") or entry
        reason = "; ".join(entry.get("reasons") or [str(entry.get("reason") or "no reason given")])
        name = TOGETHER if entry["platform"] == POOLED else str(entry["platform"])
        found.setdefault((word["attribute"], word["value"], reason), []).append(name)
    return [
        {"names": _names(taxonomy, a, v), "platforms": names, "reason": reason}
        for (a, v, reason), names in found.items()
    ]


def _names(taxonomy: Taxonomy, attribute: str, value: str) -> dict[str, Any]:
    return {
        "attribute": wording.attribute_names(taxonomy, attribute),
        "value": wording.value_names(taxonomy, attribute, value),
    }


def _withheld(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Withheld days with the same reason together: platform, days, reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in rows:
        found.setdefault((str(entry["platform"]), str(entry["reason"])), []).append(
            str(entry["day"])
        )
    return [
        {"platform": p, "reason": r, "days": sorted(days)} for (p, r), days in sorted(found.items())
    ]


def _score(data: ReportInput, main: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The scorecard; None where no truth is known."""
    if data.truth is None or data.shares is None:
        return None
    least = float((data.run.config.get("keywords") or {}).get("min_change") or MIN_CHANGE)
    errors = scorecard.share_errors(data.shares, data.truth)
    directions = scorecard.judge_directions(main, data.truth, least)
    names = wording.attribute_names
    return {
        "errors": [
            {**e, "names": names(data.taxonomy, e["attribute"])} for e in errors.to_dict("records")
        ],
        "total": errors[["mae_corrected", "mae_raw"]].mean().to_dict() if len(errors) else {},
        "directions": [
            {
                **d,
                "shown": wording.direction(d["direction"]),
                "names": _names(data.taxonomy, d["attribute"], d["value"]),
            }
            for d in directions.to_dict("records")
        ],
        "right": int(directions["right"].sum()),
        "ahead": bool((directions["basis"] == "ahead").any()),
    }
