"""Label and resample (A3): titles, annotations and boxes to an immutable, versioned dataset."""

import logging
from typing import Any

import pyarrow as pa

from fashiontrend import paths
from fashiontrend.loop import Step
from ray_jobs import catalogue, run
from ray_jobs.runtime import Context, Outcome, main

log = logging.getLogger(__name__)
