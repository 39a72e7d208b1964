"""The trend board in a real browser."""

import io
import threading

import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def picture() -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (300, 400), "#8d2f36").save(sink, "PNG")
    return sink.getvalue()


def test_it_loads_without_errors_and_without_requests_elsewhere(board, record_property):
    board.open().ready()
    assert len(board.ids()) == 200
    assert board.complaints() == []
    asked = board.addresses()
    assert asked
    assert [a for a in asked if not a.startswith((board.server.url, "blob:", "data:"))] == []
    paint = board.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
    record_property("first_contentful_paint_ms", paint)
    print(f"first contentful paint: {paint:.0f} ms")
    assert paint > 0


def test_the_top_shows_freshness_gates_and_withheld_days(board):
    board.server.closed = True
    board.open().ready()
    assert "23 November 2026" in board.text("#freshness")
    assert "2026-11-23-0b0a2d11" in board.text("#freshness")
    board.wait(lambda: "2 platform days withheld" in board.text("#summary"))
    assert "Withheld at shop-b: 5 Oct, 6 Oct" in board.text("#gates-body")
    assert "Forecast fit gate is closed" in board.text("#gates-line")
    shut = board.text(".gate.shut")
    for told in ("Closed", "1.071", "needs < 1.05", "pattern and neckline first"):
        assert told in shut
    assert "12 verdicts so far" in board.find(".gate.shut .spark").get_attribute("aria-label")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (768, 1024), (390, 844)])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_first_screen_shows_a_card_and_its_change(board, width, height, lang):
    board.size(width, height)
    board.server.closed = True
    board.open(f"?lang={lang}").ready()
    first = board.run("return document.querySelector('.card').getBoundingClientRect()")
    assert first["top"] < 2 * height / 3


def test_gates_are_one_line_that_unfolds(board):
    board.server.closed = True
    board.open().ready()
    assert not board.find("#gates-body").is_displayed()
    board.find("#gates-line").click()
    assert board.find("#gates-body .gate.shut").is_displayed()
    board.run("document.getElementById('gates').open = false; location.hash = 'gates'")
    board.wait(lambda: board.find("#gates-body").is_displayed())


def test_cards_tell_the_products_of_the_value_and_of_the_attribute(board):
    import re

    board.open().ready()
    found = re.search(r"about ([\d ]+) of ([\d ]+) products", board.text(".card"))
    assert found
    part, whole = (int(n.replace(" ", "")) for n in found.groups())
    assert 0 < part < whole


def test_the_record_is_told_on_each_card_and_in_a_section(board):
    board.open("?direction=rising").ready()
    board.wait(lambda: board.all("#cards .badge"))
    badges = {e.get_attribute("textContent") for e in board.all("#cards .badge")}
    assert "Calls like this: 31 of 40 came true" in badges
    assert badges <= {"Calls like this: 31 of 40 came true", "No call like this has come due yet"}
    told = board.text("#record-body")
    for words in (
        "90 of 120 calls came true",
        "80 % was claimed",
        "Rising, Grade A",
        "Neckline",
        "Brier",
    ):
        assert words in told
    drawn = board.find("#record-body .reliability").get_attribute("aria-label")
    assert "claimed 95 %, came true 78 % of 40" in " ".join(drawn.split())


def test_before_the_first_call_came_due_the_record_says_so(board):
    board.server.scored = False
    board.open().ready()
    board.wait(lambda: "No call has come due yet" in board.text("#record-body"))


def test_without_a_scorecard_the_page_works_and_does_not_mention_it(board):
    board.server.fails["/v1/scorecard"] = (404, {"title": "not found"}, {})
    board.open().ready()
    assert len(board.ids()) == 200
    assert board.all("#cards .badge") == []


def test_what_is_shown_can_be_taken_away(board):
    from urllib.parse import parse_qs, urlsplit

    board.open("?platform=shop-b&direction=rising&attribute=neckline&confidence=80").ready()
    for link, kind in zip(board.all(".take-away a"), ("csv", "xlsx"), strict=True):
        address = urlsplit(link.get_attribute("href"))
        assert address.path == f"/v1/keywords.{kind}"
        assert parse_qs(address.query) == {
            "platform": ["shop-b"],
            "direction": ["rising"],
            "attribute": ["neckline"],
            "min_confidence": ["0.8"],
        }


