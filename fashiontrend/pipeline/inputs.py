"""Files that people give beside the configuration: annotations and title rules, by path or store key."""

import hashlib
from pathlib import Path

from fashiontrend.config import Config
from fashiontrend.errors import ConfigError
from fashiontrend.storage.object_store import Store


def read_text(name: str, store: Store) -> str:
    """The text of a local file, or of a key of the store.

    Raises:
        ConfigError: neither exists.
    """
    if Path(name).is_file():
        return Path(name).read_text("utf-8")
    if store.exists(name):
        return store.read(name).decode("utf-8")
    raise ConfigError(
        f"{name}: neither a file nor a key of {store.config.url}. Correct labels.annotations or labels.rules."
    )


def digests(config: Config, store: Store) -> list[str]:
    """Content hashes of those files: a changed annotation begins a new run."""
    names = [*config.labels.annotations, *([config.labels.rules] if config.labels.rules else [])]
    return [hashlib.sha256(read_text(n, store).encode()).hexdigest() for n in names]
