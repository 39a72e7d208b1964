"""Which keys of the store a caller may name."""

from collections.abc import Sequence


def is_allowed(key: str, prefixes: Sequence[str]) -> bool:
    """Return whether a key, or a prefix that ends in `/`, lies below one of the allowed prefixes.

    Keys with empty, `.` or `..` parts, escapes or unfinished uploads are never allowed.
    """
    parts = key.removesuffix("/").split("/")
    plain = key.isprintable() and "\\" not in key and "%" not in key
    return (
        plain
        and any(key.startswith(p) for p in prefixes)
        and not any(part in ("", ".", "..") or part.startswith(".tmp-") for part in parts)
    )