def test_more_filters_unfold_on_a_phone(board):
    board.size(390, 844)
    board.open().ready()
    assert not board.find("[name=sort]").is_displayed()
    assert not board.find("[name=q]").is_displayed()
    board.find("#more").click()
    assert board.find("[name=sort]").is_displayed()


@pytest.mark.parametrize("width", [1280, 390])
def test_whatever_can_be_pressed_is_24_pixels_high(board, width):
    board.size(width, 900)
    board.open().ready()
    low = board.run(
        "return [...document.querySelectorAll('a, button, summary, select, input:not([type=radio])')]"
        ".filter(e => e.checkVisibility() && !e.matches('.card-open, .unseen, .skip'))"
        ".filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"
    )
    assert low == []


def test_a_card_shows_direction_stage_interval_grade_support_platforms_and_pictures(board):
    board.open("?sort=rise").ready()
    card = board.text(".card")
    for told in ("Rising", "Grade", "pts", "80 % range", "products", "platforms agree: shop-"):
        assert told in card
    assert "80 % range" in board.find(".card .interval").get_attribute("aria-label")
    assert len(board.all(".card:first-child .picture img")) == 3
    board.wait(lambda: board.all(".card:first-child .picture rect.box"))


def test_pictures_are_fetched_when_they_are_about_to_be_seen(board):
    board.open().ready()
    board.wait(lambda: board.run("return document.querySelectorAll('#cards img[src]').length"))
    waiting = board.run("return document.querySelectorAll('#cards img[data-path]').length")
    assert waiting > 400


def test_filters_narrow_and_can_be_taken_back(board):
    board.open().ready()
    board.find("#directions input[value=rising]").click()
    rising = board.ready().ids()
    assert 0 < len(rising) < 200
    assert board.text("#count").startswith(f"{len(rising)} keywords of 200")
    assert board.text("#directions label:nth-child(2) .n") == str(len(rising))
    board.choose("attribute", "neckline")
    board.choose("confidence", "90")
    few = board.ready().ids()
    assert 0 < len(few) < len(rising)
    assert all(".neckline." in i or "|neckline." in i for i in few)
    assert "direction=rising" in board.browser.current_url
    board.find("#filters [type=reset]").click()
    assert len(board.ready().ids()) == 200


def test_search_understands_both_languages_and_says_when_nothing_fits(board):
    board.open().ready()
    board.find("[name=q]").send_keys("v neck")
    assert "V-neck" in board.wait(lambda: len(board.names()) < 10 and board.names())
    board.choose("q", "V领")
    assert "V-neck" in board.names()
    board.choose("q", "no such thing")
    assert board.names() == []
    assert "Show all" in board.text("#cards-notice")


def test_sorting_by_rise_and_by_name(board):
    board.open().ready()
    board.choose("sort", "rise")
    board.ready()
    points = board.run(
        "return [...document.querySelectorAll('#cards .change')].map(e => parseFloat(e.textContent.replace('−', '-')))"
    )
    assert points == sorted(points, reverse=True)
    board.choose("sort", "name")
    names = [n.lower() for n in board.ready().names()]
    assert names[0] < names[-1]
    assert names[0].startswith("a")


def test_a_platform_brings_its_own_keywords(board):
    board.open().ready()
    board.choose("platform", "shop-b")
    board.wait(lambda: board.ids() and board.ids()[0].endswith("|shop-b"))
    board.open("?platform=shop-c").ready()
    assert all(i.endswith("|shop-c") for i in board.ids())


def test_the_language_changes_everything_and_stays_in_the_address(board):
    board.open().ready()
    board.find("[data-lang=zh]").click()
    board.ready()
    assert board.text("h1") == "接下来，人们想穿什么"
    assert board.run("return document.documentElement.lang") == "zh-CN"
    assert board.names()[0] == "T恤"
    assert "支持商品 11 件，少于 100 件" in board.text("#gaps-body")
    assert "lang=zh" in board.browser.current_url
    board.open("?lang=zh").ready()
    assert board.find("[data-lang=zh]").get_attribute("aria-pressed") == "true"


def test_a_card_opens_and_closes_by_keyboard_and_gives_the_focus_back(board):
    from selenium.webdriver.common.keys import Keys

    board.open().ready()
    name = board.names()[0]
    opener = board.find("#cards .card-open")
    board.run("arguments[0].focus()", opener)
    opener.send_keys(Keys.ENTER)
    board.wait(lambda: len(board.all("#evidence .curve")) == 4)
    assert name in board.text("#evidence-title")
    assert board.run("return document.getElementById('evidence').contains(document.activeElement)")
    board.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    board.wait(lambda: not board.run("return document.getElementById('evidence').open"))
    assert board.run("return document.activeElement") == opener


