import pydantic
import pytest

from fashiontrend import typed_yaml
from fashiontrend.errors import ConfigError


class Leaf(typed_yaml.Section):
    size: int = 1
    names: tuple[str, ...] = ()


class Tree(typed_yaml.Section):
    leaf: Leaf = Leaf()
    leaves: tuple[Leaf, ...] = ()
    either: Leaf | None = None


def read(text: str) -> Tree:
    data, lines = typed_yaml.parse_yaml(text, "d.yaml")
    return typed_yaml.check(Tree, data, "d.yaml", lines)


def test_every_key_and_item_knows_its_line():
    _, lines = typed_yaml.parse_yaml("a: 1\nb:\n  - x: 1\n  - y: 2\n", "d.yaml")
    assert lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 0, "x"): 3,
        ("b", 1): 4,
        ("b", 1, "y"): 4,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "leaf: {size: 1, size: 2}",
            r"^d\.yaml:1: leaf\.size is repeated \(first in line 1\)",
            id="twice in one line",
        ),
        pytest.param(
            "leaf:\n  size: 1\nleaf:\n  size: 2",
            r"^d\.yaml:3: leaf is repeated \(first in line 1\)",
            id="a branch twice",
        ),
        pytest.param("a: [1", "^d.yaml: not valid YAML", id="unfinished"),
        pytest.param("a: !!python/object:os.system x", "^d.yaml: not valid YAML", id="no objects"),
    ],
)
def test_texts_that_are_no_good_yaml_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        typed_yaml.parse_yaml(text, "d.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "leaf:\n  sise: 3",
            r"^d\.yaml:2: leaf\.sise: there is no such setting\. Did you mean 'size'\?$",
            id="in a branch",
        ),
        pytest.param(
            "leaves:\n  - size: 3\n  - nams: [a]",
            r"^d\.yaml:3: leaves\.1\.nams: .*Did you mean 'names'",
            id="in a list",
        ),
        pytest.param(
            "either:\n  sice: 3",
            r"^d\.yaml:2: either\.sice: .*Did you mean 'size'",
            id="in an optional branch",
        ),
        pytest.param(
            "nothing: 3", r"^d\.yaml:1: nothing: there is no such setting\.$", id="nothing near"
        ),
        pytest.param(
            "leaf:\n  size: many",
            r"^d\.yaml:2: leaf\.size: .*integer.*\(seen: 'many'\)$",
            id="wrong type",
        ),
    ],
)
def test_mistakes_name_line_path_and_nearest_name(text, message):
    with pytest.raises(ConfigError, match=message):
        read(text)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigError) as told:
        read("leaf:\n  sise: 1\n  size: x")
    assert len(str(told.value).splitlines()) == 2


def test_a_document_cannot_be_changed_after_reading():
    with pytest.raises(pydantic.ValidationError):
        read("leaf: {size: 2}").leaf.size = 3


def test_an_empty_document_is_none():
    assert typed_yaml.parse_yaml("# nothing\n", "d.yaml") == (None, {})
