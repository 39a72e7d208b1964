import csv
import io
import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fashiontrend import keywords, taxonomy
from fashiontrend.config import KeywordsConfig, LoopConfig
from fashiontrend.keywords.expected_change import Path, expect_change, noise_half_width
from fashiontrend.keywords.platforms import find_leader
from fashiontrend.keywords.record import explain_no_season
from fashiontrend.keywords.samples import find_combinations, pick_samples
from fashiontrend.keywords.season import fit_season, measure_slope
from fashiontrend.keywords.shape import find_stage, find_trajectory
from fashiontrend.outcomes import PairReport, TrendReport
from fashiontrend.storage import schemas

CFG = KeywordsConfig()
START = date(2026, 1, 1)
RECORD_KEYS = [
    "schema", "id", "as_of", "horizon_days", "target_date", "keyword", "segment", "platform", "platforms",
    "direction", "share", "growth", "stage", "trajectory", "seasonal_index", "confidence", "rank", "score",
    "lead_lag", "evidence", "caveats", "line",
]  # fmt: skip


@pytest.fixture
def tax():
    names = {"collar": ("v_neck", "polo", "hood"), "colour": ("red", "blue")}
    attributes = [
        {
            "id": a,
            "en": a,
            "zh": a,
            "values": [{"id": v, "en": v.title(), "zh": f"中{v}"} for v in values],
        }
        for a, values in names.items()
    ]
    return taxonomy.Taxonomy.model_validate({"version": "1.0.0", "attributes": attributes})


def path(shares, support=1000):
    days = tuple(START + timedelta(days=i) for i in range(len(shares)))
    return Path(days, np.asarray(shares, dtype=float), support)


def expected(now, forecast, half=0.02, support=1000, shares=None):
    quantiles = (forecast - 1.5 * half, forecast - half, forecast + half, forecast + 1.5 * half)
    return expect_change(
        path([now] * 60 if shares is None else shares, support), forecast, quantiles, CFG
    )


@pytest.mark.parametrize(
    ("now", "forecast", "half", "support", "direction"),
    [
        (0.12, 0.16, 0.02, 5000, "rising"),
        (0.16, 0.12, 0.02, 5000, "falling"),
        (0.12, 0.125, 0.02, 5000, "stable"),
        (0.12, 0.16, 0.10, 5000, "stable"),
        (0.12, 0.16, 0.02, 60, "stable"),
        (0.12, 0.124, 0.0005, 10**6, "stable"),
    ],
    ids=["up", "down", "little", "unsure", "few products", "sure but below half a point"],
)
def test_direction_is_called_by_probability(now, forecast, half, support, direction):
    found = expected(now, forecast, half, support)
    assert found.direction == direction
    assert 0 <= found.p_direction <= 1


def test_a_change_within_counting_noise_is_none():
    assert noise_half_width(0.5, 100, CFG) == pytest.approx(0.0337, abs=1e-4)
    assert expected(0.5, 0.5, support=100).least_change == pytest.approx(0.0337, abs=1e-4)
    assert expected(0.5, 0.5, support=10**8).least_change == CFG.min_change


@pytest.mark.parametrize(
    ("now", "forecast", "rising_on", "days", "stage"),
    [
        (0.02, 0.05, 2, 60, "emerging"),
        (0.02, 0.05, 1, 60, "rising"),
        (0.10, 0.16, 3, 60, "rising"),
        (0.20, 0.14, 0, 60, "declining"),
        (0.45, 0.45, 0, 60, "mainstream"),
        (0.45, 0.45, 0, 400, "classic"),
        (0.04, 0.04, 0, 60, "dormant"),
    ],
)
def test_stage(now, forecast, rising_on, days, stage):
    found = expected(now, forecast, support=20000)
    assert (
        find_stage(
            found, path([now] * days), np.array([0.45, 0.3, 0.2, 0.05]), rising_on, None, CFG
        )
        == stage
    )


