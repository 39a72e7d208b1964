"""`fashiontrend forecast` and `backtest` as a person types them."""

import json

import numpy as np
import pandas as pd
import pytest

from fashiontrend import cli


@pytest.fixture
def type_in(capsys, monkeypatch):
    """type_in(arguments) -> (exit code, stdout, stderr); fits in a blink."""
    for name, value in {
        "MEMBERS": "[{context_length: 8, epochs: 1}]",
        "HIDDEN_SIZE": "4",
        "STEPS_PER_EPOCH": "2",
    }.items():
        monkeypatch.setenv(f"FASHIONTREND__FORECASTER__UNIVARIATE__{name}", value)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main([str(w) for w in arguments])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, " ".join(err.split())

    return run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "shares.csv"
    dates = pd.date_range("2018-01-01", periods=40, freq="MS")
    rng = np.random.default_rng(0)
    pd.DataFrame({"date": dates, "a": rng.random(40) + 1, "b": rng.random(40)}).to_csv(
        path, index=False
    )
    return path


def test_a_forecast_is_written_and_the_same_seed_writes_it_again(type_in, file, tmp_path):
    arguments = ("forecast", "--series", file, "--horizon", 5, "--seed", 3, "--out")
    for name in ("one.csv", "two.csv"):
        assert type_in(*arguments, tmp_path / name)[0] == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    rows = pd.read_csv(tmp_path / "one.csv")
    assert list(rows.columns) == ["series", "date", "value", "q10", "q90"]
    assert len(rows) == 10
    assert rows["date"].iloc[0] == "2021-05-01"


def test_a_kept_model_forecasts_without_fitting(type_in, file, tmp_path):
    arguments = ("forecast", "--series", file, "--horizon", 5)
    type_in(*arguments, "--out", tmp_path / "one.csv", "--save", tmp_path / "model")
    code, _, err = type_in(
        *arguments, "--out", tmp_path / "two.parquet", "--model", tmp_path / "model"
    )
    assert (code, "fit " in err) == (0, False)
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "one.csv"), pd.read_parquet(tmp_path / "two.parquet")
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--series", "gone.csv"), 30, "gone.csv"),
        (("--series", "shares.pdf"), 30, "expected a file that ends with .csv"),
        (("--model", "nowhere"), 30, "--model nowhere"),
        (("--model", "nowhere", "--season", 3), 30, "belong to fitting"),
        (("--model", "nowhere", "--workers", 2), 30, "belong to fitting"),
    ],
)
def test_what_is_wrong_with_a_call_is_reported(type_in, file, tmp_path, arguments, code, message):
    base = ("forecast", "--series", file, "--horizon", 5, "--out", tmp_path / "f.csv")
    seen = type_in(*base, *arguments)
    assert seen[0] == code
    assert message in seen[2]


def test_a_bad_table_writes_nothing(type_in, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("series,date,value\na,2020-01-01,1\na,2020-01-01,2\n")
    code, _, err = type_in(
        "forecast", "--series", path, "--horizon", 5, "--out", tmp_path / "f.csv"
    )
    assert code == 1
    assert "series 'a' has 2 values for 2020-01-01" in err
    assert not (tmp_path / "f.csv").exists()


def test_a_name_that_stands_twice_in_a_csv_file_is_reported(type_in, tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text("date,a,a\n2020-01-01,1,2\n2020-02-01,1,2\n")
    arguments = ("forecast", "--series", path, "--horizon", 5, "--out", tmp_path / "f.csv")
    code, _, err = type_in(*arguments)
    assert code == 1
    assert "column 'a' stands twice" in err


def test_a_backtest_prints_tables_and_writes_json_and_a_picture(type_in, file, tmp_path):
    code, out, _ = type_in(
        "backtest", "--series", file, "--horizon", 4, "--origins", 2, "--out", tmp_path / "b"
    )
    assert code == 0
    assert "seasonal_naive" in out
    assert len(json.loads((tmp_path / "b" / "backtest.json").read_text())["origins"]) == 2
    assert (tmp_path / "b" / "backtest.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("origin", "message"), [("2031-01-01", "not a date of the table"), ("soon", "not a date")]
)
def test_an_origin_outside_the_table_is_reported(type_in, file, origin, message):
    code, _, err = type_in("backtest", "--series", file, "--horizon", 4, "--origin", origin)
    assert code == 30
    assert message in err
