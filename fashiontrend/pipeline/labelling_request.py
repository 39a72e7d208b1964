"""The labelling request of a closed gate: pictures that people should label, ready for a labelling tool."""

import json
import logging

from fashiontrend.errors import GateError
from fashiontrend.pipeline import labelling
from fashiontrend.pipeline.context import Context
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store

log = logging.getLogger(__name__)
#: Name of the file that is written last, and says what the export holds.
FACTS = "request.json"


def with_request(context: Context, error: GateError) -> GateError:
    """Write the request of the run whose gate closed, and return the error with a sentence that names it.

    A request that cannot be written must not hide why the gate is closed: it is reported and left out.
    """
    try:
        write(context)
    except Exception as problem:  # whatever it is, the run has to end with the gate's exit code
        log.warning("no labelling request was written: %s", problem, exc_info=True)
    line = describe(context.store, context.run.run_id)
    return type(error)(f"{error} {line}") if line else error


def write(context: Context) -> None:
    """Export pictures to label into the store, once a run; nothing if there is no picture to label."""
    store, prefix = context.store, layout.labelling_export(context.run.run_id)
    if store.exists(f"{prefix}/{FACTS}"):
        return
    known = labelling.gather(context.config, store, context.day)
    request = labelling.ExportRequest(seed=context.config.seed)
    facts = labelling.export_request(
        context.config, known, request, lambda name, data: store.write(f"{prefix}/{name}", data)
    )
    if facts.pictures:
        store.write(f"{prefix}/{FACTS}", json.dumps(facts.to_json(), indent=1).encode())


def describe(store: Store, run_id: str) -> str:
    """One sentence on a run's request and how to use it; "" if it has none."""
    prefix = layout.labelling_export(run_id)
    if not store.exists(f"{prefix}/{FACTS}"):
        return ""
    facts = labelling.ExportFacts.from_json(store.read_json(f"{prefix}/{FACTS}"), prefix)
    return (
        f"Pictures to label are ready: {facts.pictures} for Label Studio, {facts.random} of them drawn at random, in "
        f"{store.uri(prefix)}; how-to.txt there says how to label and import them."
    )
