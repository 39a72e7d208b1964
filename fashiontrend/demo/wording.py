"""Titles and descriptions as shops write them: synonyms, two languages, omissions and mistakes."""

from collections.abc import Mapping

import numpy as np

#: Probability that the texts leave an attribute out, and that they state a wrong value.
MISSING, WRONG = 0.10, 0.05
#: Probability that the texts are Chinese.
CHINESE = 0.15

#: Attribute -> value -> English terms and the Chinese term.
VALUE_TERMS: Mapping[str, Mapping[str, tuple[tuple[str, ...], str]]] = {
    "colour": {
        "black": (("black", "jet black"), "黑色"),
        "white": (("white", "ivory white"), "白色"),
        "red": (("red", "scarlet"), "红色"),
        "green": (("green", "emerald"), "绿色"),
        "blue": (("blue", "cobalt"), "蓝色"),
        "yellow": (("yellow", "mustard"), "黄色"),
    },
    "pattern": {
        "plain": (("plain", "solid"), "纯色"),
        "stripe": (("striped", "stripe"), "条纹"),
        "check": (("check", "checked", "plaid"), "格纹"),
        "dot": (("polka dot", "dotted"), "波点"),
    },
    "sleeve_length": {
        "sleeveless": (("sleeveless",), "无袖"),
        "short": (("short sleeve", "short-sleeved"), "短袖"),
        "long": (("long sleeve", "long-sleeved"), "长袖"),
    },
    "neckline": {
        "crew_round": (("crew neck", "round neck"), "圆领"),
        "v_neck": (("v-neck", "v neck"), "V领"),
        "turtleneck": (("turtleneck", "roll neck"), "高领"),
    },
}
NAMES = ("Ada", "Bea", "Cleo", "Dora", "Edie", "Fleur", "Gia", "Hana", "Ines", "Juno")
NOUNS = (("top", "上衣"), ("knit", "针织衫"), ("tunic", "长衫"), ("tee", "T恤"))


def describe(values: Mapping[str, str], rng: np.random.Generator) -> tuple[str, str]:
    """Write a title and a description of a garment, with omissions and mistakes.

    Args:
        values: the garment's value for each attribute.
        rng: draws language, synonyms, omissions and mistakes.
    """
    chinese = bool(rng.random() < CHINESE)
    terms = {a: _draw_term(a, v, chinese, rng) for a, v in values.items()}
    order = [terms[a] for a in ("colour", "pattern", "sleeve_length", "neckline") if terms[a]]
    name, noun = str(rng.choice(NAMES)), NOUNS[int(rng.integers(len(NOUNS)))]
    in_title = order[: int(rng.integers(2, 5))]
    rest = order[len(in_title) :]
    if chinese:
        return (
            f"{name} {''.join(in_title)}{noun[1]}",
            f"新款{noun[1]},{'、'.join(rest)}。" if rest else "新款。",
        )
    title = " ".join([name, *in_title, noun[0]])
    details = f"With {' and '.join(rest)}. " if rest else ""
    return title.title() if rng.random() < 0.5 else title, f"{details}Machine wash, soft & easy."


def _draw_term(attribute: str, value: str, chinese: bool, rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < MISSING:
        return ""
    if draw < MISSING + WRONG:
        value = str(rng.choice([v for v in VALUE_TERMS[attribute] if v != value]))
    english, zh = VALUE_TERMS[attribute][value]
    return zh if chinese else str(rng.choice(english))
