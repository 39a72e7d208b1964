"""Which of the listed pictures count."""

from datetime import date

import pandas as pd

from fashiontrend.pipeline import voting


def shown(*rows):
    names = ["platform", "product_id", "day", "garment"]
    frame = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows], columns=names)
    return frame.assign(garment=frame["garment"].astype(object))


def test_the_newest_mark_of_a_product_holds_on_all_days():
    """Days of a store that was written before there were marks have none."""
    day = [date(2026, 11, d) for d in (1, 2, 3)]
    frame = shown(
        ("a", "boot", day[0], None),
        ("a", "boot", day[1], False),
        ("a", "coat", day[1], False),
        ("a", "coat", day[2], True),
        ("a", "gone", day[0], None),
        ("b", "boot", day[1], None),
    )
    kept = voting.garments_only(frame)
    assert list(kept["product_id"]) == ["coat", "coat", "gone", "boot"]
    assert set(kept["platform"]) == {"a", "b"}
    assert "garment" not in kept
    assert len(voting.garments_only(shown(("a", "x", day[0], None)))) == 1


def test_a_picture_of_many_garments_is_a_placeholder_and_votes_for_none_of_them():
    """Seen: one "picture follows" of six products voted six times."""

    def showing(product, picture, platform="a", parent=None):
        return (platform, product, picture, parent)

    rows = [showing(str(n), "soon") for n in range(6)] * 2
    rows += [showing("0", "own"), showing("0", "soon", "b")]
    rows += [showing(f"colour-{n}", "group", parent="g") for n in range(9)]
    names = ["platform", "product_id", "picture_id", "parent_id"]
    kept = voting.without_placeholders(pd.DataFrame(rows, columns=names))
    assert "parent_id" not in kept
    assert list(
        kept.loc[kept["picture_id"] != "group", ["platform", "picture_id"]].itertuples(
            index=False, name=None
        )
    ) == [("a", "own"), ("b", "soon")]
    assert (kept["picture_id"] == "group").sum() == 9
    few = pd.DataFrame([showing(str(n), "soon") for n in range(5)], columns=names)
    assert len(voting.without_placeholders(few)) == 5
