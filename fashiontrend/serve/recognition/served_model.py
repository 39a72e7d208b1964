"""The recogniser that a replica serves: downloaded, tested, and with a queue in front of it."""

import io
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from PIL import Image

from fashiontrend import images
from fashiontrend.attrnet.inference import predict
from fashiontrend.attrnet.inference.artifact import draw_self_test
from fashiontrend.config import IngestConfig, ServeConfig
from fashiontrend.errors import DataError, PictureError, StoreError
from fashiontrend.serve.recognition.batcher import Batcher
from fashiontrend.serve.recognition.predictions import (
    GarmentPrediction,
    RecognitionModel,
    recognise_items,
)
from fashiontrend.serve.schemas.requests import BoxFractions, Options
from fashiontrend.serve.schemas.responses import TaxonomyIdentity
from fashiontrend.storage import layout, releases
from fashiontrend.storage.object_store import Store

log = logging.getLogger(__name__)
#: Seconds between two checks for the first release.
RELEASE_PAUSE_S = 5.0


@dataclass(frozen=True)
class Item:
    """One garment to recognise: a picture, and the caller's box if there is one."""

    data: bytes
    box: BoxFractions | None
    options: Options


#: What the model gives for an item: a prediction, or why the picture cannot be used.
Result = GarmentPrediction | PictureError


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A recogniser that passed its self-test, and its queue."""

    release_id: str
    version: str
    digest: str
    recogniser: RecognitionModel
    batcher: Batcher[Item, Result]
    run: Callable[[Sequence[Item]], list[Result]]  # without the queue, for whole catalogues

    @cached_property
    def taxonomy(self) -> TaxonomyIdentity:
        """The taxonomy as responses name it; kept, because hashing it costs a tenth of a small model."""
        known = self.recogniser.taxonomy
        return TaxonomyIdentity.of(known.version, known.digest)


def current_release(store: Store) -> str:
    """Return the id of the current release.

    Raises:
        DataError: nothing was released yet.
    """
    release = releases.current(store)
    if release is None:
        raise DataError(
            f"{store.config.url} holds no release. Publish one with `fashiontrend run`, or make one to "
            "try with `fashiontrend demo`."
        )
    return release.release_id


def await_release(store: Store, pause: Callable[[float], None] = time.sleep) -> None:
    """Return once the store holds a release; `pause` is called between two checks.

    Ray Serve gives up a deployment for good after three failed constructors, but a new cluster has no
    release until its first loop has finished.
    """
    while True:
        try:
            if releases.current(store) is not None:
                return
            log.warning(
                "%s holds no release yet; the replica waits for the first", store.config.url
            )
        except StoreError as error:
            log.warning("the replica waits for the store: %s", error)
        pause(RELEASE_PAUSE_S)


def load(
    store: Store,
    release_id: str,
    cfg: ServeConfig,
    device: str = "cpu",
    on_batch: Callable[[int], None] = lambda size: None,
) -> ServedModel:
    """Download a release's recogniser and run its self-test, from encoded picture to labels.

    Args:
        store: holds the release.
        release_id: the release.
        cfg: limits, threads and batching.
        device: torch device of the model.
        on_batch: called with the size of every batch.

    Raises:
        DataError: the model is damaged, or fails its self-test.
        StoreError: the store cannot be reached.
    """
    release = releases.load(store, release_id)
    with tempfile.TemporaryDirectory() as folder:
        store.download(layout.model("attrnet", release.attrnet), Path(folder))
        recogniser = predict.Recogniser(folder, cfg.threads, device)
    _self_test(recogniser, recogniser.input_px)
    digest = recogniser.card.weights_sha256
    return with_queue(release_id, release.attrnet, digest, recogniser, cfg, on_batch)


def with_queue(
    release_id: str,
    version: str,
    digest: str,
    recogniser: RecognitionModel,
    cfg: ServeConfig,
    on_batch: Callable[[int], None],
) -> ServedModel:
    """Give a recogniser its queue."""
    limits = IngestConfig(
        max_pixels=cfg.max_pixels,
        max_image_bytes=cfg.max_image_bytes,
    )

    def run(items: Sequence[Item]) -> list[Result]:
        return _run(recogniser, items, limits)

    batcher: Batcher[Item, Result] = Batcher(
        run, cfg.max_batch_size, cfg.batch_wait_s, cfg.max_waiting, on_batch
    )
    return ServedModel(release_id, version, digest, recogniser, batcher, run)


def _run(recogniser: RecognitionModel, items: Sequence[Item], limits: IngestConfig) -> list[Result]:
    """Recognise the items within the limits, with one call of the model for each set of options."""
    results: dict[int, Result] = {}
    sizes: dict[int, tuple[int, int]] = {}
    for n, item in enumerate(items):
        try:
            sizes[n] = images.upright_size(item.data, limits)
        except PictureError as error:
            results[n] = error
    ordered = sorted(sizes, key=lambda n: hash(items[n].options))
    for options, group in groupby(ordered, key=lambda n: items[n].options):
        chosen = list(group)
        found = recognise_items(
            recogniser,
            [items[n].data for n in chosen],
            [sizes[n] for n in chosen],
            [items[n].box for n in chosen],
            options,
        )
        results.update(zip(chosen, found, strict=True))
    return [results[n] for n in range(len(items))]


def _self_test(recogniser: RecognitionModel, size_px: int) -> None:
    """Recognise the self-test picture from its encoded bytes.

    Raises:
        DataError: the recogniser gives no attributes.
    """
    picture = draw_self_test(size_px)[0].permute(1, 2, 0).numpy()
    sink = io.BytesIO()
    Image.fromarray(picture).save(sink, "PNG")
    prediction = recogniser.describe([sink.getvalue()])[0]
    if prediction.problem or not prediction.attributes:
        raise DataError(
            f"The recogniser failed its self-test: it gave {prediction!r}, expected attributes. Train "
            "it again."
        )
