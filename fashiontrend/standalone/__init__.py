"""Fit a recogniser on a labelled set in one process, without a store and without Ray.

The network, the training and the artifact are those of the daily loop. Only the source of the pictures
differs: `sets` reads them from files, and `fitting` trains on them.
"""

from fashiontrend.standalone.fitting import CHECKPOINT, digest_pictures, fit, recipe
from fashiontrend.standalone.sets import Sets, read_sets

__all__ = ["CHECKPOINT", "Sets", "digest_pictures", "fit", "read_sets", "recipe"]
