"""What the run was judged by, as rows for the page: gates, backtest, accuracy, balance, steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from fashiontrend.loop import Step
from fashiontrend.report import wording
from fashiontrend.storage.ledger import Entry, Run
from fashiontrend.taxonomy import POOLED, Taxonomy

#: Gated step -> the gate's name, its Chinese name, what it asks.
GATES = {
    Step.TRAIN_ATTRNET: (
        "Accuracy gate",
        "识别准确率门控",
        "Does the recogniser read garments accurately enough?",
    ),
    Step.TRAIN_FORECASTER: (
        "Perplexity gate",
        "趋势困惑度门控",
        "Does the trend model fit days it never saw, better than naive forecasts?",
    ),
}
#: Checks of one attribute are named `kind:attribute`; they are listed only in the details.
OWN = ":"
BASELINES = ("persistence", "seasonal_naive", "ewma", "long_run_mean")
#: What the pooled series is called where platforms are listed.
TOGETHER = "all together"
SCORE_GROUPS = {
    "horizon_days": "days ahead",
    "platform": "platform",
    "grade": "grade",
    "direction": "direction",
}
STEPS_ZH = {
    Step.CRAWL: "采集",
    Step.INGEST: "入库",
    Step.LABEL: "标注与重采样",
    Step.TRAIN_ATTRNET: "训练识别网络",
    Step.RECOGNISE: "识别",
    Step.SHARES: "生成属性变化序列",
    Step.TRAIN_FORECASTER: "训练趋势模型",
    Step.PUBLISH: "发布",
}


def tell_gates(run: Run) -> list[dict[str, Any]]:
    """Both gates with every round: verdict, checks, what the round changed, reasons and remedy."""
    return [
        {
            "id": str(step),
            "name": name,
            "zh": zh,
            "asks": asks,
            "rounds": [tell_round(run, e) for e in run.entries if e.step is step],
            "state": _state(run, step),
        }
        for step, (name, zh, asks) in GATES.items()
    ]


def _state(run: Run, step: Step) -> str:
    """open, closed, release (models of an earlier run are used) or unreached."""
    verdicts = run.verdicts(step)
    if verdicts:
        return "open" if verdicts[-1].get("passed") else "closed"
    return "release" if run.release else "unreached"


def tell_round(run: Run, entry: Entry) -> dict[str, Any]:
    """One round of a gate."""
    verdict = entry.verdict or {}
    checks = verdict.get("checks") or []
    return {
        "label_round": entry.label_round,
        "train_round": entry.train_round,
        "passed": bool(verdict.get("passed")),
        "main": [c for c in checks if OWN not in c["name"]],
        "own": [c for c in checks if OWN in c["name"]],
        "changed": _changed(run, entry),
        "reasons": verdict.get("reasons") or [],
        "warnings": verdict.get("warnings") or [],
        "remedy": verdict.get("remedy") or "",
        "named": [
            {"attribute": a, **found}
            for a, found in (verdict.get("per_attribute") or {}).items()
            if found.get("reason")
        ],
    }


def _changed(run: Run, entry: Entry) -> str:
    """What differs from the round before: labels after a closed perplexity gate, then training."""
    own = wording.change(entry.facts["changed"]) if entry.facts.get("changed") else ""
    if entry.label_round == 1 or entry.train_round > 1:
        return own or "first round"
    labels = [e for e in run.entries if e.step is Step.LABEL and e.label_round == entry.label_round]
    facts = labels[-1].facts if labels else {}
    named, dropped = facts.get("named") or [], facts.get("dropped_rules") or []
    parts = [
        f"labelled again with {', '.join(named)} audited"
        if named
        else "labelled and resampled again"
    ]
    parts += (
        [f"{len(dropped)} title rule{'s' if len(dropped) != 1 else ''} dropped"] if dropped else []
    )
    return "; ".join([*parts, *([own] if own else [])])


def tell_backtest(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The model beside the naive forecasts: overall and per pair; None if nothing was tested."""
    if not report:
        return None
    names = [n for n in BASELINES if n in (report.get("baselines") or {})]
    pairs = [p for p in report.get("pairs") or [] if p.get("platform") != POOLED] or list(
        report.get("pairs") or []
    )
    return {
        "total": report,
        "names": names,
        "rows": [{**p, "best": _best(p, names)} for p in pairs],
        "compared": [_compare(report, n) for n in names],
        "best": _best(report, names),
    }


