"""Bring labelled sets made by others into the store, as annotations or as a replayed history."""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

from fashiontrend import importers, paths, telemetry
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError
from fashiontrend.store import open_store
from ray_jobs.runtime import load_taxonomy
