"""A chart is an element of a page: small, without ids that clash or colours of its own."""

import base64
import io
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from PIL import Image

from fashiontrend.report.charts import COLOURS, ChartPanel, ShareCurve, draw_panel, runs
from fashiontrend.report.curves import naive_forecasts
from fashiontrend.report.samples import show_samples, thumbnail

DAYS = tuple(date(2026, 8, 1) + timedelta(days=n) for n in range(120))


def make_curve(share: np.ndarray, name: str = "V-neck") -> ShareCurve:
    fan = np.tile([0.3, 0.2, 0.25, 0.35, 0.4], (14, 1))
    ahead = tuple(DAYS[-1] + timedelta(days=n + 1) for n in range(14))
    return ShareCurve(
        name, "rising", DAYS, share, share - 0.02, share + 0.02, ahead, fan, DAYS, share
    )


SHARE = np.linspace(0.1, 0.3, len(DAYS))


def test_a_panel_is_small_the_same_each_time_and_takes_its_colours_from_the_page():
    panel = ChartPanel("a", "Share of V-neck.", (make_curve(SHARE),), DAYS[60:62])
    svg = str(draw_panel(panel))
    assert svg == str(draw_panel(panel))
    assert len(svg) < 12_000
    assert "var(--rising)" in svg
    assert "var(--band)" in svg
    assert not any(colour in svg for colour in COLOURS.values())
    assert "http" not in svg
    assert "font-family" not in svg


def test_two_panels_of_one_page_share_no_id():
    first, second = (str(draw_panel(ChartPanel(k, "x", (make_curve(SHARE),)))) for k in "ab")
    ids = [{part.split('"')[0] for part in svg.split('id="')[1:]} for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    "share",
    [np.full(len(DAYS), np.nan), np.where(np.arange(120) % 7, SHARE, np.nan)],
    ids=["none", "gaps"],
)
def test_days_without_a_measurement_are_left_open(share):
    assert "<svg" in draw_panel(ChartPanel("a", "x", (make_curve(share), make_curve(share, "b"))))


def test_words_of_others_cannot_leave_the_chart():
    svg = draw_panel(
        ChartPanel(
            'a"><script>',
            'x"><script>',
            (make_curve(SHARE, "<script>"), make_curve(SHARE, "$_x$ & co")),
        )
    )
    assert "<script" not in svg


@pytest.mark.parametrize(
    ("days", "expected"),
    [([], []), ([0, 1, 2], [(0, 2)]), ([5, 0, 1], [(0, 1), (5, 5)])],
    ids=["none", "one run", "two runs"],
)
def test_withheld_days_in_a_row_make_one_band(days, expected):
    assert runs([DAYS[n] for n in days]) == [(DAYS[a], DAYS[b]) for a, b in expected]


def make_picture(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, "PNG")
    return out.getvalue()


def open_uri(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


@pytest.mark.parametrize(
    ("size", "shown"), [((300, 400), (90, 120)), ((400, 200), (120, 60)), ((40, 40), (120, 120))]
)
def test_a_thumbnail_keeps_the_pictures_shape(size, shown):
    assert open_uri(thumbnail(make_picture(size), None)).size == shown


def test_the_box_is_drawn_where_the_recogniser_saw_the_garment():
    image = open_uri(thumbnail(make_picture((120, 120)), [0.25, 0.25, 0.75, 0.75])).convert("RGB")
    assert max(image.getpixel((30, 60))) < 90  # the dark line
    assert min(image.getpixel((60, 60))) < 80  # inside, untouched
    assert image.getpixel((60, 60))[0] > 150


@pytest.mark.parametrize(
    "box", [[], [0.1], [-1.0, -1.0, 2.0, 2.0], [0.9, 0.9, 0.1, 0.1], [0.5, 0.5, 0.5, 0.5]]
)
def test_a_strange_box_does_not_stop_the_report(box):
    assert thumbnail(make_picture((60, 80)), box).startswith("data:")


def test_a_sample_is_found_by_its_picture_id_or_its_image():
    held = {"p": make_picture((50, 50))}
    found = show_samples(
        [{"picture_id": "p", "product_id": "1"}, {"image": "p"}, {"image": "other"}], held, "V-neck"
    )
    assert [s.alt for s in found] == ["1, sample of V-neck", "product, sample of V-neck"]


def test_naive_forecasts_are_the_last_day_and_the_same_day_of_the_last_season():
    found = dict(naive_forecasts(np.array([1.0, 2.0, np.nan, 4.0]), 5, 3))
    assert found["persistence"].tolist() == [4.0] * 5
    assert found["seasonal_naive"].tolist() == [2.0, 2.0, 4.0, 2.0, 2.0]  # the gap carries the 2
    assert naive_forecasts(np.array([np.nan]), 2, 7) == ()


def test_naive_forecasts_are_drawn_beside_a_single_fan():
    curve = make_curve(SHARE)
    bare = str(draw_panel(ChartPanel("a", "x", (curve,))))
    lines = naive_forecasts(SHARE, 14, 7)
    drawn = str(draw_panel(ChartPanel("a", "x", (replace(curve, naive=lines),))))
    assert drawn.count("<path") == bare.count("<path") + 2
