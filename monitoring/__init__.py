"""What is watched, as code: dashboards (`python -m monitoring.dashboards`) and the unit tests of the alerts."""