def test_evidence_shows_curves_fans_baselines_caveats_samples_and_a_table(board):
    board.open().ready()
    first = board.ids()[0]
    board.open("?open=" + first.replace("|", "%7C")).ready()
    board.wait(lambda: len(board.all("#evidence .curve")) == 4)
    for drawn in (".band80", ".band95", ".forecast", ".persistence", ".measured", ".withheld"):
        assert board.all(f"#evidence .curve {drawn}"), drawn
    assert "forecast" in board.find("#evidence .curve svg").get_attribute("aria-label")
    assert len(board.all("#evidence .gallery li")) == 6
    told = board.text("#evidence")
    for words in (
        "Read with care",
        "less than one year of history",
        "Probability of this direction",
        "2026-11-23-b2c2d532",
    ):
        assert words in told
    board.find("#evidence .as-table summary").click()
    rows = board.wait(lambda: board.all("#evidence .as-table tbody tr"))
    assert len(rows) == 90 + 28


def test_what_is_not_known_is_listed_with_its_reason(board):
    board.open().ready()
    assert board.text("#gaps-count") == "9 values"
    assert len(board.all("#gaps tbody tr")) == 9
    assert "support 11 < 100 products" in board.text("#gaps-body")


@pytest.mark.parametrize("way", ["dropped", "pasted", "chosen"])
def test_a_picture_shows_its_box_its_attributes_and_their_trend(board, picture, tmp_path, way):
    board.open().ready()
    if way == "dropped":
        board.drop(picture)
    elif way == "pasted":
        board.paste(picture)
    else:
        (tmp_path / "picture.png").write_bytes(picture)
        board.find("#file").send_keys(str(tmp_path / "picture.png"))
    board.wait(lambda: board.all("#answer .garment"))
    board.wait(lambda: board.all("#answer .picture rect.box"))
    assert picture in board.server.uploads[0]
    told = board.seen("#answer")
    for words in (
        "Cardigan 97 %",
        "V-neck 91 %",
        "Deep V 6 %",
        "Uncertain",
        "Not visible: Closure",
        "Does not apply: Trouser length",
    ):
        assert words in told
    widths = board.run(
        "return [...document.querySelectorAll('#answer .bar span')].map(e => e.style.width)"
    )
    assert widths == ["97%", "91%"]
    board.find("#answer .trend").click()
    board.wait(lambda: "Cardigan" in board.text("#evidence-title"))


def test_a_refused_picture_is_explained_in_the_servers_words(board, picture):
    board.server.fails["/v1/recognise"] = (
        415,
        {"title": "Not a picture", "detail": "GIF is not read."},
        {},
    )
    board.open().ready()
    board.drop(picture)
    board.wait(lambda: "GIF is not read." in board.text("#answer"))
    assert "Choose a JPEG, PNG or WebP picture." in board.text("#answer")
    board.server.fails["/v1/recognise"] = (503, {"title": "Busy"}, {"Retry-After": "7"})
    board.find("#answer .button").click()
    board.wait(lambda: "Try again in 7 seconds." in board.text("#answer"))


def test_after_a_401_the_reader_enters_a_token_that_is_kept_in_this_tab_only(board):
    board.server.token = "ft_right"
    board.open()
    board.wait(lambda: board.find("#sign-in").get_attribute("open") is not None)
    board.find("#sign-in [name=token]").send_keys("ft_wrong\n")
    board.wait(lambda: "did not accept" in board.text("#sign-in-problem"))
    board.find("#sign-in [name=token]").send_keys("ft_right\n")
    board.ready()
    assert len(board.ids()) == 200
    board.wait(lambda: board.all("#cards img[src^=blob]"))
    assert board.run("return Object.values(sessionStorage)") == ["ft_right"]
    assert board.run("return localStorage.length") == 0
    assert "ft_right" not in board.browser.current_url
    board.run("sessionStorage.clear()")


def test_cancelling_the_token_leaves_a_way_back(board):
    board.server.token = "ft_right"
    board.open()
    board.wait(lambda: board.find("#sign-in").get_attribute("open") is not None)
    board.find("#sign-in-cancel").click()
    board.wait(lambda: board.all("#cards-notice .button"))
    assert "access token" in board.text("#cards-notice")