@pytest.mark.parametrize(
    ("now", "forecast", "before", "season", "trajectory"),
    [
        (0.12, 0.18, 0.08, None, "sustained_riser"),
        (0.12, 0.18, 0.14, None, "rising_star"),
        (0.18, 0.12, 0.22, None, "sustained_decliner"),
        (0.18, 0.12, 0.15, None, "falling_star"),
        (0.12, 0.12, 0.12, None, "flat"),
        (0.12, 0.18, 0.08, 1.4, "seasonal_riser"),
        (0.18, 0.12, 0.22, 0.6, "seasonal_decliner"),
        (0.12, 0.12, 0.12, 1.3, "seasonal_flat"),
        (0.12, 0.18, 0.08, 1.02, "sustained_riser"),
    ],
)
def test_trajectory(now, forecast, before, season, trajectory):
    shares = np.linspace(before, now, 60)
    found = expected(now, forecast, support=20000, shares=shares)
    steep = path(np.concatenate([np.full(32, before), np.linspace(before, now, 28)]))
    assert find_trajectory(found, measure_slope(steep, None, CFG), season, CFG) == trajectory


def test_what_only_its_season_moves_is_neither_rising_nor_declining():
    rising = expected(0.10, 0.16, support=20000)
    rivals = np.array([0.45, 0.1])
    assert find_stage(rising, path([0.1] * 60), rivals, 3, 0.06, CFG) == "rising"
    assert find_stage(rising, path([0.1] * 60), rivals, 3, 0.001, CFG) == "dormant"


def test_a_clear_slope_whose_coming_change_is_noise_is_sustained_not_flat():
    """A rise that counting so few products cannot show within the horizon is still a rise."""
    rng = np.random.default_rng(0)
    slow = path(np.linspace(0.05, 0.09, 90) + rng.normal(0, 0.004, 90), support=500)
    ahead = expect_change(slow, 0.096, (0.07, 0.08, 0.112, 0.122), CFG)
    assert ahead.direction == "stable"
    assert find_trajectory(ahead, measure_slope(slow, None, CFG), None, CFG) == "sustained_riser"
    noise = path(0.07 + rng.normal(0, 0.004, 90), support=500)
    still = expect_change(noise, 0.07, (0.05, 0.055, 0.085, 0.09), CFG)
    assert find_trajectory(still, measure_slope(noise, None, CFG), None, CFG) == "flat"


def test_a_slope_is_measured_beside_the_season_with_its_error():
    days = np.arange(760)
    swing = 0.2 + 0.00005 * days + 0.05 * np.sin(2 * np.pi * days / 365.25)
    whole = path(swing)
    season = fit_season(whole, CFG)
    assert season is not None
    found = measure_slope(whole, season, CFG)
    assert found is not None
    assert found.week == pytest.approx(7 * 0.00005, rel=0.05)
    assert measure_slope(path([0.1] * 5), None, CFG) is None
    noisy = path(0.2 + np.random.default_rng(0).normal(0, 0.01, 200))
    assert not measure_slope(noisy, None, CFG).is_clear(0.0, CFG)


def test_windows_that_share_their_products_make_a_slope_less_sure():
    shares = 0.2 + np.random.default_rng(0).normal(0, 0.01, 80)
    alone, shared = (
        measure_slope(Path(path(shares).days, shares, 100, w), None, CFG) for w in (1, 7)
    )
    assert shared.week_error == pytest.approx(np.sqrt(7) * alone.week_error)


def test_the_season_is_unknown_until_it_can_be_told_from_a_trend_and_measured_after():
    days = np.arange(500)
    swing = 0.2 * (1 + 0.5 * np.sin(2 * np.pi * days / 365.25))
    assert fit_season(path(swing[:380]), CFG) is None
    season = fit_season(path(swing), CFG)
    assert season is not None
    assert season.index(START + timedelta(days=365 + 91)) == pytest.approx(1.5, abs=0.05)
    assert season.index(START + timedelta(days=365)) == pytest.approx(1.0, abs=0.05)
    assert fit_season(path(np.full(500, np.nan)), CFG) is None


