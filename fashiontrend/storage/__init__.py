"""Bytes and tables at rest: the object store, where each key lies, the tables' columns, the ledger of runs, and releases."""
