"""Attributes and their values: load, check, subset, encode.

A garment has at most one value per attribute; attributes are independent. Every attribute
has the implicit states "not visible" (the classifier's extra class) and "not applicable"
(follows from the garment type and `applies_to`).
"""

import hashlib
import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated

import pydantic

from fashiontrend import typed_yaml
from fashiontrend.errors import ConfigError

#: The label of an attribute that the picture does not show.
NOT_VISIBLE = "not_visible"
#: Stands for all platforms together where a platform is named: pooled shares, forecasts, keywords.
POOLED = "*"
#: The attribute that decides which others a garment can have, in a taxonomy that has it.
GARMENT_TYPE = "garment_type"
#: The encoded label of an unlabelled picture; it is masked out of every loss and score.
UNLABELLED = -1

Id = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Value(typed_yaml.Section):
    """One value of an attribute, with its names and the synonyms that shops use."""

    id: Id
    en: str
    zh: str
    synonyms: tuple[str, ...] = ()
    crosswalk: dict[str, tuple[str, ...]] = pydantic.Field(default={})


class Attribute(typed_yaml.Section):
    """One independent property of a garment, with the values it can take."""

    id: Id
    en: str
    zh: str
    values: tuple[Value, ...] = pydantic.Field(min_length=1)
    applies_to: tuple[str, ...] = ("all",)
    optional: bool = pydantic.Field(
        default=False,
        description="True leaves the attribute out unless the configuration names it.",
    )
    crosswalk: dict[str, tuple[str, ...]] = pydantic.Field(default={})

    @property
    def value_ids(self) -> tuple[str, ...]:
        """Ids of the values in the order of the classifier's outputs."""
        return tuple(v.id for v in self.values)

    @property
    def not_visible(self) -> int:
        """The classifier's index for "not visible": one past the last value."""
        return len(self.values)

    def index(self, value: str) -> int:
        """Return the classifier's index of a value or of "not_visible".

        Raises:
            ConfigError: the attribute has no such value.
        """
        if value == NOT_VISIBLE:
            return self.not_visible
        try:
            return self.value_ids.index(value)
        except ValueError:
            raise ConfigError(
                f"attribute {self.id!r} has no value {value!r}; it has "
                f"{', '.join(self.value_ids)}. "
                "Correct the label or add the value to a new taxonomy version."
            ) from None

    def value(self, value_id: str) -> Value:
        """Return the value with this id.

        Raises:
            ConfigError: the attribute has no such value.
        """
        return self.values[self.index(value_id)]

    @pydantic.field_validator("values")
    @classmethod
    def _ids_are_unique(cls, values: tuple[Value, ...]) -> tuple[Value, ...]:
        _refuse_duplicates([v.id for v in values], "value")
        if NOT_VISIBLE in (v.id for v in values):
            raise ValueError(f"{NOT_VISIBLE!r} is implicit in every attribute; leave it out")
        return values


class Taxonomy(typed_yaml.Section):
    """The metadata set: a version and its attributes."""

    version: str
    garment_groups: dict[str, tuple[str, ...]] = pydantic.Field(default={})
    attributes: tuple[Attribute, ...] = pydantic.Field(min_length=1)

    @property
    def ids(self) -> tuple[str, ...]:
        """Attribute ids in order; the A axis of every array follows it."""
        return tuple(a.id for a in self.attributes)

    @property
    def num_values(self) -> dict[str, int]:
        """Number of values of each attribute, "not visible" not counted."""
        return {a.id: len(a.values) for a in self.attributes}

    @property
    def digest(self) -> str:
        """Content hash of everything that a model depends on."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def attribute(self, attribute_id: str) -> Attribute:
        """Return the attribute with this id.

        Raises:
            ConfigError: the taxonomy has no such attribute.
        """
        for attribute in self.attributes:
            if attribute.id == attribute_id:
                return attribute
        raise ConfigError(
            f"taxonomy {self.version} has no attribute {attribute_id!r}; it has "
            f"{', '.join(self.ids)}. "
            "Correct the name, or import the taxonomy that belongs to the data."
        )

    def check(self, attribute_ids: Iterable[str]) -> None:
        """Check that all names are attributes.

        Raises:
            ConfigError: the taxonomy lacks one of them.
        """
        for name in attribute_ids:
            self.attribute(name)

    def subset(self, attribute_ids: tuple[str, ...]) -> "Taxonomy":
        """Return the taxonomy with these attributes in this order; if empty, all but optional ones."""
        wanted = attribute_ids or tuple(a.id for a in self.attributes if not a.optional)
        return self.model_copy(update={"attributes": tuple(self.attribute(i) for i in wanted)})

    def applies(self, attribute_id: str, garment_type: str) -> bool:
        """Return whether a garment of this type can have the attribute."""
        groups = self.attribute(attribute_id).applies_to
        return any(
            g in ("all", garment_type) or garment_type in self.garment_groups.get(g, ())
            for g in groups
        )

    @pydantic.field_validator("attributes")
    @classmethod
    def _ids_are_unique(cls, attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
        _refuse_duplicates([a.id for a in attributes], "attribute")
        return attributes

    @pydantic.model_validator(mode="after")
    def _groups_exist(self) -> "Taxonomy":
        types = {v.id for a in self.attributes if a.id == "garment_type" for v in a.values}
        if not types:  # without garment types there is nothing to check the groups against
            return self
        known = {"all", *self.garment_groups, *types}
        for attribute in self.attributes:
            unknown = [g for g in attribute.applies_to if g not in known]
            if unknown:
                raise ValueError(
                    f"{attribute.id}.applies_to names {unknown[0]!r}, which is neither a garment "
                    "group nor a type"
                )
        return self


def _refuse_duplicates(ids: list[str], what: str) -> None:
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ValueError(f"{what} id {twice[0]!r} is repeated; ids must be unique")


def load(path: str | None = None) -> Taxonomy:
    """Read and check a taxonomy file, or the shipped default if no path is given.

    Raises:
        ConfigError: the file is missing or wrong; the message names line and key.
    """
    if path is None:
        return parse(
            resources.files("fashiontrend").joinpath("taxonomy.yaml").read_text("utf-8"),
            "taxonomy.yaml",
        )
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"taxonomy {path}: {error.strerror}. Name an existing file.") from error
    return parse(text, path)


def parse(text: str, source: str) -> Taxonomy:
    """Read and check the YAML text of a taxonomy; `source` names it in errors.

    Raises:
        ConfigError: the text is wrong; the message names line and key.
    """
    data, lines = typed_yaml.parse_yaml(text, source)
    return typed_yaml.check(Taxonomy, data, source, lines)