def test_the_history_that_is_read_unless_told_otherwise_shows_season_last_year_and_a_classic():
    days = LoopConfig().history_days
    still = path(0.4 + np.random.default_rng(0).normal(0, 0.002, days))
    gaps = still.shares.copy()
    gaps[:15], gaps[-15:-5] = np.nan, np.nan
    for whole in (still, path(gaps)):
        assert fit_season(whole, CFG) is not None
        assert whole.before(365) is not None
    here = expected(0.4, 0.4, shares=still.shares)
    assert find_stage(here, still, np.array([0.1, 0.1, 0.4]), 0, None, CFG) == "classic"


@pytest.mark.parametrize(
    ("days", "read", "caveat"),
    [
        (200, 430, "less than one year of history"),
        (200, None, "less than one year of history"),
        (370, 430, "370 days of history, 400 are needed"),
        (370, 370, "370 days of history, 400 are needed and loop.history_days reads at most 370"),
        (120, 120, "120 days of history, 400 are needed and loop.history_days reads at most 120"),
    ],
    ids=["young", "young, setting unknown", "nearly", "cut off", "cut off early"],
)
def test_a_season_that_is_unknown_for_want_of_a_setting_names_it(days, read, caveat):
    assert (
        explain_no_season(path([0.2] * days), read, CFG) == f"{caveat}: seasonality not separable"
    )


def test_the_platform_that_moves_first_is_found_with_its_lead():
    rng, t = np.random.default_rng(0), np.arange(100)

    def curve(lag):
        return 0.1 + 0.3 / (1 + np.exp(-(t - 45 - lag) / 6)) + rng.normal(0, 0.002, 100)

    leader = find_leader({"late": curve(9), "first": curve(0), "later": curve(9)}, CFG)
    assert leader is not None
    assert leader[0] == "first"
    assert leader[1] == pytest.approx(9, abs=2)


@pytest.mark.parametrize("kind", ["one platform", "together", "noise", "short", "flat"])
def test_no_leader_is_named_without_a_clear_lead(kind):
    rng, t = np.random.default_rng(1), np.arange(100)
    curve = 0.1 + 0.3 / (1 + np.exp(-(t - 45) / 6))
    paths = {
        "one platform": {"a": curve},
        "together": {"a": curve, "b": curve},
        "noise": {"a": rng.normal(0.2, 0.01, 100), "b": rng.normal(0.2, 0.01, 100)},
        "short": {"a": curve[:20], "b": curve[:20]},
        "flat": {"a": np.full(100, 0.2), "b": np.full(100, 0.2)},
    }
    assert find_leader(paths[kind], CFG) is None


def share_rows(days=60, support=400, gaps=(), thin=()):
    rows = []
    for platform in ("*", "a", "b"):
        for t in range(days):
            up = 0.10 + 0.0025 * t
            for attribute, shares in (
                ("collar", {"v_neck": up, "polo": 0.75 - up, "hood": 0.25}),
                ("colour", {"red": 0.6, "blue": 0.4}),
            ):
                for value, share in shares.items():
                    bad = (platform, t) in gaps
                    rows.append(
                        {
                            "platform": platform, "attribute": attribute, "value": value,
                            "day": START + timedelta(days=t), "window_days": 7, "basis": "live",
                            "support": 50 if (platform, attribute) in thin else support, "share_raw": share,
                            "share": None if bad else share, "low": share, "high": share, "withheld": bad,
                        }
                    )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schemas.SHARE)


def forecast_rows(shares, change=0.035, half=0.01):
    last = max(shares["day"].to_pylist())
    rows = []
    for row in shares.to_pylist():
        if row["day"] != last or row["share"] is None:
            continue
        move = {"v_neck": change, "polo": -change}.get(row["value"], 0.0)
        for horizon in (1, 14):
            share = row["share"] + move * horizon / 14
            rows.append(
                {
                    "platform": row["platform"], "attribute": row["attribute"], "value": row["value"],
                    "as_of": last, "day": last + timedelta(days=horizon), "horizon": horizon, "share": share,
                    "q025": share - 1.5 * half, "q10": share - half, "q90": share + half, "q975": share + 1.5 * half,
                }
            )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schemas.FORECAST)


