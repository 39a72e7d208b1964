"""The ledger and the store as Prometheus metrics, served by one small long-lived process.

A cluster made for one job disappears with its metrics; what a run found stays in the store.
"""
