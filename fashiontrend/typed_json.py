"""Frozen dataclasses that are written to the store as JSON and read back from it.

A record of the version before is read: a field that it lacks takes its default, and a field that
this version does not know is passed over. What cannot be read is refused.
"""

import json
import math
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Self, TypeAlias, cast

import pydantic

from fashiontrend.errors import DataError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

#: A number that JSON holds as null if nothing supports it; in memory it is NaN then.
Measure = Annotated[float, pydantic.BeforeValidator(lambda v: math.nan if v is None else v)]


_RESTORE = (
    "It was cut or changed after it was written: restore it from a backup, or move it away and give the "
    "command of the step that writes it again."
)


class JsonRecord:
    """What a dataclass inherits to be written as a JSON object and to be read back."""

    def to_json(self) -> JsonObject:
        """Plain JSON under the names of the fields; a number that is not finite becomes null."""
        assert is_dataclass(self)  # noqa: S101 - tells the type
        return {f.name: to_plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_json(cls, data: object, source: str = "") -> Self:
        """Read a value from what `to_json` returned, in this version or the one before.

        Args:
            data: plain JSON.
            source: where it lies, for the message.

        Raises:
            DataError: a field has another type than this version reads.
        """
        try:
            text = json.dumps(to_plain(data))
            record: Self = _adapter(cast("Hashable", cls)).validate_json(text, strict=True)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{source or cls.__name__}: {_explain(error)}. Another version of fashiontrend wrote this. "
                "Read it with that version (`code_version` of the run names it), or move it away and "
                "give the command of the step that writes it again."
            ) from error
        return record


def to_plain(value: object) -> Json:
    """A JSON value of dataclasses, mappings, sequences, dates and numbers of numpy.

    Raises:
        TypeError: there is no JSON of such a value.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if type(value).__module__ == "numpy" and hasattr(
        value, "item"
    ):  # never imported where it is not used
        return to_plain(value.item())
    if isinstance(value, JsonRecord):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in value]
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def parse_object(data: bytes | str, source: str) -> JsonObject:
    """Parse a document of the store.

    Args:
        data: its bytes.
        source: where it lies, for the message.

    Raises:
        DataError: it is no whole JSON object.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{source}: is no whole JSON document ({error}). {_RESTORE}") from error
    if not isinstance(value, dict):
        raise DataError(
            f"{source}: holds {type(value).__name__}, expected a JSON object. {_RESTORE}"
        )
    return value


@lru_cache
def _adapter(cls: Hashable) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(cast("type[JsonRecord]", cls))


def _explain(error: Exception) -> str:
    """The first mistake: the field, what it says, and what was expected."""
    if not isinstance(error, pydantic.ValidationError):
        return str(error)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the record"
    seen = first["input"]
    shown = "" if isinstance(seen, dict | list) else f" ({seen!r})"
    return f"{field}{shown} cannot be read: {first['msg']}"