@pytest.fixture
def evidence():
    rng = np.random.default_rng(0)
    collar = rng.choice(["v_neck", "polo", "hood"], 300)
    colour = np.where((collar == "polo") | (rng.random(300) < 0.2), "red", "blue").astype(object)
    colour[:5] = None
    products = pd.DataFrame(
        {
            "platform": rng.choice(["a", "b"], 300), "product_id": [f"p{i:03d}" for i in range(300)],
            "picture_id": [f"pic{i}" for i in range(300)], "url": "https://shop.example/p", "price": 49.99,
            "currency": "EUR", "first_seen": date(2026, 2, 20), "box": [np.array([0.1, 0.1, 0.9, 0.9])] * 300,
            "collar": collar, "collar_confidence": rng.random(300), "colour": colour, "colour_confidence": 0.9,
        }
    )  # fmt: skip
    pairs = [
        PairReport(p, a, normalised_perplexity=1.01, baselines={"persistence": 1.02})
        for p in ("*", "a", "b")
        for a in ("collar", "colour")
    ]
    return keywords.Evidence(
        products, TrendReport(pairs=tuple(pairs)), {"run_id": "run-1", "model_digest": "d"}
    )


@pytest.fixture
def selection(tax, evidence):
    shares = share_rows()
    return keywords.select_keywords(shares, forecast_rows(shares), evidence, tax, CFG)


def find(selection, platform, value):
    return next(
        r for r in selection.keywords if (r["platform"], r["keyword"]["value"]) == (platform, value)
    )


def test_a_keyword_has_exactly_the_documented_keys(selection):
    assert all(list(r) == RECORD_KEYS for r in selection.keywords)
    record = find(selection, "*", "v_neck")
    assert list(record["growth"]) == [
        "points",
        "relative",
        "wow",
        "mom",
        "yoy",
        "deseasonalised_points",
        "slope_week",
        "slope_week_se",
    ]
    assert list(record["confidence"]) == [
        "p_direction", "least_change", "support_n", "days_observed",
        "backtest_skill_vs_persistence", "platform_agreement", "grade",
    ]  # fmt: skip
    assert list(record["evidence"]) == [
        "samples", "series_uri", "run_id", "model_digest", "taxonomy_version", "label_set_digest",
        "data_days_used", "days_withheld",
    ]  # fmt: skip


def test_the_setting_that_keeps_the_history_short_stands_among_the_caveats(tax, evidence):
    shares = share_rows()
    known = replace(evidence, history_days=60)
    found = keywords.select_keywords(shares, forecast_rows(shares), known, tax, CFG)
    caveat = find(found, "*", "v_neck")["caveats"][0]
    assert "400 are needed and loop.history_days reads at most 60" in caveat


def test_a_rising_value_is_called_rising_with_its_numbers(selection):
    record = find(selection, "*", "v_neck")
    assert record["id"] == "2026-03-01|all|collar.v_neck|14d|pooled"
    assert (record["direction"], record["stage"], record["trajectory"]) == (
        "rising",
        "rising",
        "sustained_riser",
    )
    assert record["target_date"] == "2026-03-15"
    assert record["platforms"] == {"rising": ["a", "b"], "stable": [], "falling": []}
    assert record["growth"]["points"] == pytest.approx(0.035)
    assert record["growth"]["wow"] == pytest.approx(0.0175)
    assert record["growth"]["mom"] == pytest.approx(0.07)
    assert record["growth"]["yoy"] is None
    assert record["confidence"]["backtest_skill_vs_persistence"] == pytest.approx(0.4975, abs=1e-3)
    assert record["confidence"]["grade"] == "A"
    assert record["growth"]["deseasonalised_points"] is None
    assert record["growth"]["slope_week"] == pytest.approx(0.0175, abs=1e-4)
    assert record["seasonal_index"] is None
    assert record["caveats"] == ["less than one year of history: seasonality not separable"]
    assert record["rank"] in (1, 2)
    assert find(selection, "*", "polo")["direction"] == "falling"


