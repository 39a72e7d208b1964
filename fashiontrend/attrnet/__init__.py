"""The recogniser (spec B): picture -> place of the garment -> boxes -> vector -> attributes.

Read `model`, `loss`, `train` in this order; `dataset` and `augment` feed them, `artifact`,
`evaluate` and `predict` are what the rest of the system sees.
"""
