"""One HTML page per run: data in, text out. The page requests nothing from any server and needs no script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
import pandas as pd
import pyarrow as pa
import yaml

from fashiontrend.config import ReportConfig
from fashiontrend.keywords import KeywordsFile
from fashiontrend.outcomes import (
    EvalReport,
    IngestFacts,
    LabelFacts,
    ScoreSummary,
    TrendReport,
    WithheldDay,
)
from fashiontrend.outcomes.facts import BalanceRow
from fashiontrend.report import (
    backtest_rows,
    curves,
    exhibits,
    gate_rows,
    keyword_rows,
    retail_rows,
    run_rows,
    samples,
    summary,
    text,
    truth_rows,
    wording,
)
from fashiontrend.report.exhibits import Exhibit
from fashiontrend.report.run_rows import TOGETHER
from fashiontrend.storage.ledger import Run
from fashiontrend.taxonomy import POOLED, Taxonomy

#: Combinations and scored keywords that are listed at most.
COMBINATIONS, SCORED = 20, 60


@dataclass(frozen=True)
class ReportInput:
    """Everything that the page shows; what a run did not reach is None or empty."""

    run: Run  # with the entries of every round of both gates
    taxonomy: Taxonomy
    shares: pa.Table | None = None  # schemas.SHARE
    forecasts: pa.Table | None = None  # schemas.FORECAST
    keywords: KeywordsFile | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)  # picture_id -> bytes
    withheld: Sequence[WithheldDay] = ()
    truth: pd.DataFrame | None = None  # as scorecard.true_shares returns
    attrnet_report: EvalReport | None = None
    mistakes: Sequence[Exhibit] = ()  # the recogniser's most confidently wrong predictions
    perplexity_report: TrendReport | None = None
    balance: Sequence[BalanceRow] = ()  # label counts before and after resampling
    retail: pa.Table | None = None  # schemas.RETAIL
    scores: ScoreSummary | None = None  # running rates of the scorecard
    scored: pa.Table | None = None  # schemas.SCORE of the newest day on which something came due
    earlier: Sequence[Run] = ()  # runs before this one, newest first
    limits: ReportConfig = field(default_factory=ReportConfig)
    labelling: str = ""  # where the pictures are that people should label, as a sentence


@dataclass(frozen=True)
class ScoredRow:
    """A keyword that came due: its row of schemas.SCORE, and how it is shown."""

    score: Mapping[str, Any]
    title: keyword_rows.ValueTitle
    shown: wording.Direction
    place: str


@dataclass(frozen=True)
class WithheldRow:
    """The withheld days of a platform that share a reason."""

    platform: str
    reason: str
    days: tuple[str, ...]


def build_html(data: ReportInput) -> str:
    """Write the report of a run, also of one whose gate stayed closed.

    The same input gives the same text.
    """
    taxonomy, found = data.taxonomy, data.keywords
    records = found["keywords"] if found else []
    main = text.pooled(records)
    season = (data.run.config.get("forecaster") or {}).get("season_length") or 7
    tables = (data.shares, data.forecasts, data.truth)
    series = curves.collect(tables, records, taxonomy, season)
    cards = keyword_rows.make_cards(main, series, data.pictures, data.limits.cards)
    thin = keyword_rows.list_thin(found["not_enough_evidence"] if found else [], taxonomy)
    platforms = _platforms(data, series.platforms)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            run=data.run,
            platforms=platforms,
            facts=_headline(data, len(main)),
            summary=summary.summarise(
                data.run, platforms, main, sum(TOGETHER in t.platforms for t in thin)
            ),
            gates=gate_rows.list_gates(data.run),
            keywords=[keyword_rows.make_row(r, taxonomy) for r in main],
            cards=cards,
            by_platform=keyword_rows.list_platforms(records, main, taxonomy),
            combinations=found["combinations"][:COMBINATIONS] if found else [],
            thin=thin,
            attributes=curves.draw_attributes(series, max(data.limits.panels - len(cards), 0)),
            segments=keyword_rows.list_segments(
                found.get("segments", []) if found else [], taxonomy
            ),
            has_truth=data.truth is not None,
            backtest=backtest_rows.list_backtest(data.perplexity_report),
            accuracy=run_rows.list_accuracy(data.attrnet_report, taxonomy),
            attrnet=data.attrnet_report or EvalReport(),
            mistakes=exhibits.show_mistakes(data.mistakes, taxonomy),
            withheld=_withheld(data.withheld),
            ingested=data.run.find_facts(IngestFacts),
            texts=(data.run.find_facts(LabelFacts) or LabelFacts()).texts,
            balance=run_rows.list_balance(data.balance, taxonomy),
            truth=truth_rows.compare(data.run.config, data.shares, data.truth, main, taxonomy),
            retail=retail_rows.list_retail(data.retail, taxonomy),
            scores=run_rows.list_scores(data.scores),
            scored=_scored(data),
            history=gate_rows.list_history(data.earlier),
            labelling=data.labelling,
            steps=run_rows.list_steps(data.run),
            versions=run_rows.list_versions(data.run),
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
    made.tests["known"] = wording.known
    made.globals |= {"LEGEND": wording.LEGEND, "NONE": wording.NONE}
    return made


def _platforms(data: ReportInput, measured: Sequence[str]) -> list[str]:
    named = (data.run.config.get("crawl") or {}).get("platforms") or []
    return [p["name"] for p in named if p.get("enabled", True)] or list(measured)


def _headline(data: ReportInput, number: int) -> list[tuple[str, str, str]]:
    """Numbers under the title: value, English, Chinese."""
    ingested = data.run.find_facts(IngestFacts)
    accuracy = data.attrnet_report.mean_accuracy if data.attrnet_report else None
    facts = [
        (wording.count(_support(data.shares)), "products on sale in the last window", "窗口期内在售商品"),
        (wording.count(ingested.pictures if ingested else None), "pictures read", "张图片"),
        (wording.count(number or None), "values with enough evidence", "个关键词"),
        (wording.percent(accuracy), "mean recognition accuracy", "平均识别准确率"),
    ]  # fmt: skip
    return [fact for fact in facts if fact[0] != wording.NONE]


def _support(shares: pa.Table | None) -> int | None:
    """Products behind the newest pooled shares; None if there are no such shares."""
    if shares is None or not shares.num_rows:
        return None
    frame = shares.select(["platform", "day", "support"]).to_pandas()
    last = frame[(frame["platform"] == POOLED) & (frame["day"] == frame["day"].max())]
    return int(last["support"].max()) if len(last) else None


def needed_pictures(keywords: KeywordsFile | None, limits: ReportConfig) -> list[str]:
    """Ids of the pictures that the cards show."""
    main = text.pooled(keywords["keywords"] if keywords else [])
    shown = keyword_rows.moving(main)[: limits.cards]
    ids = (samples.picture_of(s) for r in shown for s in r["evidence"]["samples"])
    return [i for i in dict.fromkeys(ids) if i]


def _scored(data: ReportInput) -> list[ScoredRow]:
    """Single keywords that came due, misses first."""
    if data.scored is None:
        return []
    order = {"miss": 0, "hit": 1, "unscored": 2}
    rows = sorted(
        data.scored.to_pylist(), key=lambda r: (r["platform"] != POOLED, order[r["outcome"]])
    )
    return [
        ScoredRow(
            score=r,
            title=keyword_rows.title_of(data.taxonomy, r["attribute"], r["value"]),
            shown=wording.direction(r["direction"]),
            place=TOGETHER if r["platform"] == POOLED else r["platform"],
        )
        for r in rows[:SCORED]
    ]


def _withheld(days: Sequence[WithheldDay]) -> list[WithheldRow]:
    """Withheld days of a platform with the same reason together."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in days:
        found.setdefault((entry.platform, entry.reason), []).append(str(entry.day))
    return [WithheldRow(p, r, tuple(sorted(days))) for (p, r), days in sorted(found.items())]
