"""Label and resample (A3): titles, annotations and boxes to an immutable, versioned dataset.

After a closed perplexity gate the words of the attributes that it named are audited against
annotations, and those that people contradict are dropped, before everything is labelled again.
"""

import logging
from pathlib import Path

import pyarrow as pa

from fashiontrend.config import ResampleConfig
from fashiontrend.labels import annotations, audit, dataset, label_studio, title_rules, titles
from fashiontrend.loop import Step
from fashiontrend.outcomes import LabelFacts
from fashiontrend.pipeline import inputs
from fashiontrend.pipeline.catalogue import concatenate
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.storage import layout, schemas

log = logging.getLogger(__name__)
#: How much more an attribute that a closed gate named is resampled, in the exponent beta.
BOOST = 1.5
#: Columns of LISTING that labels are read from.
TEXTS = (
    "platform", "product_id", "day", "title", "category", "colour", "tags", "description", "images",
)  # fmt: skip


def label(context: Context) -> Outcome:
    """Write the dataset of this round; the same inputs give the same version again."""
    cfg = context.config.labels
    people = _read_annotations(context)
    rules = title_rules.compile_rules(context.taxonomy, cfg.title_confidence, *_user_rules(context))
    # The listings come first: this pass over them notes which pictures they show.
    listings = concatenate(context.catalogue.listings(TEXTS), schemas.LISTING)
    pictures = concatenate(
        context.catalogue.pictures(also=people["picture_id"].to_pylist()), schemas.PICTURE
    )
    read = titles.read_titles(listings, context.taxonomy, rules)
    named = named_attributes(context)
    kept, dropped = audit.drop_rules(rules, audit.measure_precision(read, people), named, cfg)
    if dropped.num_rows:
        read = titles.read_titles(listings, context.taxonomy, kept)
    resampling, seed = for_round(context, named)
    built = dataset.build(pictures, read, people, context.taxonomy, cfg, resampling, seed)
    facts = LabelFacts.from_json(
        {
            **built.facts.to_json(),
            "named": named,
            "dropped_rules": dropped.to_pylist(),
            "changed": _describe_change(context, named, dropped.num_rows),
        }
    )
    for thin in facts.thin_values:
        log.warning("few training pictures: %s", thin)
    partition = layout.dataset(built.version)
    context.store.commit_tables(
        partition, {"train": built.train, "val": built.val}, facts.to_json()
    )
    return Outcome(partition, facts)


def for_round(context: Context, named: list[str]) -> tuple[ResampleConfig, int]:
    """Resampling and seed of this round: named attributes weigh more, and the draw is another."""
    base, round_ = context.config.resample, context.move.label_round
    boost = {**base.boost, **{a: base.boost.get(a, 1.0) * BOOST for a in named}}
    return base.model_copy(update={"boost": boost}), context.config.seed + round_ - 1


def _describe_change(context: Context, named: list[str], dropped: int) -> str:
    """Describe what this round of labelling does differently."""
    if context.move.label_round == 1:
        return "first labelling"
    blamed = f"{dropped} title words of {', '.join(named)} dropped, " if named else ""
    return f"{blamed}resampled anew"


def named_attributes(context: Context) -> list[str]:
    """Attributes that closed perplexity gates of this run blamed on labels, in any earlier round."""
    blamed = {
        attribute
        for verdict in context.run.verdicts(Step.TRAIN_FORECASTER)
        for attribute, found in verdict.per_attribute.items()
        if found.reason == "recogniser"
    }
    return sorted(blamed)


def _user_rules(context: Context) -> tuple[str, str] | tuple[()]:
    name = context.config.labels.rules
    return (inputs.read_text(name, context.store), name) if name else ()


def _read_annotations(context: Context) -> pa.Table:
    """All that people labelled, also of old pictures: their files, and the imported sets."""
    pictures = context.catalogue.picture_index()
    tables = [schemas.ANNOTATION.empty_table()]
    for name in context.config.labels.annotations:
        text = inputs.read_text(name, context.store)
        read = (
            label_studio.read_label_studio if Path(name).suffix == ".json" else annotations.read_csv
        )
        found = read(text, name, context.taxonomy, pictures)
        if found.missing:
            log.warning(
                "%s: %d rows name pictures that the catalogue does not hold",
                name,
                len(found.missing),
            )
        tables.append(found.table)
    sets = (layout.annotation_set(name) for name in context.config.labels.imported_sets)
    return pa.concat_tables(
        [*tables, *(context.store.read_partition(s, "annotations") for s in sets)]
    )
