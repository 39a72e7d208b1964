"""A strict JSON parser for request bodies: it refuses deep nesting and ambiguous values early."""

import json
import re
from typing import Any

import numpy as np

from fashiontrend.serve.schemas.problems import Problem

#: Names of one object: no request has more than 200, and each unknown one costs an error message.
MAX_NAMES = 1000
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STEP = np.zeros(256, np.int8)
_STEP[[ord("["), ord("{")]] = 1
_STEP[[ord("]"), ord("}")]] = -1


def parse(body: bytes, max_depth: int) -> Any:
    """Parse a JSON text (RFC 8259) in UTF-8.

    Args:
        body: the text.
        max_depth: deepest allowed nesting of arrays and objects; it is checked before parsing.

    Raises:
        Problem: 400 if the text is not UTF-8, not JSON or nested too deep, or if it holds NaN,
            Infinity, a duplicate key, an object of more than `MAX_NAMES` names, or half of a surrogate pair.
    """
    depth = _depth(body)
    if depth > max_depth:
        raise _invalid(f"it is nested {depth} levels deep; at most {max_depth} are allowed")
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
        if b"\\u" in body:  # half of a surrogate pair would break the response that echoes it
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise _invalid("it is not UTF-8, or it holds half of a surrogate pair") from None
    except RecursionError:
        raise _invalid("it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise _invalid(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except ValueError as error:
        raise _invalid(str(error)[:200]) from None
    return value


def _depth(body: bytes) -> int:
    outside = np.frombuffer(_STRINGS.sub(b"", body), np.uint8)
    steps = _STEP[outside]
    return int(np.cumsum(steps[steps != 0], dtype=np.int64).max(initial=0))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_NAMES:
        raise ValueError(f"an object has {len(pairs)} names; at most {MAX_NAMES} are allowed")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"the key {_find_double(pairs)[:60]!r} occurs twice in one object")
    return found


def _find_double(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _invalid(reason: str) -> Problem:
    return Problem(400, "invalid_json", f"The request body is not valid JSON: {reason}.")
