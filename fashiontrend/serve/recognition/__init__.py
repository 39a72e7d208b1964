"""Recognition on request: the served model, its batcher, and catalogue jobs."""
