"""The page of settings, from the models of the configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pydantic
from pydantic_core import PydanticUndefined

from docs.pages.markdown import MARK, Schema, kind, limits, plain, table
from fashiontrend.config import PREFIX, Config
from fashiontrend.typed_yaml import model_in


@dataclass(frozen=True)
class Setting:
    """A leaf of the configuration: its dotted path, and what the reference says about it."""

    path: str
    kind: str
    default: str
    limits: str
    description: str


@dataclass(frozen=True)
class Branch:
    """A branch of the configuration with its own settings; branches below it are not among them."""

    path: str
    summary: str
    settings: tuple[Setting, ...]


def branches(
    model: type[pydantic.BaseModel] = Config, path: str = "", defaults: Any = None
) -> Iterator[Branch]:
    """All branches in the order of the configuration, each before those below it."""
    properties = model.model_json_schema()
    own, below = [], []
    for name, field in model.model_fields.items():
        here = f"{path}.{name}" if path else name
        default = getattr(defaults, name) if defaults is not None else _default(field)
        inner = model_in(field.annotation)
        if inner is None:
            own.append(_setting(here, properties, name, default, field.description or ""))
        else:
            many = not isinstance(default, pydantic.BaseModel)
            below.append((inner, f"{here}[]" if many else here, None if many else default))
    yield Branch(path, (model.__doc__ or "").split("\n")[0], tuple(own))
    for inner, here, default in below:
        yield from branches(inner, here, default)


def settings() -> list[Setting]:
    """All settings in the order of the configuration."""
    return [setting for branch in branches() for setting in branch.settings]


def _default(field: pydantic.fields.FieldInfo) -> Any:
    return "required" if field.default is PydanticUndefined else field.default


def _setting(path: str, whole: Schema, name: str, default: Any, text: str) -> Setting:
    schema = whole["properties"][name]
    given = default if default == "required" else plain(default)
    return Setting(path, kind(schema), given, limits(schema), text)


def page() -> str:
    """The page of settings."""
    lines = [
        MARK, "# Settings", "",
        "A configuration is a YAML file, named with `--config` or `FASHIONTREND_CONFIG`. A variable such as "
        f"`{PREFIX}ATTRNET__EPOCHS=4` overrides one setting. A key that does not exist is refused with the nearest "
        "right name; one that an earlier version had is refused with what to do.",
    ]  # fmt: skip
    for branch in branches():
        lines += ["", f"## {branch.path}" if branch.path else "## Top", "", branch.summary]
        rows = [
            (f"`{s.path}`", s.kind, f"`{s.default}`", s.limits, s.description)
            for s in branch.settings
        ]
        lines += table(("setting", "type", "default", "range", "description"), rows)
    return "\n".join(lines) + "\n"


def listing() -> str:
    """The path of every setting, one a line."""
    return "".join(f"{setting.path}\n" for setting in settings())
