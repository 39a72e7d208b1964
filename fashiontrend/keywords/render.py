"""A keyword in one line, for a designer or merchandiser, in English and Chinese."""

from fashiontrend.keywords.published import KeywordRecord, ShareForecast
from fashiontrend.taxonomy import POOLED

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


def render(record: KeywordRecord) -> str:
    """One line in English.

    `↗ neckline: V-neck V领 rising on 3 of 4 platforms – share 11.8 % → 14.6 % in 28 days
    (+2.8 pts, 80 % range +1.6…+3.9), stage rising, ...`
    """
    named, share, sure = record["keyword"], record["share"], record["confidence"]
    moved, spread = _moved(share)
    parts = [
        f"{ARROWS[record['direction']]} {_spaced(named['attribute'])}{_of(record)}: {named['en']} {named['zh']} "
        f"{record['direction']}{_where(record)} – share {_percent(share['now'])} → {_percent(share['forecast'])} "
        f"in {record['horizon_days']} days ({moved} pts, 80{THIN}% range {spread})",
        f"stage {_spaced(record['stage'])}",
        f"pattern {_spaced(record['trajectory'])}",
        f"grade {sure['grade'] or NONE}",
        f"n = {_count(sure['support_n'])} products",
        render_lead(record),
    ]
    return ", ".join(p for p in parts if p)


def render_chinese(record: KeywordRecord) -> str:
    """The same line in Chinese."""
    named, share, sure = record["keyword"], record["share"], record["confidence"]
    moved, spread = _moved(share)
    lead = record["lead_lag"]
    parts = [
        f"{named['zh'] or named['en']}：{DIRECTIONS_ZH[record['direction']]}{_where_zh(record)}",
        f"占比 {_percent(share['now'])} → {_percent(share['forecast'])}"
        f"（{record['horizon_days']} 天，{moved} 个百分点，80{THIN}% 区间 {spread}）",
        STAGES_ZH.get(record["stage"], ""),
        TRAJECTORIES_ZH.get(record["trajectory"], ""),
        f"可信等级 {sure['grade'] or NONE}",
        f"样本 {_count(sure['support_n'])} 件商品",
        f"{lead['leader']} 领先约 {lead['lead_days']} 天" if lead else "",
    ]
    return "，".join(p for p in parts if p)


def render_lead(record: KeywordRecord) -> str:
    """Name the platform that moved first, if there is one."""
    lead = record["lead_lag"]
    if not lead:
        return ""
    return f"first mover {lead['leader']} (≈ {_count(lead['lead_days'])} days ahead)"


def _moved(share: ShareForecast) -> tuple[str, str]:
    now = share["now"]
    ends = (_points(q, now) for q in share["interval80"])
    return _points(share["forecast"], now), "…".join(ends)


def _of(record: KeywordRecord) -> str:
    """The segment, if the keyword is of one."""
    segment = record["id"].split("|")
    name = segment[1] if len(segment) == 5 else "all"
    return "" if name == "all" else f" of {_spaced(name)}"


def _agreeing(record: KeywordRecord) -> tuple[int, int]:
    groups = record["platforms"]
    same = len(groups.get(record["direction"], ()))
    return (same, sum(len(g) for g in groups.values())) if _is_pooled(record) else (0, 0)


def _is_pooled(record: KeywordRecord) -> bool:
    return record["platform"] == POOLED


def _where(record: KeywordRecord) -> str:
    same, total = _agreeing(record)
    if not _is_pooled(record):
        return f" on {record['platform']}"
    if not total:
        return " over all platforms"
    return f" on {same} of {total} platforms" if same else " over all platforms, alone on none"


def _where_zh(record: KeywordRecord) -> str:
    same, total = _agreeing(record)
    if not _is_pooled(record):
        return f"（{record['platform']}）"
    return f"（{same}/{total} 个平台单独明确）" if total else "（全部平台合并）"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}{THIN}%"


def _points(to: float, start: float) -> str:
    return f"{100 * (to - start):+.1f}".replace("-", MINUS)


def _count(value: float) -> str:
    return f"{round(value):,}".replace(",", THIN)


def _spaced(identifier: str) -> str:
    return identifier.replace("_", " ") if identifier else NONE
