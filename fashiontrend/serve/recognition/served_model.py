"""A release's recogniser, fetched, tested and with its queue: what a replica answers with."""

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
from fashiontrend.serve.http.metrics import Metrics
from fashiontrend.serve.recognition.batcher import Batcher
from fashiontrend.serve.recognition.describe import Recogniser, Seen, describe
from fashiontrend.serve.schemas.requests import Box, Options
from fashiontrend.storage import layout, releases
from fashiontrend.storage.object_store import Store

log = logging.getLogger(__name__)
#: Between two looks for the first release.
RELEASE_PAUSE_S = 5.0


@dataclass(frozen=True)
class Item:
    """One garment to describe: a picture, and the caller's box if there is one."""

    data: bytes
    box: Box | None
    options: Options


Outcome = Seen | PictureError


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A recogniser that passed its self-test, and the queue before it."""

    release_id: str
    version: str
    digest: str
    recogniser: Recogniser
    batcher: Batcher[Item, Outcome]
    run: Callable[[Sequence[Item]], list[Outcome]]  # without a queue, for whole catalogues

    @cached_property
    def taxonomy(self) -> dict[str, str]:
        """Name of the taxonomy in answers; hashing one takes a tenth of what a small model takes."""
        known = self.recogniser.taxonomy
        return {"version": known.version, "digest": f"sha256:{known.digest}"}


def current_release(store: Store) -> str:
    """The release that the pointer names.

    Raises:
        DataError: nothing was released yet.
    """
    release = releases.current(store)
    if release is None:
        raise DataError(
            f"{store.config.url} holds no release. `fashiontrend run` publishes one; "
            "`fashiontrend demo` makes one to try."
        )
    return release.release_id


def await_release(store: Store, pause: Callable[[float], None] = time.sleep) -> None:
    """Return once the store holds a release; `pause` is called between two looks.

    Ray Serve gives a deployment up for good after three constructors that failed, and a new
    cluster waits for its first release for as long as its first loop takes.
    """
    while True:
        try:
            if releases.current(store) is not None:
                return
            log.warning("%s holds no release yet: waiting for the first", store.config.url)
        except StoreError as error:
            log.warning("waiting for the store: %s", error)
        pause(RELEASE_PAUSE_S)


def load(
    store: Store, release_id: str, cfg: ServeConfig, metrics: Metrics, device: str = "cpu"
) -> ServedModel:
    """Fetch a release's recogniser and let it answer its self-test, from bytes to words.

    Raises:
        DataError: the model is damaged, or does not answer.
        StoreError: the store cannot be reached.
    """
    release = releases.load(store, release_id)
    with tempfile.TemporaryDirectory() as folder:
        store.download(layout.model("attrnet", release.attrnet), Path(folder))
        recogniser = predict.Recogniser(folder, cfg.threads, device)
    _test(recogniser, recogniser.input_px)
    digest = recogniser.card.weights_sha256
    return serve(release_id, release.attrnet, digest, recogniser, cfg, metrics)


def serve(
    release_id: str,
    version: str,
    digest: str,
    recogniser: Recogniser,
    cfg: ServeConfig,
    metrics: Metrics,
) -> ServedModel:
    """Put a queue before a model."""
    limits = IngestConfig(
        max_pixels=cfg.max_pixels,
        max_image_bytes=cfg.max_image_bytes,
        min_side_px=cfg.min_side_px,
    )

    def run(items: Sequence[Item]) -> list[Outcome]:
        return _run(recogniser, items, limits)

    batcher: Batcher[Item, Outcome] = Batcher(
        run,
        cfg.max_batch_size,
        cfg.batch_wait_s,
        cfg.max_waiting,
        metrics.batches.observe,
    )
    return ServedModel(release_id, version, digest, recogniser, batcher, run)


def _run(recogniser: Recogniser, items: Sequence[Item], limits: IngestConfig) -> list[Outcome]:
    """Describe what passes the limits; items with other options make other calls."""
    outcomes: dict[int, Outcome] = {}
    sizes: dict[int, tuple[int, int]] = {}
    for n, item in enumerate(items):
        try:
            sizes[n] = images.upright_size(item.data, limits)
        except PictureError as error:
            outcomes[n] = error
    ordered = sorted(sizes, key=lambda n: hash(items[n].options))
    for options, group in groupby(ordered, key=lambda n: items[n].options):
        chosen = list(group)
        found = describe(
            recogniser,
            [items[n].data for n in chosen],
            [sizes[n] for n in chosen],
            [items[n].box for n in chosen],
            options,
        )
        outcomes.update(zip(chosen, found, strict=True))
    return [outcomes[n] for n in range(len(items))]


def _test(recogniser: Recogniser, size_px: int) -> None:
    """The self-test picture, from bytes to words."""
    picture = draw_self_test(size_px)[0].permute(1, 2, 0).numpy()
    sink = io.BytesIO()
    Image.fromarray(picture).save(sink, "PNG")
    answer = recogniser.describe([sink.getvalue()])[0]
    if answer.problem or not answer.attributes:
        raise DataError(f"the self-test picture got {answer!r}, expected attributes. Train again.")
