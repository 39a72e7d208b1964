"""Resolves the digests of the chart's images with crane, as a values file: `python helm/pin.py CRANE [VALUES...]`.

Prints nothing if one image cannot be resolved: a digest that was not seen is not written.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "fashiontrend"
PLACES = (("image",), ("redis", "image"), ("s3", "image"))


def images(files: list[str]) -> dict[tuple[str, ...], str]:
    """Place in the values -> repository:tag, later files over earlier ones."""
    found: dict[tuple[str, ...], str] = {}
    version = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["appVersion"]
    merged: dict[tuple[str, ...], dict[str, Any]] = {}
    for name in [str(CHART / "values.yaml"), *files]:
        values = yaml.safe_load(Path(name).read_text("utf-8")) or {}
        for place in PLACES:
            node: Any = values
            for key in place:
                node = (node or {}).get(key)
            merged[place] = {**merged.get(place, {}), **(node or {})}
    for place, image in merged.items():
        found[place] = f"{image['repository']}:{image['tag'] or version}"
    return found


def main(crane: str, files: list[str]) -> None:
    """Print the values file, or say which registry did not answer."""
    pinned: dict[str, Any] = {}
    for place, image in images(files).items():
        command = [crane, "digest", image]
        told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if told.returncode:
            sys.exit(
                f"{image}: no digest: {told.stderr.strip().splitlines()[-1]}\nNothing was written. "
                "Run this where the registry is reachable, or name your own with a values file."
            )
        node = pinned
        for key in place:
            node = node.setdefault(key, {})
        node["digest"] = told.stdout.strip()
    print(yaml.safe_dump(pinned, sort_keys=False), end="")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
