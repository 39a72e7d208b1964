"""The command as a person types it: what it prints, and the exit code it ends with."""

import json
import socket
from datetime import date
from pathlib import Path

import pytest
import yaml

from fashiontrend import cli
from fashiontrend.config import StoreConfig
from fashiontrend.loop import Step
from fashiontrend.outcomes import TrainAttrnetFacts, Verdict
from fashiontrend.storage import ledger, releases
from fashiontrend.storage.object_store import open_store


@pytest.fixture
def type_in(capsys):
    """type_in(arguments) -> (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(list(arguments))
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, " ".join(err.split())

    return run


@pytest.fixture
def config(tmp_path) -> str:
    file = tmp_path / "my.yaml"
    file.write_text(yaml.safe_dump({"store": {"url": str(tmp_path / "store")}}))
    return str(file)


def test_every_stage_has_a_sub_command(type_in):
    code, out, _ = type_in("--help")
    assert code == 0
    assert all(str(step) in out for step in Step)


def test_init_writes_a_configuration_that_is_valid_and_never_overwrites(type_in, tmp_path):
    path = str(tmp_path / "new.yaml")
    assert type_in("init", path)[0] == 0
    code, out, _ = type_in("config", "show", "--config", path)
    assert code == 0
    assert yaml.safe_load(out)["crawl"]["platforms"][0]["name"] == "my-shop"
    code, _, err = type_in("init", path)
    assert code == 30
    assert "exists" in err


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("attrnet: {epochz: 3}", ["attrnet.epochz", "epochs"], id="misspelt key"),
        pytest.param("attrnet: {epochs: many}", ["attrnet.epochs", "many"], id="wrong type"),
        pytest.param("a: [", ["not valid YAML"], id="not YAML"),
    ],
)
def test_a_wrong_configuration_is_reported_with_its_path_and_ends_with_30(
    type_in, tmp_path, text, parts
):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    code, _, err = type_in("config", "show", "--config", str(file))
    assert code == 30
    assert all(part in err for part in parts)


def test_a_run_without_shops_is_a_configuration_error(type_in, config):
    code, _, err = type_in("status", "--config", config)
    assert code == 30
    assert "no run" in err


def test_a_store_that_cannot_be_written_ends_with_40(type_in, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    file = tmp_path / "my.yaml"
    file.write_text(yaml.safe_dump({"store": {"url": str(tmp_path / "file" / "x")}}))
    code, _, err = type_in("doctor", "--config", str(file))
    assert code in (30, 40)
    assert "store" in err


def test_the_schema_is_json_and_describes_every_branch(type_in):
    code, out, _ = type_in("config", "schema")
    assert code == 0
    assert {"store", "crawl", "attrnet", "forecaster"} <= set(json.loads(out)["properties"])


def test_the_shipped_taxonomy_is_shown_in_both_languages(type_in):
    code, out, _ = type_in("taxonomy", "show")
    assert code == 0
    assert "v_neck" in out
    assert "V领" in out


def test_a_wrong_taxonomy_is_reported_with_its_line(type_in, tmp_path):
    file = tmp_path / "t.yaml"
    file.write_text(
        "version: '1'\nattributes:\n  - id: colour\n    en: C\n    zh: 颜色\n    valuez: []\n"
    )
    code, _, err = type_in("taxonomy", "validate", str(file))
    assert code == 30
    assert ":6:" in err
    assert "'values'" in err


def test_status_prints_the_steps_of_a_run_and_releases_can_be_rolled_back(
    type_in, config, tmp_path
):
    store = open_store(StoreConfig(url=str(tmp_path / "store")))
    run = ledger.start(
        store,
        ledger.Run(
            "2026-11-23-x", date(2026, 11, 23), "2026-11-23T06:00:00", {}, "0.1.0", "1", "d", None
        ),
    )
    closed = Verdict(reasons=("too few",))
    ledger.record(
        store,
        run,
        ledger.Entry(Step.TRAIN_ATTRNET, 1, 1, "", 2.0, "models/x", TrainAttrnetFacts(), closed),
    )
    code, out, _ = type_in("status", "--config", config)
    assert code == 0
    assert "closed" in out
    opened = Verdict(passed=True)
    for name in ("r1", "r2"):
        releases.publish(
            store,
            releases.Release(name, "2026-11-23", "run", "a", "f", "d", "1", "t", opened, opened),
        )
    assert "* r2" in type_in("releases", "list", "--config", config)[1]
    assert type_in("releases", "rollback", "r1", "--config", config)[0] == 0
    assert "* r1" in type_in("releases", "list", "--config", config)[1]
    assert type_in("releases", "rollback", "r9", "--config", config)[0] == 1


@pytest.mark.parametrize("flag", [[], ["--dry-run"]], ids=["submit", "dry run"])
def test_submit_without_a_template_ends_with_30_and_says_how_to_find_one(
    type_in, config, monkeypatch, flag
):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    code, _, err = type_in("submit", "crawl", "--config", config, *flag)
    assert code == 30
    assert "cluster.template" in err
    assert "kubectl --namespace fashiontrend get configmap" in err


def test_recognise_says_that_a_model_needs_images_and_images_need_a_model(type_in, tmp_path):
    code, _, err = type_in("recognise", "--model", str(tmp_path))
    assert (code, "--model needs --images" in err) == (30, True)
    code, _, err = type_in("recognise", "--images", str(tmp_path))
    assert (code, "--images needs --model" in err) == (30, True)
    both = ("--model", str(tmp_path), "--server", "http://127.0.0.1:9")
    code, _, err = type_in("recognise", "--images", str(tmp_path), *both)
    assert (code, "not both" in err) == (30, True)


def test_the_panels_of_the_help_stand_in_the_order_of_the_work(type_in):
    _, out, _ = type_in("--help")
    places = [out.index(panel) for panel in cli.PANELS]
    assert places == sorted(places)


def test_a_misspelt_command_gets_the_nearest_name(type_in):
    code, _, err = type_in("crawll")
    assert code == 2
    assert "crawl" in err


@pytest.mark.parametrize("port", ["99999", "-1"])
@pytest.mark.parametrize("command", ["serve", "exporter"])
def test_a_number_that_is_no_port_ends_with_30(type_in, config, command, port):
    code, _, err = type_in(command, "--config", config, "--port", port)
    assert code == 30
    assert err.startswith(f"✘ ConfigError: --port {port}: ")
    assert "65535" in err


def test_an_exporter_on_a_taken_port_ends_with_30_and_says_what_to_do(type_in, config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ("exporter", "--config", config, "--address", "127.0.0.1", "--port", port)
        code, _, err = type_in(*arguments)
    assert code == 30
    assert f"127.0.0.1:{port}" in err
    assert "--port" in err
    assert type_in("exporter", "--config", config, "--address", "no such", "--port", "0")[0] == 30


@pytest.mark.parametrize("name", ["my laptop", "", "a" * 65, "é"])
def test_a_token_for_a_name_that_no_log_takes_ends_with_30_and_the_form_of_names(type_in, name):
    code, out, err = type_in("token", name, "--scope", "read")
    assert (code, out) == (30, "")
    assert repr(name) in err
    assert "letters, digits" in err


def test_doctor_makes_single_checks(type_in, config):
    code, _, err = type_in("doctor", "--config", config, "--only", "taxonomy,store")
    assert code == 0
    assert "memory" not in err


def test_doctor_misses_the_weights_that_a_training_would_start_from(type_in, config, monkeypatch):
    monkeypatch.setenv("FASHIONTREND__ATTRNET__BACKBONE", "resnet18")
    monkeypatch.setenv("FASHIONTREND__ATTRNET__WEIGHTS", "/no/such.safetensors")
    code, _, err = type_in("doctor", "--config", config, "--only", "weights")
    assert code == 30
    assert all(word in err for word in ("attrnet.weights", "/no/such.safetensors", "volume"))


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        ({"kind": "shopify", "base_url": "shop.example"}, "https://shop.example"),
        ({"kind": "shopify", "base_url": "https://shop.example"}, "contact_url"),
        ({"kind": "replay", "enabled": False}, "at least one shop"),
    ],
    ids=["no scheme", "nobody to reach", "none enabled"],
)
def test_doctor_refuses_platforms_that_cannot_be_crawled(type_in, config, platform, message):
    tree = yaml.safe_load(Path(config).read_text("utf-8"))
    tree["crawl"] = {"platforms": [{"name": "a", **platform}]}
    Path(config).write_text(yaml.safe_dump(tree), "utf-8")
    code, _, err = type_in("doctor", "--config", config, "--only", "platforms")
    assert code == 30
    assert message in err


def test_doctor_knows_its_checks_by_name(type_in, config):
    code, _, err = type_in("doctor", "--config", config, "--only", "stor")
    assert code == 30
    assert "there are taxonomy, weights, platforms, store, ray" in err


def test_an_empty_store_has_no_labels_to_give_and_takes_none_in(type_in, config, tmp_path):
    out = tmp_path / "out"
    code, _, err = type_in("labels", "export", "--config", config, "--out", str(out), "--n", "5")
    assert (code, "no picture that waits for labels" in err) == (20, True)
    code, _, err = type_in("labels", "export", "--config", config, "--out", str(out))
    assert (code, "is not empty" in err) == (30, True)
    (tmp_path / "a.csv").write_text("picture_id,colour\nx,red\n")
    code, _, err = type_in(
        "labels", "import", str(tmp_path / "a.csv"), "--set", "a", "--config", config
    )
    assert code == 1
    assert "the catalogue does not hold: 1" in err
    code, told, _ = type_in("labels", "status", "--config", config)
    assert code == 0
    assert "attributes lack validation pictures" in told
    code, told, _ = type_in(
        "labels", "guide", "--config", config, "--out", str(tmp_path / "g.html")
    )
    assert code == 0
    assert "Neckline" in (tmp_path / "g.html").read_text("utf-8")


def test_an_export_stays_in_its_folder(tmp_path):
    from fashiontrend.commands.labels import into_folder
    from fashiontrend.errors import DataError

    write = into_folder(tmp_path / "out")
    write("pictures/a.jpg", b"1")
    for name in ("../b", "/etc/b", "pictures/../../b"):
        with pytest.raises(DataError, match="outside"):
            write(name, b"1")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
