"""Which labelling tool wrote a file, and the reader of its format."""

import pyarrow as pa

from fashiontrend.labels.annotations import ReadAnnotations, read_csv
from fashiontrend.labels.label_studio import read_label_studio
from fashiontrend.taxonomy import Taxonomy


def read(text: str, source: str, taxonomy: Taxonomy, pictures: pa.Table) -> ReadAnnotations:
    """Read the annotations of a file, whose format its content shows.

    Raises:
        DataError: the file is of no known format, or holds what cannot be read.
    """
    start = text.removeprefix("\ufeff").lstrip()[:1]
    if start in ("[", "{"):
        return read_label_studio(text, source, taxonomy, pictures)
    return read_csv(text, source, taxonomy, pictures)
