"""Label (A3) on Ray: the driver chooses pictures by id and label, and workers copy their bytes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import ray.data

from fashiontrend.labels.copying import Part
from fashiontrend.pipeline import label as pipeline
from fashiontrend.pipeline.context import Context, Outcome
from ray_jobs.runtime import connect


def label(context: Context) -> Outcome:
    """Write the dataset of this round; its pictures are copied by the cluster's workers."""

    def copy(copy_one: Callable[[Part], str], parts: Iterable[Part]) -> Iterator[str]:
        connect(context.config)
        return copy_on_cluster(copy_one, list(parts))

    return pipeline.label(context, copy)


def copy_on_cluster(copy_one: Callable[[Part], str], parts: list[Part]) -> Iterator[str]:
    """Copy each part in a task of its own; a task whose worker or node died runs again.

    Args:
        copy_one: copies a part and returns the key of its file.
        parts: at least one.
    """

    def run(row: dict[str, Any]) -> dict[str, str]:
        return {"key": copy_one(row["item"])}

    dataset = ray.data.from_items(parts, override_num_blocks=len(parts)).map(run, num_cpus=1)
    return (row["key"] for row in dataset.iter_rows())
