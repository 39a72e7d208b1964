"""Which recogniser a run uses, and the predictions that it made for the run's pictures."""

import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend.errors import DataError
from fashiontrend.outcomes import TrainAttrnetFacts
from fashiontrend.pipeline.context import Context
from fashiontrend.storage import layout, releases, schemas


def recogniser_of(context: Context) -> str:
    """Version of the recogniser that the run uses: its own, or the release's."""
    if context.run.release:
        return releases.load(context.store, context.run.release).attrnet
    return context.run.facts(TrainAttrnetFacts).version


def predictions(context: Context, version: str) -> pa.Table:
    """A recogniser's predictions for the pictures that the run's listings show, each picture once.

    A picture in which it sees no garment is left out, and so votes for nothing.

    Raises:
        DataError: a day that holds such a picture was not recognised yet.
    """
    catalogue, done = context.catalogue, context.catalogue.predictions(version)
    partitions = []
    for day, platform, _ in catalogue.holding():
        partition = layout.predictions_day(version, day, platform)
        if partition not in done:
            raise DataError(
                f"{day} {platform} was not recognised by {version}. Run `fashiontrend recognise`."
            )
        partitions.append(partition)
    shown = pa.array(sorted(catalogue.listed_ids()), pa.string())
    tables = [schemas.prediction_schema(context.taxonomy.num_values).empty_table()]
    for _, table in done.tables(partitions, ""):
        tables.append(table.filter(pc.is_in(table["picture_id"], shown)))
    return _with_garments(context, version, pa.concat_tables(tables))


def _with_garments(context: Context, version: str, found: pa.Table) -> pa.Table:
    """Leave out pictures in which the recogniser sees no garment, if it was trained to say so.

    Without presence the score only says how sure the box is, and no threshold of it was chosen.
    """
    if not context.config.attrnet.presence:
        return found
    card = context.store.read_json(f"{layout.model('attrnet', version)}/card.json")
    if not card["config"]["presence"]:
        return found
    return found.filter(pc.greater_equal(found["box_score"], card["box_threshold"]))
