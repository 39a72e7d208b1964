"""The listing's own words, as something more to learn from a picture.

A title says much that no attribute asks for (brand, cut, material, occasion). A network that must
tell those words too sees more in few pictures. In training only: they are forgotten afterwards.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

#: A Chinese, Japanese or Korean character is a word; elsewhere what stands between separators.
_WORD = r"[㐀-䶿一-鿿぀-ヿ가-힯]|[^\W_㐀-䶿一-鿿぀-ヿ가-힯]+"
#: A word in fewer texts teaches nothing.
LEAST_TEXTS = 15


def mark(texts: Sequence[str], size: int) -> NDArray[np.float32]:
    """Which of the most frequent words stand in each text.

    Args:
        texts: N; an empty one says nothing.
        size: W, how many words are told apart.

    Returns:
        (N, W) of 0 and 1, NaN rows where there is no text. Columns without a word are 0: there
        may be fewer than W words that `LEAST_TEXTS` texts hold.
    """
    marks = np.zeros((len(texts), size), np.float32)
    known = np.array([bool(t.strip()) for t in texts], dtype=bool)
    marks[~known] = np.nan
    if size and known.sum() >= LEAST_TEXTS:
        told = [t for t, k in zip(texts, known, strict=True) if k]
        counter = CountVectorizer(
            binary=True, token_pattern=_WORD, max_features=size, min_df=LEAST_TEXTS
        )
        try:
            found = counter.fit_transform(told).toarray()
        except ValueError:  # no word is frequent enough
            return marks
        marks[known, : found.shape[1]] = found
    return marks
