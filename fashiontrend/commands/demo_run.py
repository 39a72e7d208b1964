"""The demo: a drawn world of three shops on loopback, followed from pages to keywords."""

from datetime import date
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import yaml

from fashiontrend import config as configuration
from fashiontrend import console, taxonomy
from fashiontrend.config import Config
from fashiontrend.demo import curves, shops
from fashiontrend.demo.world import KINDS, World, annotate, write_truth
from fashiontrend.errors import ConfigError
from fashiontrend.pipeline import drive
from fashiontrend.storage import ledger
from ray_jobs.run import run

#: A configuration, or the values of the chart, as plain YAML values.
Tree: TypeAlias = dict[str, Any]
#: The last day of the world. It is fixed, so that a second demo finds the run of the first.
LAST_DAY = date(2026, 11, 23)
PORTS = 8741
#: Where the chart mounts `files`.
MOUNT = Path("/etc/fashiontrend")
#: Settings in which the demo differs from the defaults.
SETTINGS: Tree = {
    "attrnet": {"input_px": 64, "epochs": 40, "max_passes": 25_000, "batch_size": 32},
    "accuracy_gate": {"threshold": 0.85, "floor": 0.70},
    # Full balance, the method's "by attribute proportion": what the correction has to undo.
    "resample": {"beta": 1.0},
    # Hundreds of products for at most six values: a pseudo-count would pull more than it steadies.
    "series": {"smoothing": 0.0},
    "ray": {"num_cpus": 2, "train_workers": 2, "cpus_per_worker": 0.5},
}


def demo(folder: Path, seed: int, num_days: int) -> tuple[Config, ledger.Run]:
    """Build the world in a folder and run the loop on it; a finished demo is only shown again.

    Raises:
        ConfigError: the folder holds a demo of another seed or length.
    """
    world = World(seed, LAST_DAY, num_days)
    config = prepare(folder, world, first_port=shops.find_ports(PORTS))
    state = drive.begin(config, world.last_day)
    if drive.due(config, state) is None:
        console.stderr.print(
            f"run {state.run_id} is finished; nothing is trained again", markup=False
        )
    with shops.serve(world, _port(config)):
        return config, run(config, world.last_day)


def _port(config: Config) -> int:
    """The port of the first shop; a folder keeps the ports that it began with.

    Raises:
        ConfigError: another program listens on one of the ports now.
    """
    port = urlsplit(config.crawl.platforms[0].base_url.replace("{day}", "")).port or 0
    if shops.find_ports(port) != port:
        raise ConfigError(
            f"port {port} or one of the two after it is taken, and the shops of this demo need them. "
            "Wait for the other demo to end, or name another --folder."
        )
    return port


def prepare(
    folder: Path, world: World, settings: Tree | None = None, first_port: int = PORTS
) -> Config:
    """Write the world's annotations, truth and configuration, once, and load the configuration."""
    file = folder / "fashiontrend.yaml"
    mark = f"# seed {world.seed}, {world.num_days} days\n"
    if file.exists():
        if not file.read_text("utf-8").startswith(mark):
            raise ConfigError(
                f"{folder} holds another demo. Name another --folder, or remove it (make clean)."
            )
        return configuration.load(str(file))
    folder.mkdir(parents=True, exist_ok=True)
    annotate(world).to_csv(folder / "annotations.csv", index=False)
    write_truth(world, folder / "truth")
    (folder / "taxonomy.yaml").write_text(_taxonomy(), "utf-8")
    tree = describe(folder, world, settings or SETTINGS, first_port)
    tree |= {"store": {"url": str(folder / "store")}, "report": {"truth": str(folder / "truth")}}
    text = mark + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    fresh = file.with_suffix(".tmp")
    fresh.write_text(text, "utf-8")
    fresh.replace(file)
    return configuration.load(str(file))


def values(world: World, host: str) -> Tree:
    """The Helm chart's values for the same world, its shops served by a host of the cluster."""
    files = {"taxonomy.yaml": _taxonomy(), "annotations.csv": annotate(world).to_csv(index=False)}
    tree = describe(MOUNT, world, SETTINGS, shops.FIRST_PORT, host)
    del tree["ray"]  # the chart sizes the workers
    ports = [shops.FIRST_PORT + n for n in range(len(KINDS))]
    # Shops inside the cluster: the chart lets a crawl out to public addresses only.
    reach = {"cidrs": ["10.0.0.0/8"], "except": [], "ports": ports}
    return {"config": tree, "files": files, "networkPolicy": {"shops": reach}}


def _taxonomy() -> str:
    """The demo's part of the taxonomy, as YAML."""
    part = curves.restrict(taxonomy.load()).model_dump(mode="json")
    return str(yaml.safe_dump(part, allow_unicode=True, sort_keys=False))


def describe(
    folder: Path,
    world: World,
    settings: Tree,
    first_port: int,
    host: str = shops.LOOPBACK,
) -> Tree:
    """The configuration of the demo as plain values, without the address of its store."""
    platforms = [
        {
            "name": name,
            "kind": kind,
            "base_url": f"http://{host}:{first_port + n}/day/{{day}}",
            "delay_s": 0.0,
        }
        for n, (name, kind) in enumerate(KINDS.items())
    ]
    tree: Tree = {
        "seed": world.seed,
        "taxonomy": str(folder / "taxonomy.yaml"),
        "crawl": {
            "platforms": platforms,
            "contact_url": f"http://{host}/",
            "autothrottle": False,
            "full_sweep_days": 30,
        },
        "labels": {"annotations": [str(folder / "annotations.csv")]},
        "loop": {"history_days": world.num_days},
    }
    return tree | settings
