"""Label and resample (A3): titles, annotations and boxes to an immutable, versioned dataset.

After a closed perplexity gate the words of the attributes that it named are audited against
annotations, and those that people contradict are dropped, before everything is labelled again.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend.config import ResampleConfig
from fashiontrend.errors import Conflict
from fashiontrend.labels import audit, copying, dataset, titles
from fashiontrend.loop import Step
from fashiontrend.outcomes import LabelFacts
from fashiontrend.pipeline import inputs
from fashiontrend.pipeline.catalogue import PICTURE_INDEX, concatenate
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.pipeline.words import rules_of
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store

log = logging.getLogger(__name__)
#: How much more an attribute that a closed gate named is resampled, in the exponent beta.
BOOST = 1.5
#: Columns of LISTING that labels are read from.
TEXTS = (
    "platform", "product_id", "day", "title", "category", "colour", "tags", "description", "images",
)  # fmt: skip
#: Rows of a row group, so that a reader of a few pictures decodes little more than those.
ROW_GROUP_ROWS = 256

#: Copies parts of a dataset; called with the function that copies one and returns the key of its file.
CopyParts = Callable[[Callable[[copying.Part], str], Iterable[copying.Part]], Iterable[str]]


def label(context: Context, copy: CopyParts = map) -> Outcome:
    """Write the dataset of this round; the same inputs give the same version again.

    The pictures are chosen by their ids and labels. Only `copy` reads their bytes.

    Args:
        context: of the step.
        copy: copies the chosen pictures, part by part.
    """
    cfg = context.config.labels
    people = _read_annotations(context)
    rules = rules_of(context)
    # The listings come first: this pass over them notes which pictures they show.
    listings = concatenate(context.catalogue.listings(TEXTS), schemas.LISTING)
    pictures = concatenate(
        context.catalogue.pictures(PICTURE_INDEX, also=people["picture_id"].to_pylist()),
        schemas.PICTURE,
    )
    read, texts = titles.read_texts_of(listings, context.taxonomy, rules)
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
            "texts": [counts.to_json() for counts in texts],
            "changed": _describe_change(context, named, dropped.num_rows),
        }
    )
    for thin in facts.thin_values:
        log.warning("few training pictures: %s", thin)
    partition = layout.dataset(built.version)
    if context.store.manifest(partition) is None:
        files = copy(partial(copy_part, context.store, partition), _plan(context, built, people))
        _commit(context.store, partition, sorted(files), facts)
    return Outcome(partition, facts)


def _commit(store: Store, partition: str, files: list[str], facts: LabelFacts) -> None:
    try:
        store.commit(partition, files, facts.to_json())
    except Conflict:
        log.info("%s: another run committed the same dataset first; it stays.", partition)


def _plan(context: Context, built: dataset.Dataset, people: pa.Table) -> Iterator[copying.Part]:
    """The parts of both splits. The catalogue comes first; sets of annotations hold what it lacks."""
    catalogue, ids = context.catalogue, people["picture_id"].to_pylist()
    held = []
    for packed in catalogue.holding(ids):
        manifest = catalogue.packed.manifest(packed.partition)
        files = manifest.tables("pictures") if manifest else []
        source = copying.Source(packed.partition, tuple(files))
        held.append((source, _ids(catalogue.picture_ids([packed.partition]))))
    for name in context.config.labels.imported_sets:
        partition = layout.annotation_set(name)
        manifest = context.store.read_manifest(partition)
        index = context.store.read_partition(partition, "annotations", ["picture_id"], manifest)
        source = copying.Source(partition, tuple(manifest.tables("annotations")))
        held.append((source, _ids(index["picture_id"].to_pylist())))
    for split, examples in (("train", built.train), ("val", built.val)):
        yield from copying.plan(split, examples, held)


def _ids(names: Iterable[str]) -> pa.Array:
    return pa.array(sorted(names), pa.string())


def copy_part(store: Store, partition: str, part: copying.Part) -> str:
    """Write the file of a part, under a name that only this attempt uses, and return its key."""

    def read(source: copying.Source) -> Iterator[pa.Table]:
        for file in source.files:
            table = store.read_table(file, ["picture_id", "image"])
            yield table.filter(table["image"].is_valid())

    key = f"{partition}/{part.name}-{uuid.uuid4().hex[:8]}.parquet"
    store.write_table(key, copying.fill(part, read), row_group_rows=ROW_GROUP_ROWS)
    return key


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


def _read_annotations(context: Context) -> pa.Table:
    """All that people labelled, also of old pictures: their files, and the imported sets."""
    pictures = context.catalogue.picture_index()
    tables = [schemas.ANNOTATION.empty_table()]
    for name in context.config.labels.annotations:
        found = inputs.read_annotations(name, context.store, context.taxonomy, pictures)
        tables.append(found.table)
    sets = (layout.annotation_set(name) for name in context.config.labels.imported_sets)
    imported = (inputs.carried(_without_bytes(context.store, s), context.taxonomy) for s in sets)
    return pa.concat_tables([*tables, *imported])


def _without_bytes(store: Store, partition: str) -> pa.Table:
    """ANNOTATION rows of an imported set; no bytes stand for those that a row holds."""
    tables = []
    for file in store.read_manifest(partition).tables("annotations"):
        rows = store.read_table(file, [n for n in schemas.ANNOTATION.names if n != "image"])
        held = store.read_table(file, ["image"])["image"].is_valid()
        marks = pc.if_else(held, pa.scalar(b"", pa.binary()), pa.scalar(None, pa.binary()))
        tables.append(rows.append_column("image", marks).select(schemas.ANNOTATION.names))
    return pa.concat_tables([schemas.ANNOTATION.empty_table(), *tables])