def _compare(report: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A naive forecast beside the model: its number, and how much worse it is with standard error."""
    found = (report.get("differences") or {}).get(name) or (None, None)
    if found[0] is None and name == report.get("best_naive"):
        found = (report.get("difference"), report.get("difference_se"))
    mean, error = found
    errors = mean / error if mean is not None and error else None
    return {
        "name": name,
        "value": (report.get("baselines") or {}).get(name),
        "difference": mean,
        "error": error,
        "errors": errors,
    }


def tell_history(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The gates of earlier runs, newest first: rounds, verdict and the number each gate is about."""
    return [
        {
            "run_id": run.run_id,
            "day": str(run.day),
            "release": run.release,
            "gates": [_last_verdict(run, step) for step in GATES],
            "published": any(e.step is Step.PUBLISH for e in run.entries),
        }
        for run in runs
    ]


def _last_verdict(run: Run, step: Step) -> dict[str, Any]:
    verdicts = run.verdicts(step)
    last = verdicts[-1] if verdicts else {}
    first = (last.get("checks") or [{}])[0]
    return {
        "rounds": len(verdicts),
        "passed": last.get("passed"),
        "name": first.get("name"),
        "seen": first.get("seen"),
        "limit": first.get("limit"),
    }


def tell_scores(rates: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The running scorecard as table rows; None before the first keyword came due."""
    if not rates or not (rates.get("scored") or rates.get("unscored")):
        return None
    rows = [("all", "", rates["overall"])]
    rows.append((f"last {rates['monitor'].get('days')} days", "", rates["monitor"]))
    for name, groups in rates["by"].items():
        words = SCORE_GROUPS.get(name, wording.plain(name))
        rows += [(words, TOGETHER if k == POOLED else k, found) for k, found in groups.items()]
    return {**rates, "rows": [(a, b, found) for a, b, found in rows if found.get("n")]}


def _best(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """Who forecast best: `model` or a baseline's name."""
    scores = {
        "model": row.get("normalised_perplexity"),
        **{n: (row.get("baselines") or {}).get(n) for n in names},
    }
    measured = {n: s for n, s in scores.items() if wording.known(s)}
    return min(measured, key=lambda n: float(measured[n] or 0.0)) if measured else ""


def tell_accuracy(report: Mapping[str, Any] | None, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Accuracy per attribute beside the majority value's, worst gain first."""
    rows = []
    for attribute, found in ((report or {}).get("attributes") or {}).items():
        en, zh = wording.attribute_names(taxonomy, attribute)
        rows.append({"en": en, "zh": zh, **found})
    return rows


def tell_balance(rows: Sequence[Mapping[str, Any]], taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Label balance by attribute; each with its values before and after resampling."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        en, zh = wording.value_names(taxonomy, row["attribute"], row["value"])
        found.setdefault(row["attribute"], []).append({"en": en, "zh": zh, **_before_after(row)})
    named = ((wording.attribute_names(taxonomy, a), values) for a, values in found.items())
    return [{"en": en, "zh": zh, "values": values} for (en, zh), values in named]


def _before_after(row: Mapping[str, Any]) -> dict[str, Any]:
    """One form for the table of the resampler and the short one."""
    return {
        "count": row.get("count_before", row.get("count")),
        "proportion": row.get("proportion_before", row.get("proportion")),
        "irlbl": row.get("irlbl_before", row.get("irlbl")),
        "resampled_count": row.get("count_after", row.get("resampled_count")),
        "resampled_proportion": row.get("proportion_after", row.get("resampled_proportion")),
    }


def tell_steps(run: Run) -> list[dict[str, Any]]:
    """Finished steps with time, verdict and output."""
    return [
        {
            "step": str(e.step),
            "zh": STEPS_ZH[e.step],
            "round": f"{e.label_round}.{e.train_round}",
            "started_at": e.started_at,
            "seconds": e.seconds,
            "output": e.output,
            "passed": (e.verdict or {}).get("passed"),
        }
        for e in run.entries
    ]


def tell_versions(run: Run) -> list[tuple[str, str]]:
    """What made the result: name and version."""
    rows = [
        ("Run", run.run_id),
        ("Day", str(run.day)),
        ("Started", run.started_at),
        ("Release used", run.release or "none: trained in this run"),
        ("Dataset", fact(run, Step.LABEL, "version")),
        (
            "AttrNet",
            fact(run, Step.TRAIN_ATTRNET, "version") or fact(run, Step.RECOGNISE, "attrnet"),
        ),
        ("Forecaster", fact(run, Step.TRAIN_FORECASTER, "version")),
        ("Taxonomy", f"{run.taxonomy_version} ({run.taxonomy_digest[:16]})"),
        ("Code", run.code_version),
    ]
    return [(name, str(value)) for name, value in rows if value]


def fact(run: Run, step: Step, name: str) -> Any:
    """A fact of a step's newest entry; None if the step was not taken or did not say."""
    try:
        return run.latest(step).facts.get(name)
    except LookupError:
        return None
