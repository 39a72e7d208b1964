"""The steps of a run without Ray: each reads partitions of the store, calls pure functions and commits its output."""
