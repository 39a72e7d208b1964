"""A keyword in one line, for a designer or merchandiser, in English and Chinese."""

from collections.abc import Mapping
from typing import Any

THIN, MINUS, NONE = "\u202f", "−", "–"
ARROWS = {"rising": "↗", "falling": "↘", "stable": "→"}
DIRECTIONS_ZH = {"rising": "上升", "falling": "下降", "stable": "平稳"}
STAGES_ZH = {
    "emerging": "萌芽期", "rising": "上升期", "mainstream": "主流期", "declining": "衰退期",
    "classic": "经典款", "dormant": "沉寂期",
}  # fmt: skip
TRAJECTORIES_ZH = {
    "sustained_riser": "持续上升", "sustained_decliner": "持续下降", "seasonal_riser": "季节性上升",
    "seasonal_decliner": "季节性下降", "rising_star": "新近上升", "falling_star": "新近下降",
    "flat": "持平", "seasonal_flat": "季节性波动",
}  # fmt: skip

Record = Mapping[str, Any]


def render(record: Record) -> str:
    """One line in English.

    `↗ neckline: V-neck V领 rising on 3 of 4 platforms – share 11.8 % → 14.6 % in 28 days
    (+2.8 pts, 80 % range +1.6…+3.9), stage rising, ...`
    """
    word, share, sure = record["keyword"], record["share"], record.get("confidence") or {}
    moved, spread = _moved(share)
    parts = [
        f"{ARROWS[record['direction']]} {_words(word['attribute'])}{_of(record)}: {word['en']} {word['zh']} "
        f"{record['direction']}{_where(record)} – share {_percent(share['now'])} → {_percent(share['forecast'])} "
        f"in {record['horizon_days']} days ({moved} pts, 80{THIN}% range {spread})",
        f"stage {_words(record.get('stage'))}",
        f"pattern {_words(record.get('trajectory'))}",
        f"grade {sure.get('grade') or NONE}",
        f"n = {_count(sure.get('support_n'))} products",
        lead_words(record),
    ]
    return ", ".join(p for p in parts if p)


def render_chinese(record: Record) -> str:
    """The same line in Chinese."""
    word, share, sure = record["keyword"], record["share"], record.get("confidence") or {}
    moved, spread = _moved(share)
    lead = record.get("lead_lag") or {}
    parts = [
        f"{word['zh'] or word['en']}：{DIRECTIONS_ZH[record['direction']]}{_where_zh(record)}",
        f"占比 {_percent(share['now'])} → {_percent(share['forecast'])}"
        f"（{record['horizon_days']} 天，{moved} 个百分点，80{THIN}% 区间 {spread}）",
        STAGES_ZH.get(str(record.get("stage")), ""),
        TRAJECTORIES_ZH.get(str(record.get("trajectory")), ""),
        f"可信等级 {sure.get('grade') or NONE}",
        f"样本 {_count(sure.get('support_n'))} 件商品",
        f"{lead['leader']} 领先约 {lead['lead_days']} 天" if lead.get("leader") else "",
    ]
    return "，".join(p for p in parts if p)


def lead_words(record: Record) -> str:
    """Who moved first, if anyone did."""
    lead = record.get("lead_lag") or {}
    if not lead.get("leader"):
        return ""
    return f"first mover {lead['leader']} (≈ {_count(lead.get('lead_days'))} days ahead)"


def _moved(share: Record) -> tuple[str, str]:
    now = share["now"]
    low, high = share.get("interval80") or (None, None)
    ends = (_points(q, now) for q in (low, high))
    return _points(share["forecast"], now), "…".join(ends)


def _of(record: Record) -> str:
    """The segment, where it was asked for."""
    segment = str(record.get("id", "")).split("|")
    name = segment[1] if len(segment) == 5 else "all"
    return "" if name == "all" else f" of {_words(name)}"


def _agreeing(record: Record) -> tuple[int, int]:
    groups = record.get("platforms") or {}
    same = len(groups.get(record["direction"]) or ())
    return (same, sum(len(g or ()) for g in groups.values())) if _is_pooled(record) else (0, 0)


def _is_pooled(record: Record) -> bool:
    return bool(record.get("platform") == "*")


def _where(record: Record) -> str:
    same, total = _agreeing(record)
    if not _is_pooled(record):
        return f" on {record['platform']}"
    if not total:
        return " over all platforms"
    return f" on {same} of {total} platforms" if same else " over all platforms, alone on none"


def _where_zh(record: Record) -> str:
    same, total = _agreeing(record)
    if not _is_pooled(record):
        return f"（{record['platform']}）"
    return f"（{same}/{total} 个平台单独明确）" if total else "（全部平台合并）"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}{THIN}%"


def _points(to: float | None, start: float) -> str:
    return NONE if to is None else f"{100 * (to - start):+.1f}".replace("-", MINUS)


def _count(value: Any) -> str:
    return NONE if value is None else f"{round(value):,}".replace(",", THIN)


def _words(identifier: Any) -> str:
    return str(identifier).replace("_", " ") if identifier else NONE
