"""Fit a recogniser on labelled sets; a training that was stopped is gone on with."""

import json
import resource
from collections.abc import Collection, Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
import yaml
from numpy.typing import NDArray

from fashiontrend import checkpoint, console, images
from fashiontrend.attrnet.inference import artifact, probabilities
from fashiontrend.attrnet.network import model
from fashiontrend.attrnet.training import dataset, title_words, train
from fashiontrend.attrnet.training.batches import Batch
from fashiontrend.checkpoint import TrainState
from fashiontrend.config import AttrNetConfig, digest
from fashiontrend.errors import DataError
from fashiontrend.standalone.sets import Sets

CHECKPOINT, FACTS = "unfinished", "fit.json"
#: Settings that a training may change on its way: how long it is, its rate and when that falls.
FREE = ("epochs", "max_passes", "learning_rate", "warmup_fraction", "decay_fraction")


def recipe(attributes: Collection[str]) -> AttrNetConfig:
    """The settings that come with the package for sets of small pictures.

    Args:
        attributes: of the set; what the recipe says of others is left out.
    """
    text = resources.files("fashiontrend").joinpath("recipe.yaml").read_text("utf-8")
    cfg = AttrNetConfig.model_validate(yaml.safe_load(text)["attrnet"])
    kept = {a: w for a, w in cfg.plain_weights.items() if a in attributes}
    return cfg.model_copy(update={"plain_weights": kept})


def fit(sets: Sets, cfg: AttrNetConfig, out: Path, seed: int) -> artifact.Card:
    """Train and write the artifact; an unfinished training in the folder is gone on with.

    Where it had finished nothing is trained, which is told.

    Args:
        sets: what `read_sets` returned.
        cfg: branch `attrnet`.
        out: folder for `model.safetensors` and `card.json`.
        seed: of weights, order and augmentation.

    Returns:
        The card; temperatures and metrics are not fitted yet.

    Raises:
        ConfigError: `cfg` weighs an attribute that the sets do not have.
        DataError: the loss is not finite; the last epoch's checkpoint is kept.
    """
    sets.taxonomy.check(cfg.plain_weights)
    begun = _core_seconds()
    torch.set_num_threads(cfg.threads)
    rows = dataset.decode_rows(sets.train, cfg)
    net = model.build(
        cfg, list(sets.taxonomy.num_values.values()), dataset.channel_mean(rows["image"]), seed
    )
    # What `decode_rows` repeats is told as often.
    row = np.repeat(np.arange(sets.train.num_rows), sets.train["repeat"].to_numpy())
    if cfg.words:
        rows["words"] = title_words.mark(sets.train["text"].to_pylist(), cfg.words)[row]
    unfinished = out / CHECKPOINT
    mark = _mark(sets, cfg, seed)
    start, before = _resume(unfinished, mark)
    scene = _find_scenes(sets.train)[row]
    drawn = len(_draw_rows(scene, cfg.scene_fraction, np.random.default_rng(seed)))
    steps = dataset.count_batches(drawn, cfg.batch_size)
    epochs = train.limit_epochs(cfg, drawn)
    if start is not None and start.epoch >= epochs:
        console.stderr.print(
            f"  the training in {out} had finished before, after {start.epoch} epochs: nothing was "
            f"trained. Remove {unfinished} to train anew"
        )

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng([seed, epoch])
        chosen = _draw_rows(scene, cfg.scene_fraction, rng)
        return dataset.epoch_batches(rows, cfg.batch_size, rng, chosen=chosen)

    with console.bar("fit attrnet", epochs) as advance:
        advance(start.epoch if start else 0, "")

        def on_epoch_end(state: TrainState) -> None:
            _keep(unfinished, state, mark, before + _core_seconds() - begun)
            last = state.history[-1]
            advance(1, f"loss {last['loss']:.3f}, right {last['label_agreement']:.3f}")

        train.fit(
            net, batches, cfg, epochs=epochs, steps_per_epoch=steps, seed=seed,
            start=start, on_epoch_end=on_epoch_end, attributes=sets.taxonomy.ids,
        )  # fmt: skip
    values = list(sets.taxonomy.num_values.values())
    counts = dataset.count_labels(rows["labels"], values)
    priors = dict(zip(sets.taxonomy.ids, counts, strict=True))
    plain = np.array(sets.train["labels"].to_pylist(), dtype=np.int64)
    natural = {
        a: tuple(probabilities.estimate_prior(plain[:, n], values[n]))
        for n, a in enumerate(sets.taxonomy.ids)
        if len(plain) < len(rows["labels"])
    }
    card = artifact.make_card(
        sets.taxonomy, net, priors, {}, seed=seed, natural_priors=natural,
        core_seconds=round(before + _core_seconds() - begun, 1),
        pictures=sets.train.num_rows, pictures_digest=digest_pictures(sets.train),
    )  # fmt: skip
    return artifact.save(out, net, card)


def digest_pictures(train: pa.Table) -> str:
    """What tells whether a model was fitted on these pictures: a digest of their ids, in any order."""
    return digest(sorted(train["picture_id"].to_pylist()))


def _find_scenes(examples: pa.Table) -> NDArray[np.bool_]:
    """Which rows show the garment of another picture; those that show none are few and not among them."""
    names, sources = examples["picture_id"].to_pylist(), examples["source"].to_pylist()
    return np.array([s not in (None, n) for n, s in zip(names, sources, strict=True)], dtype=bool)


def _draw_rows(
    scene: NDArray[np.bool_], fraction: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Numbers of the rows of an epoch: a part of the scenes, and all that is none."""
    scenes = np.flatnonzero(scene)
    drawn = rng.choice(scenes, round(fraction * len(scenes)), replace=False)
    return np.sort(np.concatenate([np.flatnonzero(~scene), drawn]))


def _mark(sets: Sets, cfg: AttrNetConfig, seed: int) -> str:
    """What a training must share with the one it goes on with: all that it learns from, to the byte."""
    settings = {k: v for k, v in cfg.model_dump().items() if k not in FREE}
    said = {c: sets.train[c].to_pylist() for c in sets.train.column_names if c != "image"}
    shown = [images.identify(image or b"") for image in sets.train["image"].to_pylist()]
    return digest([settings, seed, sets.taxonomy.digest, said, shown])


def _resume(folder: Path, mark: str) -> tuple[TrainState | None, float]:
    if not (folder / FACTS).exists():
        return None, 0.0
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    if facts["mark"] != mark:
        raise DataError(
            f"{folder}: an unfinished training of other pictures, of other labels, boxes or texts of "
            "theirs, or of other settings or seed. Name another --out, or remove that folder."
        )
    return checkpoint.load(folder), float(facts["core_seconds"])


def _keep(folder: Path, state: TrainState, mark: str, spent: float) -> None:
    """Replace the last checkpoint once the new one is whole."""
    fresh = folder.with_suffix(".new")
    checkpoint.save(fresh, state)
    facts = {"mark": mark, "core_seconds": spent}
    (fresh / FACTS).write_text(json.dumps(facts), "utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(fresh.iterdir()):
        file.replace(folder / file.name)
    fresh.rmdir()


def _core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
