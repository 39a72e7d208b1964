"""Numbers and terms as people read them, in English and Chinese."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fashiontrend.taxonomy import Taxonomy

#: Stands in place of a number that is not known.
NONE = "–"
MINUS = "−"
THIN = "\u202f"  # narrow no-break space


@dataclass(frozen=True)
class Direction:
    """How a direction is shown: never by its colour alone."""

    id: str
    arrow: str
    en: str
    zh: str


DIRECTIONS: Mapping[str, Direction] = {
    "rising": Direction("rising", "↗", "rising", "上升"),
    "falling": Direction("falling", "↘", "falling", "下降"),
    "stable": Direction("stable", "→", "stable", "平稳"),
}
#: Shown if no keyword was made of a value: nothing is claimed.
UNJUDGED = Direction("unjudged", "·", "not judged", "未判定")

#: Term, its Chinese name, and one line of each.
LEGEND: tuple[tuple[str, str, str, str], ...] = (
    (
        "Share",
        "占比",
        "The part of the products on sale with this attribute that show this value. It is "
        "corrected for the recogniser's errors and for resampling.",
        "窗口期内在售且具有该类别的商品中，取该属性值的比例；已校正识别误差与重采样的影响。",
    ),
    (
        "Interval",
        "区间",
        "The range that holds the share with 80 % probability. It is wide if there are few products, or if "
        "the attribute is hard to read.",
        "占比有 80 % 的可能落在此范围内。区间宽，说明商品少或该类别难以识别。",
    ),
    (
        "Direction",
        "方向",
        "A value rises or falls only if its forecast change exceeds its noise; otherwise it is stable.",
        "只有当预测变化大于噪声时才判为上升或下降，否则为平稳。",
    ),
    (
        "Stage",
        "阶段",
        "A value's place in its life: emerging, rising, mainstream, declining, classic, dormant.",
        "属性值所处的生命周期：萌芽、上升、主流、衰退、经典或沉寂。",
    ),
    (
        "Grade",
        "可信等级",
        "How far to trust the forecast; A is best. It combines probability, support, backtest and the "
        "agreement of platforms.",
        "预测的可信程度，A 为最高；综合概率、支持数、回测表现与平台间的一致性。",
    ),
    (
        "Support",
        "支持数",
        "The number of distinct products behind the figure. Below the limit nothing is claimed.",
        "该数字背后的不同商品数量；低于下限时不作结论。",
    ),
)


def known(value: Any) -> bool:
    """Whether this is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def percent(value: Any, digits: int = 1) -> str:
    """A fraction as `11.8 %`."""
    return f"{100 * value:.{digits}f}{THIN}%" if known(value) else NONE


def sureness(value: Any) -> str:
    """A probability as a whole percentage that never claims certainty: `93 %`, `over 99 %`."""
    if not known(value):
        return NONE
    return f"over 99{THIN}%" if value > 0.99 else percent(value, 0)


def points(value: Any, digits: int = 1) -> str:
    """A difference of fractions as signed percentage points, `+2.8`."""
    if not known(value):
        return NONE
    text = f"{100 * value:+.{digits}f}"
    return text.replace("-", MINUS)


def count(value: Any) -> str:
    """A number of things as `6 412`."""
    return f"{round(value):,}".replace(",", THIN) if known(value) else NONE


def number(value: Any, digits: int = 3) -> str:
    """A plain number with fixed decimals."""
    return f"{value:.{digits}f}".replace("-", MINUS) if known(value) else NONE


def measured(value: Any) -> str:
    """What a gate saw: a whole number as a count, anything else with four decimals."""
    if known(value) and float(value).is_integer() and abs(value) > 1:
        return count(value)
    return number(value, 4)


def duration(seconds: Any) -> str:
    """Seconds as `12.3 s`, `4 min 05 s` or `2 h 03 min`."""
    if not known(seconds):
        return NONE
    if seconds < 100:
        return f"{seconds:.1f}{THIN}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{THIN}min {rest:02d}{THIN}s"
    return f"{minutes // 60}{THIN}h {minutes % 60:02d}{THIN}min"


def plain(identifier: Any) -> str:
    """An id in plain text: `sustained_riser` -> `sustained riser`."""
    return str(identifier).replace("_", " ") if identifier else NONE


def direction(name: Any) -> Direction:
    """How to show a direction; `UNJUDGED` for any other text."""
    return DIRECTIONS.get(str(name), UNJUDGED)


def attribute_names(taxonomy: Taxonomy, attribute: str) -> tuple[str, str]:
    """English and Chinese names of an attribute; its id if the taxonomy does not hold it."""
    if attribute in taxonomy.ids:
        found = taxonomy.attribute(attribute)
        return found.en, found.zh
    return plain(attribute), ""


def value_names(taxonomy: Taxonomy, attribute: str, value: str) -> tuple[str, str]:
    """English and Chinese names of a value; its id if the taxonomy does not hold it."""
    if attribute in taxonomy.ids and value in taxonomy.attribute(attribute).value_ids:
        found = taxonomy.attribute(attribute).value(value)
        return found.en, found.zh
    return plain(value), ""
