"""The thin jobs on top: wiring of pure functions to Ray, one file a step, and `run` for the whole loop."""
