"""Which keys of the store a caller may name."""

from collections.abc import Sequence


def is_allowed(key: str, prefixes: Sequence[str]) -> bool:
    """Whether a key lies below one of the prefixes and goes nowhere else; a trailing `/` is a prefix."""
    parts = key.removesuffix("/").split("/")
    plain = key.isprintable() and "\\" not in key and "%" not in key
    return (
        plain
        and any(key.startswith(p) for p in prefixes)
        and not any(part in ("", ".", "..") or part.startswith(".tmp-") for part in parts)
    )
