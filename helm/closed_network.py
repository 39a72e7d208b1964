"""Lists what an installation without internet needs: `python helm/closed_network.py [VALUES...]`.

One thing a line, its kind first: `image`, `chart`, `wheels` and `base`. The images are those of the chart with these
values files; a test compares them with what is rendered.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
CHART = HERE / "fashiontrend"
KUBERAY = "1.7.0"
#: What an administrator installs once (k8s/README.md), by the versions that these pages name.
ONCE = (
    f"chart kuberay/kuberay-operator {KUBERAY}",
    f"image quay.io/kuberay/operator:v{KUBERAY}",
)
#: What an image is built from, where it cannot be pushed from a machine with internet.
BUILD = (
    "base BASE_IMAGE, and of its distribution: bash ca-certificates libgomp1 tzdata wget",
    "wheels constraints.txt, cyclonedx-bom==7.1.0",
    "wheels TORCH_INDEX_URL: torch, torchvision",
)


def merged(files: list[str]) -> dict[str, Any]:
    """The chart's values with files laid over them, as Helm does it."""
    whole: dict[str, Any] = {}
    for name in [str(CHART / "values.yaml"), *files]:
        _lay(whole, yaml.safe_load(Path(name).read_text("utf-8")) or {})
    return whole


def _lay(below: dict[str, Any], above: dict[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _lay(below[key], value)
        else:
            below[key] = value


def images(values: dict[str, Any]) -> Iterator[str]:
    """Images of a release's pods, as the chart spells them."""
    version = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["appVersion"]
    yield _spell(values["image"], version)
    serving, redis = values["serving"], values["redis"]
    if serving["enabled"] and serving["gcsFaultTolerance"] and not redis["external"]["address"]:
        yield _spell(redis["image"], "")
    if values["s3"]["enabled"]:
        yield _spell(values["s3"]["image"], "")


def _spell(image: dict[str, Any], version: str) -> str:
    if image.get("digest"):
        return f"{image['repository']}@{image['digest']}"
    return f"{image['repository']}:{image['tag'] or version}"


def main(files: list[str]) -> None:
    """Print the list."""
    lines = [f"image {image}" for image in images(merged(files))]
    print("\n".join([*lines, "chart helm/fashiontrend", *ONCE, *BUILD]))


if __name__ == "__main__":
    main(sys.argv[1:])
