"""Publish (A10): forecast, rank the keywords, write them in four forms, score those that came due, release."""

from typing import Any

import pandas as pd
import pyarrow as pa

from fashiontrend import keywords, series
from fashiontrend.config import digest
from fashiontrend.errors import DataError
from fashiontrend.forecaster import artifact
from fashiontrend.forecaster.shares import forecast
from fashiontrend.loop import Step
from fashiontrend.outcomes import (
    PublishFacts,
    TrainAttrnetFacts,
    TrainForecasterFacts,
    TrendReport,
    Verdict,
)
from fashiontrend.pipeline import retail, scorecard
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.pipeline.predictions import predictions
from fashiontrend.pipeline.shares import listed_pictures, measure
from fashiontrend.retail.offers import COLUMNS
from fashiontrend.storage import layout, releases, schemas
from fashiontrend.storage.object_store import Store, parquet_bytes

#: Columns of LISTING that a product is published with.
STATED = ["platform", "product_id", "day", "url", "price", "currency", "gender"]


def publish(context: Context) -> Outcome:
    """Write forecasts and keywords; on a training day the pair of models becomes the release."""
    release = _release(context)
    shares = context.store.read_partition(context.run.latest(Step.SHARES).output, "shares")
    trend = artifact.load(releases.read_model(context.store, "forecaster", release.forecaster))
    plan = retail.plan(context, release.attrnet)
    # First: this pass over the listings notes what they show.
    stated, offered = read_listings(context, plan)
    listed, predicted = listed_pictures(context), predictions(context, release.attrnet)
    products = all_products(context, listed, predicted, stated)
    live = products[products["live"]]
    forecasts = _forecast(trend, shares)
    history_days = context.config.loop.history_days
    backtest = TrendReport.from_json(trend.metrics, f"forecaster {release.forecaster}: metrics")
    evidence = keywords.Evidence(live, backtest, _provenance(context, release), history_days)
    cfg = context.config.keywords
    selection = keywords.select_keywords(shares, forecasts, evidence, context.taxonomy, cfg)
    measured = {keywords.ALL: shares}
    for segment in keywords.find_segments(live, cfg):
        own = keywords.members(products, segment)
        measured[segment] = measure(context, release.attrnet, _listed(listed, own), predicted)
        chosen = keywords.select_keywords(
            measured[segment],
            _forecast(trend, measured[segment]),
            evidence,
            context.taxonomy,
            cfg,
            segment,
        )
        selection = keywords.add_segment(selection, segment, chosen, int(own["live"].sum()))
    partition = layout.keywords(release.release_id, context.day)
    files = {
        "keywords.json": keywords.to_json(selection),
        "keywords.csv": keywords.to_csv(selection).encode(),
        "keywords.md": keywords.to_markdown(selection).encode(),
        "keywords.parquet": parquet_bytes(keywords.to_table(selection)),
        "forecasts.parquet": parquet_bytes(forecasts),
    }
    measured_in = context.run.latest(Step.SHARES).output
    made_of = digest([measured_in, release.forecaster, cfg.model_dump(mode="json")])
    published = {
        "horizon_days": selection.horizon_days,
        "shares": measured_in,
        "made_of": made_of,
        "retail": retail.write(context, plan, products, offered),
    }
    _commit(context.store, partition, files, published)
    days = sorted(set(shares.column("day").to_pylist()))
    truth = scorecard.read_truth(context.config, days)
    scores = scorecard.update(context.store, context.day, measured, truth, cfg)
    if not context.run.release:
        releases.publish(context.store, release)
    facts = PublishFacts(
        release=release.release_id,
        keywords=len(selection.keywords),
        segments=len(selection.segments),
        scorecard=scores,
    )
    return Outcome(partition, facts)


def _forecast(trend: artifact.Artifact, shares: pa.Table) -> pa.Table:
    return forecast.forecast(trend.model, trend.calibration, shares, trend.cfg)


