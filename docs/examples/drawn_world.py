"""Draws what the tutorials work on: a labelled set, or shops that stay open.

    python docs/examples/drawn_world.py set FOLDER      writes labelled.parquet and on_sale.parquet
    python docs/examples/drawn_world.py shop FOLDER     writes annotations and a taxonomy, then serves three shops

Garments, titles and trends are those of `fashiontrend demo`, drawn by a seed: the same command gives the same files.
"""

import argparse
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import yaml

from fashiontrend import taxonomy
from fashiontrend.commands.demo_run import LAST_DAY
from fashiontrend.demo import curves, shops
from fashiontrend.demo.world import Product, World, annotate
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy

SEED = 0
#: Products of the labelled set: for fitting, for evaluation, and to be put on sale.
TRAIN, VAL, ON_SALE = 300, 150, 400
ATTRIBUTES = ("colour", "pattern")
SHOP_PORT = 9741


def draw_set(folder: Path) -> None:
    """Write 450 labelled pictures in two splits, and 400 others that can be put on sale."""
    world = World(SEED, LAST_DAY)
    products = world.products[:: len(world.products) // (TRAIN + VAL + ON_SALE)]
    words = taxonomy.load()
    rows = pd.DataFrame([_row(world, words, p) for p in products[: TRAIN + VAL + ON_SALE]])
    rows["split"] = ["train"] * TRAIN + ["val"] * VAL + ["extra"] * ON_SALE
    folder.mkdir(parents=True, exist_ok=True)
    rows[rows["split"] != "extra"].to_parquet(folder / "labelled.parquet", index=False)
    rows[rows["split"] == "extra"].to_parquet(folder / "on_sale.parquet", index=False)
    print(f"{folder}: {TRAIN + VAL} labelled pictures, {ON_SALE} to be put on sale")


def _row(world: World, words: Taxonomy, product: Product) -> dict[str, object]:
    names = {
        a: None
        if product.values[a] == NOT_VISIBLE
        else words.attribute(a).value(product.values[a]).en
        for a in ATTRIBUTES
    }
    picture = world.draw(product).image
    return {"id": product.product_id, "title": product.title, **names, "image": picture}


def open_shops(folder: Path, port: int) -> None:
    """Write annotations and the taxonomy that they use, then serve the shops of the drawn world."""
    world = World(SEED, datetime.now(tz=UTC).date())
    folder.mkdir(parents=True, exist_ok=True)
    annotate(world).to_csv(folder / "annotations.csv", index=False)
    drawn = curves.restrict(taxonomy.load()).model_dump(mode="json")
    (folder / "taxonomy.yaml").write_text(yaml.safe_dump(drawn, allow_unicode=True), "utf-8")
    with shops.serve(world, port) as urls, suppress(KeyboardInterrupt):
        print("the shops are open until Ctrl-C:", *urls.values(), flush=True)
        threading.Event().wait()


def main() -> None:
    """Draw a set, or open the shops."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["set", "shop"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=SHOP_PORT, help="Port of the first shop.")
    arguments = parser.parse_args()
    if arguments.what == "set":
        draw_set(arguments.folder)
    else:
        open_shops(arguments.folder, arguments.port)


if __name__ == "__main__":
    main()
