"""Measure a device in pictures per second: with one batch repeatedly, and with decoded JPEGs.

    python -m bench.device --device cuda --backbone resnet50 --px 224 --batch 256 --loaders 14

The second rate divided by the first is the part of the device that the input pipeline can use.
`cores_needed` is the number of cores that would keep the device busy: the first rate times the
core-seconds that a picture takes to decode (and to augment, if the CPU does that) on one thread.
Training uses bfloat16, and so does recognition on a GPU. Ray is not used; `bench.training`
measures its overhead.
"""

import argparse
import io
import json
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

import pyarrow as pa
import torch
from PIL import Image

from bench import examples
from fashiontrend import taxonomy
from fashiontrend.attrnet.network import model
from fashiontrend.attrnet.training import augment, dataset, train
from fashiontrend.attrnet.training.batches import Batch
from fashiontrend.config import AttrNetConfig
from fashiontrend.demo import curves

#: JPEGs are so large; there are so many different ones.
JPEG_PX, DIFFERENT = 600, 64


def main() -> None:
    """Measure training and recognition, and print JSON."""
    options = _options()
    demo_taxonomy = curves.restrict(taxonomy.load())
    cfg = AttrNetConfig(
        backbone=options.backbone,
        input_px=options.px,
        batch_size=options.batch,
        precision="bfloat16",
    )
    table = _enlarge(examples.labelled(DIFFERENT, demo_taxonomy))
    loader = torch.utils.data.DataLoader(
        examples.Decoded(table, cfg, options.batch * options.steps),
        batch_size=options.batch, num_workers=options.loaders, persistent_workers=True,
        collate_fn=dataset.to_batch, pin_memory=options.device != "cpu",
    )  # fmt: skip
    net = model.build(cfg, list(demo_taxonomy.num_values.values()), (128.0,) * 3, 0).to(
        options.device
    )
    batch = next(iter(loader))
    held = batch.to(options.device)
    cost = spent(lambda: dataset.decode_rows(table, cfg)) / DIFFERENT
    varied = spent(lambda: augment.vary(batch, torch.Generator())) / options.batch
    fitted = cost + varied if options.device == "cpu" else cost  # others vary pictures themselves
    price = {"training": fitted, "recognition": cost}
    still, fed = lambda: cycle([held]), lambda: iter(loader)
    plain = cfg.model_copy(update={"augment": False})
    rates = {
        "training": (_train(net, still, plain, options), _train(net, fed, cfg, options)),
        "recognition": (_recognise(net, still, options), _recognise(net, fed, options)),
    }
    results = {
        what: {
            "one_batch": one,
            "decoded": decoded,
            "ratio": decoded / one,
            "cores_needed": one * price[what],
        }
        for what, (one, decoded) in rates.items()
    }
    settings = {"torch": torch.__version__, **vars(options)}
    core_ms = {"decode": 1000 * cost, "vary": 1000 * varied}
    print(json.dumps({**settings, "core_ms_a_picture": core_ms, **results}, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--px", type=int, default=224)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20, help="batches that are timed")
    parser.add_argument("--loaders", type=int, default=1, help="processes that decode")
    return parser.parse_args()


def _train(
    net: model.AttrNet, batches: Callable[[], Iterator[Batch]], cfg: AttrNetConfig,
    options: argparse.Namespace,
) -> float:  # fmt: skip
    """Return the pictures per second of the second of two epochs."""
    marks = []

    def ended(state: Any) -> None:
        _wait(options.device)
        marks.append(time.monotonic())

    train.fit(
        net, lambda epoch: batches(), cfg, epochs=2,
        steps_per_epoch=options.steps, seed=0, on_epoch_end=ended, device=options.device,
    )  # fmt: skip
    return float(options.batch * options.steps / (marks[1] - marks[0]))


def _recognise(
    net: model.AttrNet, batches: Callable[[], Iterator[Batch]], options: argparse.Namespace
) -> float:
    """Return the pictures per second of a second pass over the pictures."""
    net.eval()
    spent = 0.0
    for _ in range(2):
        begun = time.monotonic()
        with torch.inference_mode():
            for batch in islice(batches(), options.steps):
                net(batch.image.to(options.device, non_blocking=True))
        _wait(options.device)
        spent = time.monotonic() - begun
    return float(options.batch * options.steps / spent)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.accelerator.synchronize()


def spent(work: Callable[[], Any]) -> float:
    """Return the core-seconds of one call on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    work()
    begun = time.process_time()
    work()
    spent = time.process_time() - begun
    torch.set_num_threads(threads)
    return spent


def _enlarge(table: pa.Table) -> pa.Table:
    """Return the drawn pictures as JPEGs of the size that is usual in shops."""
    images = []
    for data in table["image"].to_pylist():
        file = io.BytesIO()
        Image.open(io.BytesIO(data)).convert("RGB").resize((JPEG_PX, JPEG_PX)).save(file, "JPEG")
        images.append(file.getvalue())
    place = table.column_names.index("image")
    return table.set_column(place, "image", pa.array(images, pa.binary()))


if __name__ == "__main__":
    main()
