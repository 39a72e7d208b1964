"""The commands around labels, as somebody types them on an empty store."""

import pytest
import yaml

from fashiontrend.commands import labels
from fashiontrend.commands.options import write_file
from fashiontrend.errors import ConfigError, HealthError
from fashiontrend.storage import layout


def test_an_export_without_pictures_says_what_to_do_first(tmp_path):
    file = tmp_path / "fashiontrend.yaml"
    file.write_text(yaml.safe_dump({"store": {"url": str(tmp_path / "store")}}))
    with pytest.raises(HealthError, match=r"no picture that waits for labels.*fashiontrend crawl"):
        labels.export(out=tmp_path / "out", config=str(file))


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "-x", "a" * 101])
def test_a_set_lies_where_sets_lie(name):
    with pytest.raises(ConfigError, match="cannot name a set"):
        layout.annotation_set(name)


@pytest.mark.parametrize("name", ["own", "2026-11.v2", "été_1"])
def test_a_set_may_have_any_ordinary_name(name):
    assert layout.annotation_set(name) == f"annotations/{name}"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"guide\.html cannot be written: File exists"):
        write_file(tmp_path / "file" / "guide.html", b"")
