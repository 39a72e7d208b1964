"""How good a recogniser is, as one HTML page: data in, text out; the page loads nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fashiontrend.report import confusion, evaluation_charts, exhibits, wording
from fashiontrend.report.exhibits import Exhibit
from fashiontrend.report.page import environment
from fashiontrend.taxonomy import Taxonomy

#: What a recogniser is compared with, in English and Chinese.
BASELINES = {
    "majority": ("the commonest value", "众数"),
    "histogram": ("a colour histogram", "颜色直方图"),
}
#: A box that overlaps the true one by less is a miss (AP@0.5).
HIT = 0.5


@dataclass(frozen=True)
class EvaluationInput:
    """Everything that the page shows."""

    name: str  # of the model, as people call it
    taxonomy: Taxonomy
    report: Mapping[str, Any]  # as standalone.evaluate gives it
    mistakes: Mapping[str, Sequence[Exhibit]] = field(default_factory=dict)  # by attribute
    worst_boxes: Sequence[Exhibit] = ()
    false_boxes: Sequence[Exhibit] = ()


def build_evaluation(data: EvaluationInput) -> str:
    """Write the page; the same input gives the same text."""
    report = data.report
    scenes = report.get("scenes")
    baselines = [_baseline(n, b) for n, b in report.get("baselines", {}).items()]
    return (
        environment()
        .get_template("evaluation.html.j2")
        .render(
            name=data.name,
            report=report,
            val=report["val"],
            scenes=scenes,
            facts=_facts(report, baselines),
            summary=_summarise(report, baselines, data.taxonomy),
            baselines=baselines,
            attributes=[
                _attribute(a, n, data, baselines) for n, a in enumerate(report["val"]["attributes"])
            ],
            overlaps=_overlaps(scenes) if scenes else [],
            recognised=_recognised(report, data.taxonomy) if scenes else [],
            worst_boxes=exhibits.show_places(data.worst_boxes),
            false_boxes=exhibits.show_places(data.false_boxes),
        )
    )


def _baseline(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    en, zh = BASELINES.get(name, (wording.plain(name), ""))
    return {"id": name, "en": en, "zh": zh, **found}


def _attribute(
    attribute: str, number: int, data: EvaluationInput, baselines: Sequence[Mapping[str, Any]]
) -> dict[str, object]:
    """One attribute: its numbers, those beside it, charts, confusion and gallery."""
    found = data.report["val"]["attributes"][attribute]
    en, zh = exhibits.name_attribute(data.taxonomy, attribute)
    names = [
        exhibits.name_class(data.taxonomy, attribute, n)
        for n in range(len(data.taxonomy.attribute(attribute).values) + 1)
    ]
    counts = np.array(found["confusion"], dtype=np.int64)
    return {
        **found,
        "id": attribute,
        "en": en,
        "zh": zh,
        "beside": [_beside(b, attribute, number) for b in baselines],
        "coverage_chart": _chart(evaluation_charts.draw_coverage, "cover", attribute, en, found),
        "reliability_chart": _chart(
            evaluation_charts.draw_reliability, "reliable", attribute, en, found
        ),
        "heat": confusion.heat(counts, names),
        "pairs": confusion.most_confused(counts, names),
        "values": confusion.per_value(counts, names),
        "mistakes": exhibits.show_mistakes(data.mistakes.get(attribute, ()), data.taxonomy),
    }


def _chart(draw: Any, kind: str, attribute: str, name: str, found: Mapping[str, Any]) -> Any:
    if not found["coverage_curve"]:
        return None
    rows = (
        [found["coverage_curve"]]
        if kind == "cover"
        else [found["reliability"], found["reliability_tempered"]]
    )
    return draw(f"{kind}-{attribute}", name, *rows)


def _beside(baseline: Mapping[str, Any], attribute: str, number: int) -> dict[str, object]:
    against = baseline["against"]
    interval = against["attribute_intervals"][number]
    return {
        "en": baseline["en"],
        "accuracy": baseline["score"]["attributes"][attribute]["accuracy"],
        "difference": against["attributes"][number],
        "interval": interval,
        "sure": bool(interval) and interval[0] > 0,
    }


def _overlaps(scenes: Mapping[str, Any]) -> list[dict[str, object]]:
    kinds = (
        ("all", "All garments", scenes["iou_counts"], scenes["mean_iou"], scenes["pictures"]),
        (
            "small",
            "Small garments, under a tenth of the picture",
            scenes["small_iou_counts"],
            scenes["small_iou"],
            scenes["small"],
        ),
    )
    return [
        {
            "name": name,
            "mean": mean,
            "count": count,
            "svg": evaluation_charts.draw_overlap(f"iou-{kind}", name, counts, HIT),
        }
        for kind, name, counts, mean, count in kinds
        if count
    ]


def _recognised(report: Mapping[str, Any], taxonomy: Taxonomy) -> list[dict[str, object]]:
    """Accuracy through the found box beside that on plain shots."""
    plain, found = report["val"]["attributes"], report["scenes"]["recognised"]["attributes"]
    return [
        {
            "en": exhibits.name_attribute(taxonomy, a)[0],
            "plain": plain[a]["accuracy"],
            "found": found[a]["accuracy"],
        }
        for a in plain
    ]


def _facts(
    report: Mapping[str, Any], baselines: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, str]]:
    """Numbers under the title: value, English, Chinese."""
    val, scenes = report["val"], report.get("scenes") or {}
    best = max(baselines, key=lambda b: b["score"]["mean_accuracy"], default=None)
    facts = [
        (wording.percent(val["mean_accuracy"]), "mean accuracy", "平均准确率"),
        (wording.percent(val["all_right"]), "all attributes right", "全部正确"),
    ]
    if best:
        ahead = wording.points(best["against"]["difference"])
        facts.append((ahead, f"points ahead of {best['en']}", f"百分点，领先{best['zh']}"))
    if scenes:
        facts.append(
            (wording.number(scenes["mean_iou"], 2), "overlap of the boxes (IoU)", "平均交并比")
        )
        facts.append(
            (wording.percent(scenes["false_boxes"]), "of empty scenes get a box", "空场景误检")
        )
    return [f for f in facts if f[0] != wording.NONE]


def _summarise(
    report: Mapping[str, Any], baselines: Sequence[Mapping[str, Any]], taxonomy: Taxonomy
) -> dict[str, str]:
    """The paragraph for a reader who reads nothing else: keys `en` and `zh`."""
    val = report["val"]
    ranked = sorted(
        (found["accuracy"], *wording.attribute_names(taxonomy, a))
        for a, found in val["attributes"].items()
        if wording.known(found["accuracy"])
    )
    low, high = (wording.percent(v) for v in val["mean_accuracy_interval"])
    pictures, mean = wording.count(val["pictures"]), wording.percent(val["mean_accuracy"])
    others = [(b["en"], b["zh"], wording.percent(b["score"]["mean_accuracy"])) for b in baselines]
    against = " and ".join(f"{part} for {en}" for en, _, part in others)
    english = [
        f"On {pictures} pictures that it never saw, the recogniser reads {mean} of the attributes "
        f"right ({low} to {high}){', against ' if against else ''}{against}."
    ]
    chinese = [
        f"在 {pictures} 张未参与训练的图片上，属性平均识别准确率为 {mean}（{low} 至 {high}）"
        + "".join(f"，{zh or en}为 {part}" for en, zh, part in others)
    ]
    if len(ranked) > 1:
        (lowest, lowest_en, lowest_zh), (best, best_en, best_zh) = ranked[0], ranked[-1]
        first, last = _whole(best), _whole(lowest)
        english.append(f"It reads {best_en} best ({first}) and {lowest_en} worst ({last}).")
        chinese.append(f"{best_zh}最准（{first}），{lowest_zh}最难（{last}）")
    if scenes := report.get("scenes"):
        overlap, false = wording.number(scenes["mean_iou"], 2), _whole(scenes["false_boxes"])
        english.append(
            f"On cluttered scenes its box overlaps the garment by {overlap} on average (1 is "
            f"perfect), and {false} of the empty scenes get a box by mistake."
        )
        chinese.append(f"在杂乱场景中，定位框平均交并比为 {overlap}，空场景误检率为 {false}")
    return {"en": " ".join(english), "zh": "。".join(chinese) + "。"}


def _whole(part: Any) -> str:
    return wording.percent(part, 0)
