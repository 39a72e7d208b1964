import re
from pathlib import Path

import pytest
import yaml

from fashiontrend import config
from fashiontrend.config import Config, PlatformConfig
from fashiontrend.errors import ConfigError


def test_without_file_and_environment_all_defaults_hold():
    assert config.load(environ={}) == Config()


def test_the_environment_lies_over_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("seed: 3\nattrnet: {epochs: 2, batch_size: 8}\n")
    read = config.load(str(path), {"FASHIONTREND__ATTRNET__EPOCHS": "9", "OTHER": "x"})
    assert (read.seed, read.attrnet.epochs, read.attrnet.batch_size) == (3, 9, 8)


def test_a_variable_names_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("seed: 5")
    assert config.load(environ={"FASHIONTREND_CONFIG": str(path)}).seed == 5


def test_a_configuration_in_the_working_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config.load(environ={}).seed == 0
    (tmp_path / "fashiontrend.yaml").write_text("seed: 6\n")
    assert config.load(environ={}).seed == 6
    other = tmp_path / "other.yaml"
    other.write_text("seed: 7\n")
    assert config.load(environ={"FASHIONTREND_CONFIG": str(other)}).seed == 7


@pytest.mark.parametrize(
    ("environ", "seen"),
    [
        ({"FASHIONTREND__ATTRIBUTES": "[colour, fit]"}, ("colour", "fit")),
        ({"FASHIONTREND__ATTRIBUTES": "[]"}, ()),
    ],
    ids=["list", "empty list"],
)
def test_variables_hold_yaml(environ, seen):
    assert config.load(environ=environ).attributes == seen


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param(
            {"FASHIONTREND__ATTRNET__EPOCS": "1"},
            r"environment: attrnet\.epocs: there is no such setting. Did you mean 'epochs'",
            id="misspelt leaf",
        ),
        pytest.param(
            {"FASHIONTREND__SEED": "2", "FASHIONTREND__SEED__X": "1"},
            "'seed' is a value, not a branch",
            id="a value is no branch",
        ),
        pytest.param({"FASHIONTREND__SEED": "-1"}, r"seed: .*\(seen: -1\)", id="out of range"),
        pytest.param({"FASHIONTREND__SEED": "[1"}, "FASHIONTREND__SEED", id="no YAML"),
    ],
)
def test_wrong_variables_are_configuration_errors(environ, message):
    with pytest.raises(ConfigError, match=message):
        config.load(environ=environ)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "crawl:\n  platforms:\n    - {name: a, kind: shopify}\n    - "
            "{name: B, kind: shopify}\n",
            r"c\.yaml:4: crawl\.platforms\.1\.name",
            id="platform name",
        ),
        pytest.param(
            "crawl:\n  platforms:\n    - {name: a, knd: shopify}\n",
            r"Did you mean 'kind'",
            id="nearest name in a list",
        ),
        pytest.param("- 1\n", "expected a mapping of settings, seen list", id="a list"),
        pytest.param("seed: 1\nseed: 2\n", r"c\.yaml:2: seed is repeated", id="twice"),
        pytest.param(
            "health: {min_image_success: 1.5}\n",
            r"c\.yaml:1: health\.min_image_success",
            id="no fraction",
        ),
        pytest.param(
            "ray: {train_workers: 2, min_train_workers: 3}\n",
            "min_train_workers is 3, train_workers only 2",
            id="more workers at least than at most",
        ),
    ],
)
def test_wrong_files_are_reported_with_their_line(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        config.load(str(path), {})


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("shop.example", id="no scheme"),
        pytest.param("", id="none"),
        pytest.param("ftp://shop.example", id="another scheme"),
        pytest.param("http:/shop.example", id="one slash"),
        pytest.param("https://", id="no host"),
        pytest.param("https://:8080", id="a port alone"),
        pytest.param("https://shop.example:eighty", id="no port"),
        pytest.param("https://shop .example", id="a space"),
        pytest.param(
            "https://shop.example/?country=de", id="a query, to which no path can be added"
        ),
    ],
)
def test_a_shop_needs_an_address_that_requests_can_be_sent_to(tmp_path, url):
    path = tmp_path / "c.yaml"
    path.write_text(
        "crawl:\n  platforms:\n    - name: a\n      kind: shopify\n"
        f"      base_url: {url!r}\n      enabled: false\n"
    )
    expected = rf"c\.yaml:5: crawl\.platforms\.0\.base_url: .*https://shop\.example.*seen: '{re.escape(url)}'"
    with pytest.raises(ConfigError, match=expected):
        config.load(str(path), {})


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("shopify", "https://shop.example"),
        ("shopify", "HTTP://127.0.0.1:8001/"),
        ("woocommerce", "http://shops/day/{day}"),
        ("schema_org", "https://{day}.archive.example/shop"),
        ("schema_org", "http://[::1]:8080"),
        ("replay", ""),
        ("replay", "catalogue"),
    ],
)
def test_addresses_of_shops_hosts_archives_and_none_for_a_replay_are_taken(kind, url):
    read = PlatformConfig.model_validate({"name": "a", "kind": kind, "base_url": url})
    assert read.base_url == url


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "seed: 1\ncluster:\n  image: x:1\n",
            r"c\.yaml:3: cluster\.image: this setting was removed\. .*Set image in its values",
            id="rendered by the chart",
        ),
        pytest.param(
            "cluster: {worker: {gpus: 1}}",
            r"cluster\.worker: this setting was removed\. .*batch\.cpuWorkers\.resources",
            id="a branch",
        ),
        pytest.param(
            "crawl: {max_image_bytes: 5}",
            r"crawl\.max_image_bytes: this setting was removed\. Use ingest\.max_image_bytes",
            id="one in place of two",
        ),
        pytest.param(
            "forecaster: {univariate: {curves: 6}}",
            r"forecaster\.univariate\.curves: this setting was removed\. .*fixed at 6",
            id="a constant",
        ),
    ],
)
def test_a_setting_that_was_removed_is_refused_with_what_to_do(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        config.load(str(path), {})


def test_a_removed_setting_in_the_environment_is_refused_with_what_to_do():
    with pytest.raises(ConfigError, match=r"ray\.first_row_timeout_s: this setting was removed"):
        config.load(environ={"FASHIONTREND__RAY__FIRST_ROW_TIMEOUT_S": "3"})


def test_no_setting_is_both_there_and_removed():
    for path in config.REMOVED:
        place: object = Config()
        *branches, leaf = path.split(".")
        for branch in branches:
            place = getattr(place, branch)
        assert not hasattr(place, leaf), path


def test_a_branch_of_an_earlier_version_is_read_without_what_was_removed():
    old = {"epochs": 3, "num_layers": 2, "univariate": {"curves": 6, "hidden_size": 4}}
    kept = config.drop_removed(old, "forecaster")
    assert kept == {"epochs": 3, "univariate": {"hidden_size": 4}}


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(ConfigError, match="fashiontrend init"):
        config.load(str(tmp_path / "none.yaml"), {})


def test_what_is_shown_can_be_read_again(tmp_path):
    shown = Config(seed=4, attributes=("colour",))
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(shown.model_dump(mode="json")))
    assert config.load(str(path), {}) == shown


def test_a_crawl_ends_well_before_its_job_is_stopped():
    chart = Path(__file__).parents[1] / "helm" / "fashiontrend" / "values.yaml"
    deadline_s = yaml.safe_load(chart.read_text("utf-8"))["batch"]["activeDeadlineSeconds"]
    assert Config().crawl.time_budget_s <= 0.7 * deadline_s


def test_the_digest_ignores_what_cannot_change_a_result():
    assert Config().digest == Config(ray=config.RayConfig(num_cpus=8)).digest
    assert Config().digest != Config(seed=1).digest
    assert config.digest({"a": 1, "b": 2}) == config.digest({"b": 2, "a": 1})


@pytest.mark.parametrize(
    ("name", "hint"), [("Asia/Tokio", "Asia/Tokyo"), ("+09:00", "Europe/Berlin")]
)
def test_an_unknown_time_zone_is_refused_with_a_hint(name, hint):
    from fashiontrend.config import PlatformConfig

    with pytest.raises(ValueError, match=hint):
        PlatformConfig(name="a", kind="replay", time_zone=name)
