"""The HTML report of a run: collect what its steps left in the store, and write one page."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend import report as pages
from fashiontrend.attrnet.evaluation import hard_examples
from fashiontrend.config import Config
from fashiontrend.keywords import KeywordsFile
from fashiontrend.loop import Step
from fashiontrend.outcomes import (
    IngestFacts,
    LabelFacts,
    TrainAttrnetFacts,
    TrainForecasterFacts,
)
from fashiontrend.pipeline import labelling_request, scorecard
from fashiontrend.pipeline.context import load_taxonomy
from fashiontrend.storage import layout, ledger
from fashiontrend.storage.object_store import Store
from fashiontrend.taxonomy import Taxonomy

#: Hardest validation pictures that the page shows.
HARDEST = 12
#: Runs before this one whose gates the page lists.
EARLIER_RUNS = 10


def write(config: Config, store: Store, state: ledger.Run) -> str:
    """Write the report of a run, finished or stopped by a gate; return where it lies."""
    shares, taxonomy = _shares(store, state), load_taxonomy(config, store)
    ingested, labelled = state.find_facts(IngestFacts), state.find_facts(LabelFacts)
    trained, fitted = state.find_facts(TrainAttrnetFacts), state.find_facts(TrainForecasterFacts)
    keywords, forecasts = _published(store, state)
    page = pages.build_html(
        pages.ReportInput(
            run=state,
            taxonomy=taxonomy,
            shares=shares,
            forecasts=forecasts,
            keywords=keywords,
            pictures=_pictures(config, store, keywords),
            withheld=ingested.withheld if ingested else (),
            truth=_truth(config, shares),
            attrnet_report=trained.report if trained else None,
            mistakes=hardest_pictures(store, _output(state, Step.TRAIN_ATTRNET), taxonomy),
            perplexity_report=fitted.report if fitted else None,
            balance=labelled.balance.rows if labelled else (),
            retail=_retail(store, state),
            scores=scorecard.latest(store, state.day),
            scored=scorecard.newest_scores(store, state.day),
            earlier=_earlier(config, store, state),
            limits=config.report,
            labelling=labelling_request.describe(store, state.run_id),
        )
    )
    key = layout.report(state.run_id)
    store.write(key, page.encode("utf-8"))
    return store.uri(key)


def _output(state: ledger.Run, step: Step) -> str | None:
    return next((e.output for e in reversed(state.entries) if e.step is step), None)


def _shares(store: Store, state: ledger.Run) -> pa.Table | None:
    output = _output(state, Step.SHARES)
    return store.read_partition(output, "shares") if output else None


def _published(store: Store, state: ledger.Run) -> tuple[KeywordsFile | None, pa.Table | None]:
    output = _output(state, Step.PUBLISH)
    if output is None:
        return None, None
    forecasts = store.read_table(f"{output}/forecasts.parquet")
    return store.read_json(f"{output}/keywords.json"), forecasts


def _retail(store: Store, state: ledger.Run) -> pa.Table | None:
    """The retail table that the run's keywords name; a run of the version before has none."""
    output = _output(state, Step.PUBLISH)
    manifest = store.manifest(output) if output else None
    named = manifest.facts.get("retail") if manifest else None
    return store.read_partition(named, "retail") if named else None


def _pictures(config: Config, store: Store, keywords: KeywordsFile | None) -> dict[str, bytes]:
    """Bytes of the pictures that the page shows."""
    wanted = pages.needed_pictures(keywords, config.report)
    return {i: store.read_picture(i) for i in wanted}


def hardest_pictures(store: Store, model: str | None, taxonomy: Taxonomy) -> list[pages.Exhibit]:
    """The validation pictures that a recogniser got most confidently wrong.

    Args:
        store: holds the model and the dataset that it was evaluated on.
        model: its partition; None if the run trained none.
        taxonomy: of its classes.

    Returns:
        At most `HARDEST`; none if the model did not keep its predictions.
    """
    manifest = store.manifest(model) if model else None
    files = [f for f in (manifest.files if manifest else ()) if f.endswith(layout.VAL_ANSWERS)]
    if manifest is None or not files:
        return []
    predictions = store.read_table(files[0])
    if not {f"probs_{a}" for a in taxonomy.ids} <= set(predictions.column_names):
        return []  # the run is of another taxonomy than today's
    truth = store.read_partition(manifest.facts["dataset"], "val", ["picture_id", "labels"])
    place = {p: n for n, p in enumerate(truth["picture_id"].to_pylist())}
    ids, every = predictions["picture_id"].to_pylist(), truth["labels"].to_pylist()
    labels = np.array([every[place[i]] for i in ids], dtype=np.int64).reshape(-1, len(taxonomy.ids))
    probs = {
        a: np.array(predictions[f"probs_{a}"].to_pylist(), dtype=np.float64) for a in taxonomy.ids
    }
    found = hard_examples.find_hardest(probs, labels, taxonomy, HARDEST)
    images = _val_images(store, manifest.facts["dataset"], {ids[m.row] for m in found})
    boxes = predictions["box"]
    return [pages.Exhibit(ids[m.row], images[ids[m.row]], boxes[m.row].as_py(), m) for m in found]


def _val_images(store: Store, dataset: str, wanted: set[str]) -> dict[str, bytes]:
    table = store.read_partition(dataset, "val", ["picture_id", "image"])
    chosen = table.filter(pc.is_in(table["picture_id"], pa.array(sorted(wanted), pa.string())))
    return dict(zip(chosen["picture_id"].to_pylist(), chosen["image"].to_pylist(), strict=True))


def _truth(config: Config, shares: pa.Table | None) -> pd.DataFrame | None:
    """True shares of a demo world or a replay, if the configuration names one."""
    if shares is None:
        return None
    days = sorted({d for d in shares.column("day").to_pylist() if isinstance(d, date)})
    return scorecard.read_truth(config, days)


def _earlier(config: Config, store: Store, state: ledger.Run) -> list[ledger.Run]:
    """The runs of this day and the days before that began before this one, newest first."""
    days = (r for r in ledger.runs(store) if r != state.run_id and r[:10] <= str(state.day))
    # One more than is shown: a run of the same day may have begun later than this one.
    known = sorted(days, reverse=True)[: EARLIER_RUNS + 1]
    found = [r for r in (ledger.load(store, i) for i in known) if r.started_at < state.started_at]
    ordered = sorted(found, key=lambda r: (r.day, r.started_at), reverse=True)
    return ordered[:EARLIER_RUNS]
