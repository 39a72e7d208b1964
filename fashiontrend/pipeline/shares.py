"""Shares (A7): the recogniser's predictions become series of shares per platform and pooled."""

import numpy as np
import pandas as pd
import pyarrow as pa

from fashiontrend import series
from fashiontrend.config import digest
from fashiontrend.errors import DataError
from fashiontrend.outcomes import IngestFacts, SharesFacts, WithheldDay
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.pipeline.predictions import predictions, recogniser_of
from fashiontrend.pipeline.voting import garments_only, without_placeholders
from fashiontrend.storage import layout
from fashiontrend.typed_json import to_plain


def build_shares(context: Context) -> Outcome:
    """Compute the series of one recogniser up to the day, unless they are in the store already."""
    version = recogniser_of(context)
    partition = layout.shares(version, context.day, made_of(context))
    standing = context.store.manifest(partition)
    if standing is None:
        table = measure(context, version, listed_pictures(context), predictions(context, version))
        facts = {"rows": table.num_rows, "withheld": to_plain(withheld(context))}
        standing = context.store.commit_tables(partition, {"shares": table}, facts)
    facts = {**standing.facts, "attrnet": version}
    return Outcome(partition, SharesFacts.from_json(facts, partition))


def made_of(context: Context) -> str:
    """Digest of what decides the shares beside the recogniser and the day: settings, and the days that are read."""
    return digest(
        [
            context.taxonomy.digest,
            context.config.series.model_dump(mode="json"),
            _weights(context),
            context.config.seed,
            to_plain(withheld(context)),
            [packed.partition for packed in context.catalogue.holding()],
        ]
    )[:8]


def _weights(context: Context) -> dict[str, float]:
    return {p.name: p.weight for p in context.config.crawl.platforms}


def withheld(context: Context) -> tuple[WithheldDay, ...]:
    """Platform days that data health keeps out of the series, as ingest recorded them."""
    return context.run.facts(IngestFacts).withheld


def measure(context: Context, version: str, listed: pd.DataFrame, predicted: pa.Table) -> pa.Table:
    """SHARE rows of the listed pictures (columns as `listed_pictures` gives them).

    Args:
        context: of the run.
        version: of the recogniser.
        listed: which product shows which picture on which day.
        predicted: rows of that recogniser, as `predictions` gives them.
    """
    model = context.store.manifest(layout.model("attrnet", version))
    if model is None:
        raise DataError(
            f"recogniser {version} is not in the store. Run `fashiontrend train-attrnet`."
        )
    validation = series.collect_validation(
        context.store.read_partition(layout.model("attrnet", version), "val_predictions"),
        context.store.read_partition(model.facts["dataset"], "val"),
        model.facts["priors"],
        context.taxonomy,
    )
    return series.compute_shares(
        listed,
        predicted,
        validation,
        context.taxonomy,
        context.config.series,
        _weights(context),
        {(w.platform, w.day) for w in withheld(context)},
        np.random.default_rng(context.config.seed),
    )


def listed_pictures(context: Context) -> pd.DataFrame:
    """One row per platform, day, product and picture of a garment that was listed."""
    return without_placeholders(garments_only(context.catalogue.showings().to_pandas()))
