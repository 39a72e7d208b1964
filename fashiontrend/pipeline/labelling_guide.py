"""Collect what the annotators' guide shows: examples that people or titles name, and confused values."""

from collections import defaultdict

from fashiontrend.config import Config
from fashiontrend.pipeline import label_predictions
from fashiontrend.pipeline.labelling import KnownLabels, images_of
from fashiontrend.report.guide import GuideExample, GuideInput, build_guide, find_confused

#: Pictures of each value.
EXAMPLES = 3


def page(known: KnownLabels, config: Config) -> str:
    """The guide as one HTML page."""
    confusions = {
        a.id: find_confused(a, seen.confusion)
        for a in known.taxonomy.attributes
        if known.report and (seen := known.report.attributes.get(a.id))
    }
    named = _named(known, config)
    images = images_of(known.store, {i for found in named.values() for i, _ in found})
    examples = {
        pair: [GuideExample(images[i], source) for i, source in found if i in images]
        for pair, found in named.items()
    }
    return build_guide(GuideInput(known.taxonomy, examples, confusions))


def _named(known: KnownLabels, config: Config) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(attribute, value) -> picture ids and who says that they show it; people come first."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in known.people.select(["picture_id", "labels"]).to_pylist():
        for pair in row["labels"] or ():
            if len(found[pair]) < EXAMPLES:
                found[pair].append((row["picture_id"], "people"))
    weak = label_predictions.from_titles(known.catalogue, config, known.taxonomy, known.store)
    held = set(known.pictures["picture_id"].to_pylist())
    for picture, seen in weak.items():
        for name, probabilities in seen.probabilities.items():
            ids = known.taxonomy.attribute(name).value_ids
            place = int(probabilities.argmax())
            if picture in held and place < len(ids) and len(found[name, ids[place]]) < EXAMPLES:
                found[name, ids[place]].append((picture, "titles"))
    return found
