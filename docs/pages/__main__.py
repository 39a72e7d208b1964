"""Writes the reference pages and the list of settings. `tests/test_reference.py` holds them current."""

from collections.abc import Mapping
from pathlib import Path

from docs.pages import api, commands, settings

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "tests" / "settings.txt"


def pages() -> Mapping[Path, str]:
    """Every file that is written, and its text."""
    folder = ROOT / "docs" / "reference"
    return {
        SETTINGS: settings.listing(),
        folder / "settings.md": settings.page(),
        folder / "cli.md": commands.page(),
        folder / "api.md": api.page(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
