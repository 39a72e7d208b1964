"""Bytes and tables at rest: the object store, its layout, the tables' columns, the ledger of runs, releases."""