def test_no_release_and_a_failure_say_what_to_do(board):
    board.server.fails["/v1/keywords"] = (404, {"title": "No release"}, {})
    board.open()
    board.wait(lambda: "fashiontrend run" in board.text("#cards-notice"))
    board.server.fails["/v1/keywords"] = (
        500,
        {"title": "Internal error", "request_id": "r-77"},
        {},
    )
    board.open()
    board.wait(lambda: "r-77" in board.text("#cards-notice"))
    board.server.fails.clear()
    board.find("#cards-notice .button").click()
    board.ready()
    assert len(board.ids()) == 200


def test_markup_from_the_server_stays_text(board):
    evil = "<img src=x onerror=document.title='owned'>"
    board.server.fails["/v1/keywords"] = (400, {"title": evil, "detail": evil}, {})
    board.open()
    board.wait(lambda: evil in board.text("#cards-notice"))
    assert board.run("return document.title") == "Trend board"


@pytest.mark.parametrize("width", [390, 320])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_phone_scrolls_in_one_direction_only(board, width, lang):
    board.size(width, 844)
    board.server.closed = True
    board.open(f"?lang={lang}").ready()
    assert board.run("return document.documentElement.scrollWidth") == width
    board.find("#cards .card-open").click()
    board.wait(lambda: board.all("#evidence .curve"))
    sheet = "const e = document.getElementById('evidence'); return e.scrollWidth <= e.clientWidth"
    assert board.run(sheet)


AXES = """
return [...document.querySelectorAll("#evidence .curve svg")].map((svg) => {
  const frame = svg.getBoundingClientRect();
  const edges = ({ left, right, top, bottom }) => [left, right, top, bottom];
  return {
    frame: edges(frame),
    labels: [...svg.querySelectorAll("text")].map((text) => ({
      size: svg.getScreenCTM().a * parseFloat(getComputedStyle(text).fontSize),
      edges: edges(text.getBoundingClientRect()),
    })),
  };
});
"""


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_labels_of_the_axes_are_readable_however_narrow_the_window_becomes(board, lang):
    board.open(f"?lang={lang}").ready()
    board.run("document.querySelector('#cards .card-open').click()")
    board.wait(lambda: len(board.all("#evidence .curve")) == 4)
    for width in (1280, 390, 320):
        board.size(width, 844)
        board.run("return new Promise(requestAnimationFrame)")
        for chart in board.run(AXES):
            assert all(label["size"] > 11.5 for label in chart["labels"])
            places = [label["edges"] for label in chart["labels"]]
            assert all(inside(place, chart["frame"]) for place in places)
            assert not any(overlap(a, b) for n, a in enumerate(places) for b in places[:n])
    assert board.complaints() == []


def inside(place: list[float], frame: list[float]) -> bool:
    (left, right, top, bottom), (west, east, north, south) = place, frame
    return west <= left and right <= east and north <= top and bottom <= south


def overlap(one: list[float], other: list[float]) -> bool:
    (left, right, top, bottom), (west, east, north, south) = one, other
    return left < east and west < right and top < south and north < bottom


def test_the_pointer_reads_a_chart_of_any_width(board):
    from selenium.webdriver.common.action_chains import ActionChains

    board.size(390, 844)
    board.open().ready()
    board.run("document.querySelector('#cards .card-open').click()")
    chart = board.wait(lambda: board.find("#evidence .curve svg"))
    board.run("arguments[0].scrollIntoView({block: 'center'})", chart)
    right = chart.size["width"] // 2 - 10
    ActionChains(board.browser).move_to_element_with_offset(chart, right, 0).perform()
    assert board.text("#evidence .readout").startswith("21 December 2026")


def test_a_sheet_that_is_open_before_the_names_arrive_shows_them_later(board):
    first = board.open().ready().ids()[0].replace("|", "%7C")
    board.server.holds["/v1/taxonomy"] = names = threading.Event()
    board.open(f"?lang=zh&open={first}")
    board.wait(lambda: len(board.all("#evidence .curve")) == 4)
    before = board.text("#evidence .of")
    board.run("document.getElementById('evidence').scrollTop = 300")
    names.set()
    board.wait(lambda: board.text("#evidence .of") != before)
    assert board.text("#evidence .of") == board.text("#cards .of") == "品类"
    assert board.run("return document.getElementById('evidence').scrollTop") == 300
