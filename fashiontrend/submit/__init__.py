"""Jobs on a cluster: a RayJob from the chart's template, or a job of a running Ray."""
