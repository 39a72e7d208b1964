"""Which recogniser a run uses, and the predictions that it made for the run's pictures."""

import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend.errors import DataError
from fashiontrend.outcomes import TrainAttrnetFacts
from fashiontrend.pipeline import catalogue
from fashiontrend.pipeline.context import Context
from fashiontrend.storage import layout, releases, schemas


def recogniser_of(context: Context) -> str:
    """Version of the recogniser that the run uses: its own, or the release's."""
    if context.run.release:
        return releases.load(context.store, context.run.release).attrnet
    return context.run.facts(TrainAttrnetFacts).version


def predictions(context: Context, version: str) -> pa.Table:
    """A recogniser's answers to the pictures that the run's listings show, each picture once.

    Raises:
        DataError: some packed day was not recognised yet.
    """
    shown = pa.array(sorted(catalogue.listed_ids(context)), pa.string())
    tables = [schemas.prediction_schema(context.taxonomy.num_values).empty_table()]
    for day, platform, _ in catalogue.holding(context):
        partition = layout.predictions_day(version, day, platform)
        if context.store.manifest(partition) is None:
            raise DataError(
                f"{day} {platform} was not recognised by {version}. Run `fashiontrend recognise`."
            )
        table = context.store.read_partition(partition)
        tables.append(table.filter(pc.is_in(table["picture_id"], shown)))
    return pa.concat_tables(tables)