def _listed(listed: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """The listed pictures of some products."""
    return listed.merge(products[["platform", "product_id"]], on=["platform", "product_id"])


def _release(context: Context) -> releases.Release:
    """The release that the run uses, or the one that it makes of its two models, whose gates are open."""
    if context.run.release:
        return releases.load(context.store, context.run.release)
    attrnet = context.run.latest(Step.TRAIN_ATTRNET)
    forecaster = context.run.latest(Step.TRAIN_FORECASTER)
    trained = context.run.facts(TrainAttrnetFacts)
    pair = (trained.version, context.run.facts(TrainForecasterFacts).version)
    return releases.Release(
        release_id=f"{context.day}-{digest(pair)[:8]}",
        day=str(context.day),
        run_id=context.run.run_id,
        attrnet=pair[0],
        forecaster=pair[1],
        dataset=trained.dataset,
        taxonomy_version=context.taxonomy.version,
        taxonomy_digest=context.taxonomy.digest,
        accuracy=attrnet.verdict or Verdict(),
        perplexity=forecaster.verdict or Verdict(),
    )


def read_listings(context: Context, plan: retail.Plan) -> tuple[pd.DataFrame, list[pa.Table]]:
    """What the shop states of each product, as it was last listed, and the rows of the days that the plan measures."""
    due = {packed.partition for packed in plan.due}
    tables, offered = [schemas.LISTING.empty_table().select(STATED)], []
    for table in context.catalogue.listings(STATED, COLUMNS, due):
        tables.append(table.select(STATED))
        if "variants" in table.column_names:
            offered.append(table.select(COLUMNS))
    stated: pd.DataFrame = pa.concat_tables(tables).to_pandas().sort_values("day")
    newest = stated.drop_duplicates(["platform", "product_id"], keep="last").drop(columns="day")
    return newest, offered


def all_products(
    context: Context, listed: pd.DataFrame, predicted: pa.Table, stated: pd.DataFrame
) -> pd.DataFrame:
    """All products of the run's days, with what the recogniser sees and what the shop states.

    Args:
        context: of the run.
        listed: which product shows which picture on which day.
        predicted: the recogniser's rows for those pictures.
        stated: one row per product, as `read_listings` gives them.

    Returns:
        One row per product. `live` is true if it was on sale within the newest window; `gender` is
        the shop's word in lower case.
    """
    votes = series.vote_products(listed, predicted, context.taxonomy)
    table = series.tabulate_votes(votes, context.taxonomy)
    boxes = predicted.select(["picture_id", "box"]).to_pandas().drop_duplicates("picture_id")
    days = listed.groupby(["platform", "product_id"], as_index=False).agg(
        first_seen=("first_seen", "min"), last_day=("day", "max")
    )
    window = pd.Timedelta(days=context.config.series.window_days).to_pytimedelta()
    return (
        table.merge(stated, on=["platform", "product_id"], how="left")
        .merge(days, on=["platform", "product_id"], how="left")
        .merge(boxes, on="picture_id", how="left")
        .assign(
            image=lambda t: t["picture_id"].map(layout.raw_image),
            gender=lambda t: t["gender"].map(_normalise),
            live=lambda t: t["last_day"] > max(listed["day"]) - window,
        )
    )


def _normalise(word: Any) -> str | None:
    text = word.strip().casefold() if isinstance(word, str) else ""
    return text.replace("|", " ") or None


def _provenance(context: Context, release: releases.Release) -> keywords.Provenance:
    return {
        "series_uri": context.store.uri(context.run.latest(Step.SHARES).output),
        "run_id": context.run.run_id,
        "model_digest": release.attrnet,
        "forecaster_digest": release.forecaster,
        "release": release.release_id,
        "taxonomy_version": release.taxonomy_version,
        "label_set_digest": release.dataset,
    }


def _commit(store: Store, partition: str, files: dict[str, bytes], facts: dict[str, Any]) -> None:
    """Write the files and commit them, unless an earlier attempt did.

    Raises:
        DataError: the day's keywords were published before, from other shares or settings.
    """
    standing = store.manifest(partition)
    if standing is not None:
        if standing.facts.get("made_of", facts["made_of"]) == facts["made_of"]:
            return
        raise DataError(
            f"{store.uri(partition)}: published before, of other shares or with other settings under "
            "`keywords`. What was published stays, because the scorecard scores it; what you changed "
            "counts from the next day on."
        )
    store.commit_bytes(partition, files, facts)
