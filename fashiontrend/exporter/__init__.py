"""What Prometheus may know: the ledger and the store as metrics, read by one small process that stays.

A cluster made for one job disappears with its metrics; what a run found does not.
"""
