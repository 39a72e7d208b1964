"""Fit a recogniser on a labelled set in one process, without a store and without Ray.

The same network, training and artifact as the loop's; what differs is only where pictures come
from: `sets` reads them, `fitting` trains.
"""

from fashiontrend.standalone.fitting import CHECKPOINT, digest_pictures, fit, recipe
from fashiontrend.standalone.sets import Sets, read_sets

__all__ = ["CHECKPOINT", "Sets", "digest_pictures", "fit", "read_sets", "recipe"]
