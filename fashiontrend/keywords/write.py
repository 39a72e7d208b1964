"""Keywords for programs and for people: JSON, CSV, Arrow, Markdown. Nothing is stored here."""

import csv
import io
import json
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from fashiontrend.keywords.known import POOLED
from fashiontrend.keywords.select import Selection

_FLAT = (
    "id", "as_of", "horizon_days", "target_date", "platform", "rank", "score", "direction", "stage",
    "trajectory", "seasonal_index",
)  # fmt: skip
_SIGNS = {"rising": "▲", "falling": "▼", "stable": "▬"}
_CHINESE = {"rising": "上升", "falling": "下降", "stable": "平稳"}
_STAGES = {
    "emerging": "萌芽期", "rising": "上升期", "mainstream": "主流期", "declining": "衰退期",
    "classic": "经典款", "dormant": "沉寂期",
}  # fmt: skip


def to_json(selection: Selection) -> bytes:
    """The whole selection; not a number is refused rather than written."""
    data = {**asdict(selection), "as_of": selection.as_of.isoformat()}
    return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False).encode()


def flatten(record: dict[str, Any]) -> dict[str, Any]:
    """One keyword as a flat row."""
    share, growth, sure, lead = (record[k] for k in ("share", "growth", "confidence", "lead_lag"))
    return {
        **{k: record[k] for k in _FLAT},
        **record["keyword"],
        "share_now": share["now"],
        "share_forecast": share["forecast"],
        "low80": share["interval80"][0],
        "high80": share["interval80"][1],
        "low95": share["interval95"][0],
        "high95": share["interval95"][1],
        "basis": share["basis"],
        **{f"growth_{k}": v for k, v in growth.items()},
        **sure,
        **{f"platforms_{k}": " ".join(v) for k, v in record["platforms"].items()},
        "leader": lead["leader"] if lead else None,
        "lead_days": lead["lead_days"] if lead else None,
        "caveats": "; ".join(record["caveats"]),
    }


def to_csv(selection: Selection) -> str:
    """One line a keyword, ranked, with a header; empty cells where nothing is known."""
    rows = [flatten(r) for r in selection.keywords]
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_table(selection: Selection) -> pa.Table:
    """The rows of the CSV as an Arrow table, for Parquet."""
    return pa.Table.from_pylist([flatten(r) for r in selection.keywords])


def to_markdown(selection: Selection) -> str:
    """A page to print: the pooled keywords, each in English and Chinese, and what is not known."""
    pooled = [r for r in selection.keywords if r["platform"] == POOLED]
    moving = [r for r in pooled if r["direction"] != "stable"]
    stable = [r for r in pooled if r["direction"] == "stable"]
    title = f"# Fashion trend keywords, {selection.as_of}, {selection.horizon_days} days ahead"
    lines = [title, ""]
    for record in moving:
        lines += [f"{record['rank']}. {tell(record)}", f"   {tell_chinese(record)}"]
    lines += ["", "Nothing moves beyond the noise."] if not moving else []
    if stable:
        lines += ["", "## Stable 平稳", ""]
        lines += [f"- {_both(r)} {_percent(r['share']['now'])} ({r['stage']})" for r in stable]
    if selection.combinations:
        lines += ["", "## Together 搭配", ""]
        lines += [
            f"- {c['en']} ({c['zh']}): {c['support_n']} products, lift {c['lift']:.2f}"
            for c in selection.combinations[:20]
        ]
    if selection.not_enough_evidence:
        lines += ["", "## Not enough evidence 证据不足", ""]
        lines += [
            f"- {a['platform']}: {a['keyword']['en']} ({a['keyword']['attribute']}): "
            + "; ".join(a["reasons"])
            for a in selection.not_enough_evidence
        ]
    return "\n".join(lines) + "\n"


def tell(record: dict[str, Any]) -> str:
    """One line for a designer or merchandiser."""
    share, growth, groups = record["share"], record["growth"], record["platforms"]
    low, high = (100 * (q - share["now"]) for q in share["interval80"])
    total = sum(len(g) for g in groups.values())
    told = [
        f"{_SIGNS[record['direction']]} **{_both(record)}** ({record['keyword']['attribute']}) "
        f"{record['direction']} {_where(len(groups[record['direction']]), total)}: "
        f"share {_percent(share['now'])} → {_percent(share['forecast'])} "
        f"in {record['horizon_days']} days "
        f"({100 * growth['points']:+.1f} pts, 80 % range {low:+.1f}…{high:+.1f})",
        f"stage *{record['stage']}*",
        f"pattern *{record['trajectory'].replace('_', ' ')}*",
        f"n = {record['confidence']['support_n']} products",
        f"grade {record['confidence']['grade']}",
    ]
    if record["lead_lag"]:
        lead = record["lead_lag"]
        told.append(f"first mover {lead['leader']} (≈ {lead['lead_days']} days ahead)")
    return ", ".join(told)


def tell_chinese(record: dict[str, Any]) -> str:
    """The same line in Chinese, shorter."""
    share, groups = record["share"], record["platforms"]
    total = sum(len(g) for g in groups.values())
    return (
        f"{record['keyword']['zh']}:{_CHINESE[record['direction']]}"
        f"({len(groups[record['direction']])}/{total} 个平台单独明确),"
        f"占比 {_percent(share['now'])} → {_percent(share['forecast'])},{record['horizon_days']} 天,"
        f"{_STAGES[record['stage']]},"
        f"样本 {record['confidence']['support_n']} 件商品"
    )


def _where(agreeing: int, total: int) -> str:
    if not agreeing:
        return "over all platforms, clearly on no single one"
    return f"on {agreeing} of {total} platforms"


def _both(record: dict[str, Any]) -> str:
    return f"{record['keyword']['en']} {record['keyword']['zh']}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
