"""Fill gaps of series by carrying measured dates forward."""

import numpy as np
from numpy.typing import NDArray


def last_known(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return, for each date, the index of the last known date up to it, -1 before the first.

    Args:
        known: (..., T) whether each date is known.
    """
    return np.maximum.accumulate(np.where(known, np.arange(known.shape[-1]), -1), axis=-1)


def carry_source(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return, for each date, the index of the date whose value fills it.

    The filling date is the last known date up to that date; before the first known date, it is the first known date.

    Args:
        known: (..., T) whether each date is known; index 0 is returned if none is.
    """
    last = last_known(known)
    return np.where(last < 0, known.argmax(axis=-1)[..., None], last)
