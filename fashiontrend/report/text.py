"""What a terminal shows: a line per keyword and a line per step."""

from collections.abc import Mapping
from typing import Any

from fashiontrend.ledger import Entry
from fashiontrend.report import wording
from fashiontrend.report.wording import POOLED, count, percent, plain, points

#: Keywords that are spelt out; the others are counted.
LINES = 12


def summary_lines(keywords: Mapping[str, Any]) -> list[str]:
    """Lines for the moving keywords over all platforms, best first, and one that counts the rest.

    Args:
        keywords: `keywords`, `not_enough_evidence` and `combinations` as publish wrote them.
    """
    records = pooled(keywords.get("keywords") or [])
    moving = [k for k in records if k["direction"] != "stable"]
    thin = [t for t in keywords.get("not_enough_evidence") or () if t["platform"] == POOLED]
    lines = [keyword_line(k) for k in moving[:LINES]]
    rest = [
        f"{len(moving) - LINES} more rising or falling" if len(moving) > LINES else "",
        f"{len(records) - len(moving)} stable",
        f"{len(thin)} without enough evidence",
    ]
    if not moving:
        lines.append("No value is rising or falling beyond its noise.")
    return [*lines, ", ".join(r for r in rest if r) + "."]


def pooled(records: Any) -> list[dict[str, Any]]:
    """The records over all platforms by rank; all records where none is pooled."""
    found = [k for k in records if k.get("platform") == POOLED] or list(records)
    return sorted(found, key=lambda k: k.get("rank") or len(found) + 1)


def keyword_line(record: Mapping[str, Any]) -> str:
    """One keyword in one line.

    `↗ neckline: V-neck V领 rising on 3 of 4 platforms – share 11.8 % → 14.6 % in 28 days
    (+2.8 pts, 80 % range +1.6…+3.9), stage rising, ...`
    """
    shown = wording.direction(record["direction"])
    word, share = record["keyword"], record["share"]
    low, high = share.get("interval80") or (None, None)
    now = share["now"]
    spread = f", 80{wording.THIN}% range {points(_minus(low, now))}…{points(_minus(high, now))}"
    parts = [
        f"{shown.arrow} {plain(word['attribute'])}: {word['en']} {word['zh']} "
        f"{shown.en}{_agreement(record)} – "
        f"share {percent(now)} → {percent(share['forecast'])} in {record['horizon_days']} days "
        f"({points(_minus(share['forecast'], now))} pts{spread})",
        f"stage {plain(record.get('stage'))}",
        f"pattern {plain(record.get('trajectory'))}",
        f"grade {(record.get('confidence') or {}).get('grade') or wording.NONE}",
        f"n = {count((record.get('confidence') or {}).get('support_n'))} products",
        lead_words(record),
    ]
    return ", ".join(p for p in parts if p)


def lead_words(record: Mapping[str, Any]) -> str:
    """Who moved first, if anyone did."""
    lead = record.get("lead_lag") or {}
    if not lead.get("leader"):
        return ""
    return f"first mover {lead['leader']} (≈ {count(lead.get('lead_days'))} days ahead)"


def _agreement(record: Mapping[str, Any]) -> str:
    platforms = record.get("platforms") or {}
    total = sum(len(v or ()) for v in platforms.values())
    same = len(platforms.get(record["direction"]) or ())
    return f" on {same} of {total} platforms" if record.get("platform") == POOLED and total else ""


def _minus(a: Any, b: Any) -> float | None:
    return a - b if wording.known(a) and wording.known(b) else None


def step_line(entry: Entry) -> str:
    """One finished step in one line: mark, name, round, time, verdict, where its output lies."""
    verdict = entry.verdict or {}
    passed = verdict.get("passed")
    mark = "✘" if passed is False else "✔"
    said = {True: "gate open", False: "gate closed", None: ""}[passed]
    if passed is False and verdict.get("reasons"):
        said += f" ({'; '.join(verdict['reasons'])})"
    rounds = f"round {entry.label_round}.{entry.train_round}"
    line = f"{mark} {entry.step:16}  {rounds}  {wording.duration(entry.seconds):>11}"
    return "  ".join(p for p in (line, said, entry.output) if p)
