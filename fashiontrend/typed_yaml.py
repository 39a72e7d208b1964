"""Check YAML documents against typed models; errors name file, line, key and the nearest name."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

import pydantic
import yaml

from fashiontrend.errors import ConfigError

#: Keys and indices that lead to a node of a document.
KeyPath = tuple[str | int, ...]
M = TypeVar("M", bound=pydantic.BaseModel)


#: A number between 0 and 1, both included.
Fraction = Annotated[float, pydantic.Field(ge=0.0, le=1.0)]


class Section(pydantic.BaseModel):
    """A branch of a document: it is frozen and refuses unknown keys."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_default=True)


def parse_yaml(text: str, source: str) -> tuple[Any, dict[KeyPath, int]]:
    """Return the value of a YAML text and the line of every key in it.

    Raises:
        ConfigError: the text is not YAML, or a mapping repeats a key.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: not valid YAML: {error}. Correct the text.") from error
    lines: dict[KeyPath, int] = {}
    if node is not None:
        for path, line in _walk(node, ()):
            if path in lines:
                raise ConfigError(
                    f"{source}:{line}: {dotted(path)} is repeated (first in line {lines[path]}). Keep one."
                )
            lines[path] = line
    return data, lines


def _walk(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _walk(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*path, index)
            yield here, value.start_mark.line + 1
            yield from _walk(value, here)


def dotted(path: KeyPath) -> str:
    """Return a path as the user types it: `crawl.platforms.0.kind`."""
    return ".".join(str(part) for part in path) or "(top)"


def check(
    model: type[M],
    data: object,
    source: str,
    lines: Mapping[KeyPath, int] | None = None,
    removed: Mapping[str, str] | None = None,
) -> M:
    """Validate plain data against a model.

    Args:
        model: what the data must be.
        data: plain values, as YAML or JSON give them.
        source: name of the document, for messages.
        lines: line of each key in the document.
        removed: dotted path of a key that earlier versions had -> what to do without it.

    Raises:
        ConfigError: the data do not fit; the message has a line per mistake, with the dotted path,
            what was seen and the nearest right name.
    """
    try:
        return model.model_validate(data)
    except pydantic.ValidationError as error:
        mistakes = [
            _explain(model, dict(e), source, lines or {}, removed or {}) for e in error.errors()
        ]
        raise ConfigError("\n".join(mistakes)) from None


def _explain(
    model: type[pydantic.BaseModel],
    error: dict[str, Any],
    source: str,
    lines: Mapping[KeyPath, int],
    removed: Mapping[str, str],
) -> str:
    path: KeyPath = tuple(error["loc"])
    line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
    place = f"{source}:{line}" if line else source
    if error["type"] == "extra_forbidden":
        if advice := removed.get(dotted(path)):
            return f"{place}: {dotted(path)}: this setting was removed. {advice}"
        near = difflib.get_close_matches(str(path[-1]), _names(model, path[:-1]), n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"{place}: {dotted(path)}: there is no such setting.{hint}"
    seen = error.get("input")
    shown = "" if isinstance(seen, dict | list) else f" (seen: {_without_secret(repr(seen))})"
    return f"{place}: {dotted(path)}: {error['msg']}{shown}"


def _names(model: type[pydantic.BaseModel], path: KeyPath) -> list[str]:
    """Return the field names that the model allows at a path."""
    kind: Any = model
    for part in path:
        if isinstance(part, int) or not hasattr(kind, "model_fields"):
            continue
        kind = model_in(kind.model_fields[part].annotation)
    return list(getattr(kind, "model_fields", {}))


def model_in(annotation: Any) -> Any:
    """Return the model inside `tuple[Model, ...]`, `Model | None` and similar annotations."""
    if hasattr(annotation, "model_fields"):
        return annotation
    inner = (model_in(a) for a in getattr(annotation, "__args__", ()))
    return next((m for m in inner if m is not None), None)


def _without_secret(text: str) -> str:
    """The text without the user information of an address, which may hold a password."""
    return re.sub(r"//[^/@\s]+@", "//...@", text)
