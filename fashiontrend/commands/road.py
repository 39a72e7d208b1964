"""What a first keyword still needs: pictures that people annotate, and days. None of it is a fault."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from fashiontrend.commands.finding import Finding
from fashiontrend.config import Config
from fashiontrend.errors import FashiontrendError
from fashiontrend.labels.split import VAL
from fashiontrend.outcomes import Verdict
from fashiontrend.pipeline import inputs
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import load_taxonomy
from fashiontrend.storage.object_store import open_store
from fashiontrend.taxonomy import Taxonomy

#: Attributes that are named with their number of annotated pictures.
NAMED = 4


def examine_labels(config: Config) -> Finding:
    """How many annotated validation pictures each attribute has, of those that the accuracy gate asks for."""
    needed = config.accuracy_gate.min_support
    try:
        taxonomy, people = _read_annotations(config)
    except FashiontrendError as error:
        return Finding(
            "labels", False, str(error), "Correct the file or the name.", error.exit_code
        )
    counts = count_validation(people, taxonomy)
    short = sorted((a for a in counts if counts[a] < needed), key=lambda a: counts[a])
    if not short:
        least = min(counts.values(), default=0)
        return Finding(
            "labels", True, f"at least {least} annotated validation pictures an attribute"
        )
    named = ", ".join(f"{a} {counts[a]}" for a in short[:NAMED])
    more = f" and {len(short) - NAMED} more" if len(short) > NAMED else ""
    advice = (
        f"The accuracy gate stays closed until each has {needed}. `fashiontrend labels export` chooses pictures to "
        "annotate, and `fashiontrend labels import` reads them back."
    )
    return Finding("labels", True, f"validation pictures: {named}{more}", advice, due=True)


def examine_days(config: Config) -> Finding:
    """How many usable days the store holds, of those that the perplexity gate asks for."""
    needed, today = config.perplexity_gate.min_days, datetime.now(tz=UTC).date()
    try:
        catalogue = Catalogue.of_run(open_store(config.store), config, today)
        usable = {p.day for p in catalogue.partitions() if _is_usable(catalogue, p.partition)}
    except FashiontrendError as error:
        return Finding("days", False, str(error), "See the check of the store.", error.exit_code)
    if len(usable) >= needed:
        return Finding("days", True, f"{len(usable)} usable days")
    opens = today + timedelta(days=needed - len(usable))
    advice = (
        f"The forecast opens on {opens} at the earliest, with {needed} days. Run every day; what a day crawled "
        "is kept."
    )
    return Finding("days", True, f"{len(usable)} of {needed} usable days", advice, due=True)


def count_validation(people: pa.Table, taxonomy: Taxonomy) -> dict[str, int]:
    """Count the validation pictures on which people labelled each attribute.

    Args:
        people: ANNOTATION rows; the columns `split` and `labels` are read.
        taxonomy: whose attributes are counted.
    """
    counts: Counter[str] = Counter()
    for row in people.select(["split", "labels"]).to_pylist():
        if row["split"] == VAL:
            counts.update(attribute for attribute, _ in row["labels"] or ())
    return {a: counts[a] for a in taxonomy.ids}


def _read_annotations(config: Config) -> tuple[Taxonomy, pa.Table]:
    store = open_store(config.store)
    taxonomy = load_taxonomy(config, store)
    today = datetime.now(tz=UTC).date()
    pictures = Catalogue.of_run(store, config, today).picture_index()
    return taxonomy, inputs.read_people(config, store, taxonomy, pictures)


def _is_usable(catalogue: Catalogue, partition: str) -> bool:
    manifest = catalogue.packed.manifest(partition)
    verdict = manifest.facts.get("verdict") if manifest else None
    return verdict is not None and Verdict.from_json(verdict, partition).passed
