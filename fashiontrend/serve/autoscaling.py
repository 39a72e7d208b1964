"""The autoscaling policy: the number of replicas follows the requests in progress.

Ray Serve's own policy counts a request from its header on, so connections that send a header and
nothing else would look like work; `http.admission.Admission` counts requests whose body has arrived.
Ray Serve pickles this module by value into its controller, and applies bounds, delays and the start
from zero replicas around the policy.
"""

from typing import Any

#: Name of the statistic that every replica reports.
PROCESSING = "processing"


def replicas_for_load(context: Any) -> tuple[float, dict[str, Any]]:
    """Divide the requests in progress or queued for a replica by each replica's target.

    Args:
        context: `ray.serve.config.AutoscalingContext`.

    Returns:
        The wanted number of replicas, and an empty policy state.
    """
    processing = (context.aggregated_metrics or {}).get(PROCESSING)
    if not processing:  # no replica has reported yet
        return context.target_num_replicas, {}
    load = sum(processing.values()) + (context.total_queued_requests or 0.0)
    return load / context.config.get_target_ongoing_requests(), {}
