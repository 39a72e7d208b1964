"""Keywords for programs and for people: JSON, CSV, Arrow, Markdown. Nothing is stored here."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict

import pyarrow as pa

from fashiontrend.keywords.published import KeywordRecord
from fashiontrend.keywords.select import Selection
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import POOLED


def to_json(selection: Selection) -> bytes:
    """The whole selection; a number that is not finite is refused rather than written."""
    data = {**asdict(selection), "as_of": selection.as_of.isoformat()}
    return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False).encode()


def flatten(record: KeywordRecord) -> dict[str, object]:
    """One keyword as a row of `schemas.KEYWORD`."""
    share, lead = record["share"], record["lead_lag"]
    everything: dict[str, object] = {
        **record,
        **record["keyword"],
        **record["segment"],
        "share_now": share["now"],
        "share_forecast": share["forecast"],
        "low80": share["interval80"][0],
        "high80": share["interval80"][1],
        "low95": share["interval95"][0],
        "high95": share["interval95"][1],
        "basis": share["basis"],
        **{f"growth_{k}": v for k, v in record["growth"].items()},
        **record["confidence"],
        **{f"platforms_{k}": " ".join(v) for k, v in record["platforms"].items()},
        "leader": lead["leader"] if lead else None,
        "lead_days": lead["lead_days"] if lead else None,
        "caveats": "; ".join(record["caveats"]),
        "line_en": record["line"]["en"],
        "line_zh": record["line"]["zh"],
    }
    return {name: everything[name] for name in schemas.KEYWORD.names}


def to_csv(selection: Selection) -> str:
    """One line a keyword, ranked, with a header; cells are empty if nothing is known."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=schemas.KEYWORD.names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flatten(r) for r in selection.records)
    return text.getvalue()


def to_table(selection: Selection) -> pa.Table:
    """The rows of the CSV as `schemas.KEYWORD`, for Parquet."""
    return pa.Table.from_pylist([flatten(r) for r in selection.records], schema=schemas.KEYWORD)


def to_markdown(selection: Selection) -> str:
    """A page to print: the pooled keywords, each in English and Chinese, and what is not known."""
    pooled = [r for r in selection.keywords if r["platform"] == POOLED]
    title = f"# Fashion trend keywords 时尚趋势关键词, {selection.as_of}, {selection.horizon_days} days ahead"
    lines = [title, "", *_list_keywords(pooled)]
    for entry in selection.segments:
        name = " ".join(v for v in entry["segment"].values() if v).replace("_", " ")
        lines += ["", f"## Only {name} ({entry['products']} products)", ""]
        lines += _list_keywords(entry["keywords"])
    if selection.combinations:
        lines += ["", "## Together 搭配", ""]
        lines += [
            f"- {c['en']} ({c['zh']}): {c['support_n']} products, lift {c['lift']:.2f} (at least {c['lift_low']:.2f})"
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


def _list_keywords(found: Sequence[KeywordRecord]) -> list[str]:
    """Moving keywords as numbered lines in both languages, stable ones as short ones."""
    moving = [r for r in found if r["direction"] != "stable"]
    stable = [r for r in found if r["direction"] == "stable"]
    lines = []
    for record in moving:
        lines += [f"{record['rank']}. {record['line']['en']}", f"   {record['line']['zh']}"]
    lines += [] if moving else ["Nothing moves beyond the noise. 没有超出噪声的变化。"]
    if stable:
        lines += ["", "### Stable 平稳", ""]
        lines += [
            f"- {r['keyword']['en']} {r['keyword']['zh']} {100 * r['share']['now']:.1f} % ({r['stage']})"
            for r in stable
        ]
    return lines
