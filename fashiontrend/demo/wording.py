"""What shops write of a garment: words, synonyms, English, Chinese, omissions and mistakes."""

from collections.abc import Mapping

import numpy as np

#: How often a title leaves an attribute out, and how often it states a wrong value.
MISSING, WRONG = 0.10, 0.05
CHINESE = 0.15

WORDS: Mapping[str, Mapping[str, tuple[tuple[str, ...], str]]] = {
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
    """Write a title and a description of a garment, as carelessly as shops do.

    Args:
        values: the garment's value for each attribute.
        rng: decides language, synonyms, omissions and mistakes.
    """
    chinese = bool(rng.random() < CHINESE)
    told = {a: _word(a, v, chinese, rng) for a, v in values.items()}
    order = [told[a] for a in ("colour", "pattern", "sleeve_length", "neckline") if told[a]]
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


def _word(attribute: str, value: str, chinese: bool, rng: np.random.Generator) -> str:
    luck = rng.random()
    if luck < MISSING:
        return ""
    if luck < MISSING + WRONG:
        value = str(rng.choice([v for v in WORDS[attribute] if v != value]))
    english, zh = WORDS[attribute][value]
    return zh if chinese else str(rng.choice(english))