def test_a_value_that_does_not_move_is_listed_as_stable_after_those_that_do(selection):
    pooled = [r for r in selection.keywords if r["platform"] == "*"]
    assert [r["rank"] for r in pooled] == [1, 2, 3, 4, 5]
    assert [r["direction"] == "stable" for r in pooled] == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("rows", "key", "reason"),
    [
        ({"thin": {("a", "colour")}}, ("a", "colour"), "support 50 < 100 products"),
        ({"gaps": {("a", t) for t in range(59)}}, ("a", "colour"), "1 < 28 usable days"),
        ({"gaps": {("a", 59)}}, ("a", "collar"), "2026-03-01 is withheld by data health"),
        ({"gaps": {("a", t) for t in range(60)}}, ("a", "collar"), "no forecast"),
    ],
    ids=["few products", "few days", "last day withheld", "no forecast"],
)
def test_what_is_not_known_well_enough_is_listed_with_its_reasons(tax, evidence, rows, key, reason):
    shares = share_rows(**rows)
    found = keywords.select_keywords(shares, forecast_rows(shares), evidence, tax, CFG)
    aside = [
        r for r in found.not_enough_evidence if (r["platform"], r["keyword"]["attribute"]) == key
    ]
    assert aside
    assert all(reason in r["reasons"] for r in aside)
    assert not [r for r in found.keywords if (r["platform"], r["keyword"]["attribute"]) == key]
    assert len(found.keywords) + len(found.not_enough_evidence) == 15


def test_withheld_days_are_counted_and_told(tax, evidence):
    shares = share_rows(gaps={("a", 20), ("a", 21)})
    found = keywords.select_keywords(shares, forecast_rows(shares), evidence, tax, CFG)
    record = find(found, "a", "v_neck")
    assert (record["evidence"]["days_withheld"], record["evidence"]["data_days_used"]) == (2, 58)
    assert "2 days withheld or not measured" in record["caveats"]


def test_tiny_bases_do_not_win_by_relative_growth(tax, evidence):
    shares = share_rows()
    frame = forecast_rows(shares).to_pandas()
    small = frame["value"] == "hood"
    for column in ("share", "q025", "q10", "q90", "q975"):
        frame.loc[small, column] += 0.02 * (frame.loc[small, "horizon"] == 14)
    forecasts = pa.Table.from_pandas(frame, schema=schemas.FORECAST, preserve_index=False)
    found = keywords.select_keywords(shares, forecasts, evidence, tax, CFG)
    assert find(found, "*", "v_neck")["score"] > find(found, "*", "hood")["score"]


def test_samples_are_the_surest_products_of_the_platform(evidence):
    samples = pick_samples(evidence.products, "a", "collar", "polo", 4)
    assert len(samples) == 4
    assert {s["platform"] for s in samples} == {"a"}
    confidences = [s["confidence"] for s in samples]
    assert confidences == sorted(confidences, reverse=True)
    assert samples[0]["box"] == [0.1, 0.1, 0.9, 0.9]
    assert samples[0]["first_seen"] == "2026-02-20"
    assert samples[0]["picture_id"].startswith("pic")
    assert pick_samples(evidence.products, "*", "absent", "x", 4) == []


def test_values_that_go_together_are_listed_with_support_and_lift(evidence, tax):
    found = find_combinations(evidence.products, tax, CFG)
    assert found[0]["values"] in (
        ["collar.polo", "colour.red"],
        ["collar.v_neck", "colour.blue"],
        ["collar.hood", "colour.blue"],
    )
    assert ["collar.polo", "colour.red"] in [c["values"] for c in found]
    assert all(c["lift"] >= 1.2 and c["support_n"] >= 30 for c in found)
    assert find_combinations(evidence.products.head(0), tax, CFG) == []


