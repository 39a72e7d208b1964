"""The form of CSV files of people and spreadsheets: how the text is encoded, and which character parts the cells."""

import csv

#: Characters that part cells, and what a note calls them.
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
#: Lines that settle which character separates the cells.
_LOOKED_AT = 50


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text of a file and how its encoding was understood, as sentences.

    UTF-8 comes first and keeps its byte order mark; UTF-16 is known by its own. Any other text is what
    Windows writes in Western Europe (code page 1252, of which Latin-1's letters are a part).
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16"), ("the text is UTF-16",)
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        pass
    note = "the text is no UTF-8 and is read as Windows-1252 (Latin-1)"
    try:
        return data.decode("cp1252"), (note,)
    except UnicodeDecodeError:  # five bytes have no letter in that code page
        return data.decode("latin-1"), (note,)


def find_separator(text: str) -> str:
    """Return the character that parts the most lines into equally many cells, more than one; else a comma."""
    lines = text.splitlines()[:_LOOKED_AT]

    def fit(separator: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        width = widths[0] if widths else 1
        return (sum(w == width for w in widths) if width > 1 else 0, width)

    return max(SEPARATORS, key=fit)
