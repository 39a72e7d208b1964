"""How many replicas: by the requests that are answered, as `Admission` counts them.

Ray Serve's own policy counts a request from its header on, so connections that send a header and
then nothing would look like work. Ray Serve pickles this module by value into its controller and
applies bounds, delays and the start from zero around it.
"""

from typing import Any

ANSWERING = "answering"


def by_answering(context: Any) -> tuple[float, dict[str, Any]]:
    """Replicas that hold what is answered, and what waits for a replica, at the target of each.

    Args:
        context: `ray.serve.config.AutoscalingContext`.

    Returns:
        How many, and no state.
    """
    answering = (context.aggregated_metrics or {}).get(ANSWERING)
    if not answering:  # no replica has told anything yet
        return context.target_num_replicas, {}
    work = sum(answering.values()) + (context.total_queued_requests or 0.0)
    return work / context.config.get_target_ongoing_requests(), {}
