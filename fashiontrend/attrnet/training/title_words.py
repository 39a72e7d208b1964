"""Frequent words of the listings' titles, as further targets of training.

Titles name much that no attribute covers (brand, cut, material, occasion). A network that has to predict
those words, too, learns more from few pictures. The trained network does not predict words.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

#: A Chinese, Japanese or Korean character is a word; in other scripts, the text between separators is.
_WORD = r"[㐀-䶿一-鿿぀-ヿ가-힯]|[^\W_㐀-䶿一-鿿぀-ヿ가-힯]+"
#: A word that stands in fewer texts is no target.
LEAST_TEXTS = 15


def mark(texts: Sequence[str], size: int) -> NDArray[np.float32]:
    """Mark which of the most frequent words stand in each text.

    Args:
        texts: N titles; an empty one is unknown.
        size: W, number of words.

    Returns:
        (N, W) of 0 and 1, with NaN rows for empty texts. If fewer than W words stand in at least
        `LEAST_TEXTS` texts, the columns that are left are 0.
    """
    marks = np.zeros((len(texts), size), np.float32)
    known = np.array([bool(t.strip()) for t in texts], dtype=bool)
    marks[~known] = np.nan
    if size and known.sum() >= LEAST_TEXTS:
        given = [t for t, k in zip(texts, known, strict=True) if k]
        counter = CountVectorizer(
            binary=True, token_pattern=_WORD, max_features=size, min_df=LEAST_TEXTS
        )
        try:
            found = counter.fit_transform(given).toarray()
        except ValueError:  # no word is frequent enough
            return marks
        marks[known, : found.shape[1]] = found
    return marks
