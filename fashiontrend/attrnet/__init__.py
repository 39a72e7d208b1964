"""The recogniser (spec B): picture -> where the garment is -> boxes -> 2048-d vector -> a classifier per attribute.

Read `model`, `loss`, `train` in this order; `dataset` and `augment` feed them, `artefact`,
`evaluate` and `predict` are what the rest of the system sees.
"""
