"""The reference pages, each a function of the code: `python -m docs.pages` writes them (make reference)."""
