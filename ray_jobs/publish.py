"""Publish (A10): forecast, rank the keywords, keep them in four forms, and move the release pointer."""

import json
from typing import Any

import pandas as pd
import pyarrow as pa

from fashiontrend import keywords, paths, registry, series
from fashiontrend.config import digest
from fashiontrend.errors import DataError
from fashiontrend.forecaster import artefact, forecast
from fashiontrend.loop import Step
from fashiontrend.store import Store, parquet_bytes
from ray_jobs import catalogue, run
from ray_jobs.recognise import predictions, recogniser_of
from ray_jobs.runtime import Context, Outcome, main
from ray_jobs.shares import listed_pictures


def publish(context: Context) -> Outcome:
    """Write forecasts and keywords; on a training day the pair of models becomes the release."""
    release = _release(context)
    shares = context.store.read_partition(context.run.latest(Step.SHARES).output, "shares")
    trend = load_forecaster(context.store, release.forecaster)
    forecasts = forecast.forecast(trend.model, trend.calibration, shares, trend.cfg)
    selection = keywords.select_keywords(
        shares,
        forecasts,
        keywords.Evidence(live_products(context), trend.metrics, _provenance(context, release)),
        context.taxonomy,
        context.config.keywords,
    )
    partition = paths.keywords(release.release_id, context.day)
    files = {
        "keywords.json": keywords.to_json(selection),
        "keywords.csv": keywords.to_csv(selection).encode(),
        "keywords.md": keywords.to_markdown(selection).encode(),
        "keywords.parquet": parquet_bytes(keywords.to_table(selection)),
        "forecasts.parquet": parquet_bytes(forecasts),
        "scorecard.json": _scorecard(context, shares),
    }
    _commit(context.store, partition, files)
    if not context.run.release:
        registry.publish(context.store, release)
    facts = {"release": release.release_id, "keywords": len(selection.keywords)}
    return Outcome(partition, facts)


def _release(context: Context) -> registry.Release:
    """The release that the run uses, or the one that it makes of its two judged models."""
    if context.run.release:
        return registry.load(context.store, context.run.release)
    attrnet = context.run.latest(Step.TRAIN_ATTRNET)
    forecaster = context.run.latest(Step.TRAIN_FORECASTER)
    pair = (attrnet.facts["version"], forecaster.facts["version"])
    return registry.Release(
        release_id=f"{context.day}-{digest(pair)[:8]}",
        day=str(context.day),
        run_id=context.run.run_id,
        attrnet=pair[0],
        forecaster=pair[1],
        dataset=attrnet.facts["dataset"],
        taxonomy_version=context.taxonomy.version,
        taxonomy_digest=context.taxonomy.digest,
        accuracy=attrnet.verdict or {},
        perplexity=forecaster.verdict or {},
    )


def load_forecaster(store: Store, version: str) -> artefact.Artefact:
    """The forecaster's artefact, from the store."""
    manifest = store.manifest(paths.model("forecaster", version))
    if manifest is None:
        raise DataError(
            f"forecaster {version} is not in the store. Run `fashiontrend train-forecaster`."
        )
    return artefact.load({f.rsplit("/", 1)[1]: store.read(f) for f in manifest.files})


def live_products(context: Context) -> pd.DataFrame:
    """Products on sale in the newest window, with what the recogniser sees and the shop states."""
    listed = listed_pictures(context)
    window = context.config.series.window_days
    recent = listed[listed["day"] > max(listed["day"]) - pd.Timedelta(days=window).to_pytimedelta()]
    answers = predictions(context, recogniser_of(context))
    votes = series.vote_products(recent, answers, context.taxonomy)
    table = series.tabulate_votes(votes, context.taxonomy)
    boxes = answers.select(["picture_id", "box"]).to_pandas().drop_duplicates("picture_id")
    columns = ["platform", "product_id", "day", "url", "price", "currency"]
    stated = catalogue.listings(context).select(columns).to_pandas()
    stated = stated.sort_values("day").drop_duplicates(["platform", "product_id"], keep="last")
    first = listed.groupby(["platform", "product_id"], as_index=False)["first_seen"].min()
    return (
        table.merge(stated.drop(columns="day"), on=["platform", "product_id"], how="left")
        .merge(first, on=["platform", "product_id"], how="left")
        .merge(boxes, on="picture_id", how="left")
        .assign(image=lambda t: t["picture_id"].map(paths.raw_image))
    )


def _provenance(context: Context, release: registry.Release) -> dict[str, Any]:
    return {
        "series_uri": context.store.uri(context.run.latest(Step.SHARES).output),
        "run_id": context.run.run_id,
        "model_digest": release.attrnet,
        "taxonomy_version": release.taxonomy_version,
        "label_set_digest": release.dataset,
    }


def _scorecard(context: Context, shares: pa.Table) -> bytes:
    """What became of the keywords of earlier days."""
    past = [
        record
        for partition in context.store.committed("keywords/")
        if not partition.endswith(f"as_of={context.day}")
        for record in context.store.read_json(f"{partition}/keywords.json")["keywords"]
    ]
    card = keywords.score_keywords(past, shares, context.config.keywords)
    return json.dumps(card, default=str).encode()


def _commit(store: Store, partition: str, files: dict[str, bytes]) -> None:
    """Write the files and commit them, unless an earlier attempt did."""
    if store.manifest(partition) is not None:
        return
    for name, data in files.items():
        store.write(f"{partition}/{name}", data)
    store.commit(partition, [f"{partition}/{name}" for name in files], {})


if __name__ == "__main__":
    main(run.only(Step.PUBLISH), __doc__ or "")
