"""Settings that earlier versions had, and what to do without them.

A configuration that holds one is refused with this advice. A model card that holds one is read
without it: what was removed is a constant now, and a card that differs from it does not fit.
"""

from collections.abc import Mapping
from typing import Any

_CHART = "Leave it out: the chart renders the RayJobs. Set {} in its values."
_FIXED = "Leave it out: the value is fixed at {}."
_ROUNDS = "Leave it out: how the rounds of a closed gate differ is fixed in pipeline/rounds.py."

#: Dotted path -> what to do. A branch stands for everything below it.
REMOVED: Mapping[str, str] = {
    "accuracy_gate.larger": _ROUNDS,
    "accuracy_gate.sharper": _ROUNDS,
    "cluster.auth_secret": _CHART.format("ray.tokenSecret"),
    "cluster.config_map": _CHART.format("config"),
    "cluster.deadline_s": _CHART.format("batch.activeDeadlineSeconds"),
    "cluster.head": _CHART.format("batch.head.resources"),
    "cluster.image": _CHART.format("image"),
    "cluster.image_pull_secrets": _CHART.format("image.pullSecrets"),
    "cluster.labels": _CHART.format("pod.labels"),
    "cluster.max_workers": _CHART.format("batch.cpuWorkers.maxReplicas"),
    "cluster.min_workers": _CHART.format("batch.cpuWorkers.minReplicas"),
    "cluster.node_selector": _CHART.format("pod.nodeSelector"),
    "cluster.priority_class": _CHART.format(
        "batch.priorityClassName, or batch.queue.priorityClass for a queue"
    ),
    "cluster.queue": _CHART.format("batch.queue.name"),
    "cluster.ray_version": _CHART.format("ray.version"),
    "cluster.secrets": _CHART.format("store.existingSecret or pod.envFrom"),
    "cluster.service_account": _CHART.format("serviceAccounts"),
    "cluster.ttl_s": _CHART.format("batch.keepJobSeconds"),
    "cluster.uid": _CHART.format("pod.runAsUser"),
    "cluster.worker": _CHART.format("batch.cpuWorkers.resources"),
    "crawl.max_image_bytes": "Use ingest.max_image_bytes, which limits downloads too.",
    "forecaster.num_layers": _FIXED.format(2),
    "forecaster.univariate.batch_size": _FIXED.format(128),
    "forecaster.univariate.curves": _FIXED.format(6),
    "forecaster.univariate.learning_rate": _FIXED.format("0.002"),
    "forecaster.univariate.max_windows": _FIXED.format("30,000"),
    "forecaster.univariate.num_layers": _FIXED.format(2),
    "forecaster.univariate.weight_decay": _FIXED.format("0.01"),
    "ingest.days_per_job": _FIXED.format(30),
    "ingest.fetch_threads": _FIXED.format(8),
    "ingest.row_group_rows": _FIXED.format(256),
    "keywords.lead_gain": _FIXED.format("0.02"),
    "labels.max_titles": "Leave it out: attrnet.max_passes limits how many pictures a training draws.",
    "labels.min_rule_support": _FIXED.format(5),
    "labels.min_value_support": _FIXED.format(20),
    "ray.first_row_timeout_s": "Leave it out: nothing has read it.",
    "report.earlier_runs": _FIXED.format(10),
    "serve.fetch.max_redirects": _FIXED.format(3),
    "serve.max_json_depth": _FIXED.format(32),
    "serve.min_side_px": _FIXED.format(16),
    "serve.rows_per_part": _FIXED.format("2,000"),
    "store.connect_timeout_s": _FIXED.format("5 s"),
}


def drop_removed(tree: Mapping[str, Any], branch: str) -> dict[str, Any]:
    """A branch of the configuration as an earlier version wrote it, without the settings that were removed.

    Args:
        tree: plain values of the branch.
        branch: dotted path of the branch, such as `forecaster`.
    """
    return {
        key: drop_removed(value, f"{branch}.{key}") if isinstance(value, Mapping) else value
        for key, value in tree.items()
        if f"{branch}.{key}" not in REMOVED
    }