def test_json_csv_arrow_and_markdown_tell_the_same_keywords(selection):
    data = json.loads(keywords.to_json(selection))
    rows = list(csv.DictReader(io.StringIO(keywords.to_csv(selection))))
    table = keywords.to_table(selection)
    ids = [r["id"] for r in selection.keywords]
    assert (
        [r["id"] for r in data["keywords"]]
        == [r["id"] for r in rows]
        == table["id"].to_pylist()
        == ids
    )
    assert rows[0]["platforms_rising"] in ("a b", "")
    assert table.schema == schemas.KEYWORD
    page = keywords.to_markdown(selection).replace("\u202f", " ")
    assert (
        "↗ collar: V_Neck 中v_neck rising on 2 of 2 platforms – share 24.8 % → 28.2 % in 14 days (+3.5 pts"
        in page
    )
    assert (
        "中v_neck：上升（2/2 个平台单独明确），占比 24.8 % → 28.2 %（14 天，+3.5 个百分点" in page
    )
    assert "### Stable 平稳" in page


def test_a_line_tells_where_and_how_sure_in_both_languages(selection):
    line = find(selection, "a", "polo")["line"]
    assert "falling on a – share" in line["en"]
    assert "（a）" in line["zh"]
    assert "持续下降" in line["zh"]


def test_an_empty_selection_can_be_written():
    empty = keywords.Selection(START, 14, (), (), ())
    assert keywords.to_csv(empty).splitlines()[0].split(",") == schemas.KEYWORD.names
    assert keywords.to_table(empty).schema == schemas.KEYWORD
    assert keywords.to_table(empty).num_rows == 0
    assert "Nothing moves beyond the noise" in keywords.to_markdown(empty)
    assert json.loads(keywords.to_json(empty))["keywords"] == []


def test_a_platform_without_enough_evidence_is_not_asked_for_its_direction(tax, evidence):
    shares = share_rows(thin={("a", "collar"), ("b", "collar")})
    found = keywords.select_keywords(shares, forecast_rows(shares), evidence, tax, CFG)
    record = find(found, "*", "v_neck")
    assert record["platforms"] == {"rising": [], "stable": [], "falling": []}
    assert record["confidence"]["platform_agreement"] is None
    assert record["confidence"]["grade"] == "B"
    assert "no single platform has enough evidence alone" in record["caveats"]


def test_samples_of_one_certainty_come_newest_first(evidence):
    products = evidence.products.assign(collar_confidence=0.9, first_seen=date(2026, 1, 1))
    products.loc[7, ["collar", "first_seen"]] = ["polo", date(2026, 2, 27)]
    assert pick_samples(products, "*", "collar", "polo", 2)[0]["first_seen"] == "2026-02-27"


def test_a_lift_that_chance_explains_is_left_out():
    """1.25 among 40 expected 32: counted once in five worlds without any bond."""
    tax = taxonomy.Taxonomy.model_validate(
        {"version": "1", "attributes": [
            {"id": a, "en": a, "zh": a, "values": [{"id": v, "en": v, "zh": v} for v in ("x", "y")]}
            for a in ("one", "two")
        ]}
    )  # fmt: skip
    rows = [("x", "x")] * 15 + [("x", "y")] * 15 + [("y", "x")] * 9 + [("y", "y")] * 21
    frame = pd.DataFrame(rows, columns=["one", "two"])
    few = find_combinations(frame, tax, KeywordsConfig(min_pair_support=10))
    many = find_combinations(pd.concat([frame] * 20), tax, KeywordsConfig(min_pair_support=10))
    assert ["one.x", "two.x"] not in [c["values"] for c in few if c["lift_low"] <= 1]
    assert all(1 < c["lift_low"] <= c["lift"] for c in [*few, *many])
    assert ["one.x", "two.x"] in [c["values"] for c in many]


@pytest.mark.parametrize(
    ("products", "called"), [(400, "stable"), (2000, "stable"), (40_000, "rising")]
)
def test_even_a_perfect_forecast_of_a_slow_rise_needs_products_to_be_called(products, called):
    """0.8 points in 14 days from 10.6 %: what is too small to be seen in so few products is stable."""
    half = 1.2816 * np.sqrt(0.114 * 0.886 / products)
    found = expected(0.106, 0.114, half, products)
    assert found.direction == called
