"""A labelled set with scenes, fitted and judged from files in one process."""

import io
import json
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fashiontrend import checkpoint, cli, standalone
from fashiontrend.attrnet.inference.predict import Recogniser
from fashiontrend.attrnet.training import train
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.standalone import evaluate, fitting

COLOURS = {"Red": (210, 40, 40), "Blue": (40, 60, 210)}
CFG = AttrNetConfig(
    input_px=32, train_px=40, keep_aspect=True, background_masks=True, clutter=0.3,
    second_look=True, colour_channels=4, region_channels=16, embedding_dim=544,
    plain_share=0.5, plain_size=(32, 24), epochs=2, batch_size=8, ema_decay=0.5, words=4,
)  # fmt: skip


def encode(pixels) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG")
    return sink.getvalue()


def draw(colour, side, ground=255):
    pixels = np.full((side, side * 3 // 4, 3), ground, np.uint8)
    pixels[side // 4 : side // 2, side // 4 : side // 2] = COLOURS[colour]
    return encode(pixels)


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    colours = [list(COLOURS)[n] for n in rng.integers(0, 2, 60)]
    kinds = [("Shirt", "Shoe")[n] for n in rng.integers(0, 2, 60)]
    catalogue = pa.table(
        {
            "id": range(60),
            "split": ["val" if n % 4 == 0 else "train" for n in range(60)],
            "title": [f"Garment {n}" for n in range(60)],
            "year": [2012] * 60,
            "colour": colours,
            "kind": kinds,
            "image": [draw(c, 32) for c in colours],
        }
    )
    pq.write_table(catalogue, tmp_path / "set.parquet")
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    rows = ["id,source,width,height,x0,y0,x1,y1,colour,kind"]
    images = []
    for n in range(20):
        source = 4 * n % 60 + 1
        images.append(draw(colours[source], 40, 120))
        corners = ",,,,,," if n % 5 == 0 else f"10,10,20,20,{colours[source]},{kinds[source]}"
        rows.append(f"s{n},{'' if n % 5 == 0 else source},30,40,{corners}")
    (scenes / "scenes.csv").write_text(
        "\n".join(r[: r.rfind(",")] if ",,,,,," in r else r for r in rows)
    )
    pq.write_table(
        pa.table({"id": [f"s{n}" for n in range(20)], "image": images}), scenes / "s.parquet"
    )
    return tmp_path / "set.parquet", scenes


def test_sources_of_scenes_kept_apart_are_in_nothing_that_is_fitted_on(files):
    sets = standalone.read_sets([files[0]], files[1], hold_out=0.4, seed=1)
    apart = set(filter(None, sets.scenes["source"].to_pylist()))
    assert apart
    assert apart.isdisjoint(filter(None, sets.train["source"].to_pylist()))
    assert apart.isdisjoint(sets.train["picture_id"].to_pylist())
    again = standalone.read_sets([files[0]], files[1], hold_out=0.4, seed=1)
    assert again.scenes.equals(sets.scenes)


def test_rows_of_more_splits_are_fitted_on_where_they_are_named(tmp_path, files):
    table = pq.read_table(files[0])
    told = ["extra" if n % 4 == 1 else s for n, s in enumerate(table["split"].to_pylist())]
    place = table.column_names.index("split")
    pq.write_table(table.set_column(place, "split", pa.array(told)), tmp_path / "more.parquet")
    few = standalone.read_sets([tmp_path / "more.parquet"], None)
    many = standalone.read_sets([tmp_path / "more.parquet"], None, splits=("train", "extra"))
    assert (few.train.num_rows, many.train.num_rows) == (30, 45)
    assert many.val.equals(few.val)
    with pytest.raises(DataError, match="expected 'train', 'extra' and 'val'"):
        standalone.read_sets([files[0]], None, splits=("train", "extra"))
    with pytest.raises(DataError, match="cannot be fitted on"):
        standalone.read_sets([files[0]], None, splits=("val",))


def test_a_scene_without_corners_is_known_to_be_empty(files):
    sets = standalone.read_sets([files[0]], files[1], hold_out=0.0)
    boxes = dict(
        zip(sets.train["picture_id"].to_pylist(), sets.train["box"].to_pylist(), strict=True)
    )
    assert boxes["s0"] == [0, 0, 0, 0]
    assert boxes["s1"] == pytest.approx([10 / 30, 10 / 40, 20 / 30, 20 / 40])
    assert boxes["1"] is None


def resplit(file, change, target):
    """The set with other names of splits: row number, split -> split."""
    table = pq.read_table(file)
    told = [change(n, s) for n, s in enumerate(table["split"].to_pylist())]
    place = table.column_names.index("split")
    pq.write_table(table.set_column(place, "split", pa.array(told)), target)
    return target


@pytest.mark.parametrize("name", ["val", "test", "extra"])
def test_scenes_of_rows_that_are_not_fitted_on_are_not_fitted_on_either(
    files, tmp_path, name, capsys
):
    sources = {5, 9}  # of s1 and s16, s2 and s17
    file = resplit(files[0], lambda n, s: name if n in sources else s, tmp_path / "other.parquet")
    sets = standalone.read_sets([file], files[1], hold_out=0.0)
    whole = standalone.read_sets([files[0]], files[1], hold_out=0.0)
    assert "4 scenes left out" in capsys.readouterr().err
    fitted, before = (set(t.train["picture_id"].to_pylist()) for t in (sets, whole))
    assert before - fitted == {"5", "9", "s1", "s2", "s16", "s17"}
    if name == "extra":
        more = standalone.read_sets([file], files[1], hold_out=0.0, splits=("train", "extra"))
        assert more.train.num_rows == whole.train.num_rows


def test_an_id_that_stands_both_in_val_and_among_what_is_fitted_on_is_refused(files, tmp_path):
    table = pq.read_table(files[0])
    twice = pa.concat_tables([table, table.slice(1, 1).set_column(1, "split", pa.array(["val"]))])
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(DataError, match=r"1 ids stand both in split 'val' and in 'train'.*\b1\b"):
        standalone.read_sets([tmp_path / "twice.parquet"], None)


def boxed(files, target, **columns):
    """The labelled set with more columns."""
    table = pq.read_table(files[0])
    for name, cells in columns.items():
        table = table.append_column(name, pa.array(cells))
    pq.write_table(table, target)
    return target


def boxes_of(table):
    return dict(zip(table["picture_id"].to_pylist(), table["box"].to_pylist(), strict=True))


def test_a_box_may_begin_at_the_rim_and_a_row_without_one_is_looked_for(files, tmp_path):
    corners = {"x0": [0.0] * 30, "y0": [8.0] * 30, "x1": [12.0] * 30, "y1": [16.0] * 30}
    sizes = {"width": [24] * 60, "height": [32] * 60}
    partly = {k: c + [None] * 30 for k, c in corners.items()}
    file = boxed(files, tmp_path / "boxed.parquet", **partly, **sizes)
    boxes = boxes_of(standalone.read_sets([file], None).train)
    assert boxes["1"] == [0, 0.25, 0.5, 0.5]
    assert boxes["31"] is None


def test_without_a_stated_size_boxes_are_parts_of_the_pictures_own(files, tmp_path):
    corners = {"x0": [6.0] * 60, "y0": [8.0] * 60, "x1": [12.0] * 60, "y1": [16.0] * 60}
    file = boxed(files, tmp_path / "boxed.parquet", **corners)
    assert boxes_of(standalone.read_sets([file], None).train)["1"] == [0.25, 0.25, 0.5, 0.5]
    told = {"width": [None] * 30 + [48] * 30, "height": [None] * 30 + [64] * 30}
    file = boxed(files, tmp_path / "partly.parquet", **corners, **told)
    boxes = boxes_of(standalone.read_sets([file], None).train)
    assert boxes["1"] == [0.25, 0.25, 0.5, 0.5]
    assert boxes["31"] == [0.125, 0.125, 0.25, 0.25]


def rewrite(scenes, change):
    file = scenes / "scenes.csv"
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    change(frame).to_csv(file, index=False)


def test_scenes_without_a_stated_size_keep_their_boxes(files):
    stated = standalone.read_sets([files[0]], files[1])
    rewrite(files[1], lambda f: f.drop(columns=["width", "height"]))
    measured = standalone.read_sets([files[0]], files[1])
    assert measured.train["box"].equals(stated.train["box"])
    assert measured.scenes["box"].equals(stated.scenes["box"])


def test_scenes_of_a_table_without_corners_are_refused(files):
    rewrite(files[1], lambda f: f.drop(columns=["x1"]))
    with pytest.raises(DataError, match=r"scenes: columns x0, y0, x1, y1 are needed, seen id, so"):
        standalone.read_sets([files[0]], files[1])


@pytest.mark.parametrize("cells", [("10", ""), ("20", "10"), ("50", "60")])
def test_a_scene_with_corners_that_make_no_box_is_named(files, cells):
    def spoil(frame):
        frame.loc[frame["id"] == "s3", ["x0", "x1"]] = cells
        return frame

    rewrite(files[1], spoil)
    with pytest.raises(DataError, match=r"scene s3: corners .* make no box"):
        standalone.read_sets([files[0]], files[1])


def test_a_scene_is_vacant_for_its_missing_box_and_not_for_its_missing_source(files):
    def forget(frame):
        frame.loc[frame["id"] == "s1", "source"] = ""
        frame.loc[frame["id"] == "s0", ["x0", "y0", "x1", "y1"]] = "0"
        return frame

    rewrite(files[1], forget)
    for seed in range(8):
        sets = standalone.read_sets([files[0]], files[1], hold_out=0.0, seed=seed)
        assert "s1" not in sets.vacant["picture_id"].to_pylist()
        assert boxes_of(pa.concat_tables([sets.train, sets.vacant]))["s0"] == [0, 0, 0, 0]


@pytest.mark.parametrize("shop", ["Shop A", 5], ids=["a name", "a number that is an id too"])
def test_a_labelled_sets_own_column_source_says_nothing_of_scenes(files, tmp_path, shop):
    file = boxed(files, tmp_path / "shops.parquet", source=[shop] * 60)
    sets, plain = (standalone.read_sets([f], files[1], hold_out=0.4) for f in (file, files[0]))
    assert sets.train.equals(plain.train)
    assert sets.val["source"].equals(sets.val["picture_id"])


def test_scenes_without_a_column_source_are_scenes_of_no_known_picture(files):
    rewrite(files[1], lambda f: f.drop(columns="source"))
    sets = standalone.read_sets([files[0]], files[1], hold_out=0.4)
    assert sets.scenes.num_rows == 8
    assert set(sets.scenes["source"].to_pylist()) == {None}
    assert sets.vacant.num_rows


def test_a_third_of_the_empty_scenes_is_kept_for_the_threshold(files):
    sets = standalone.read_sets([files[0]], files[1], hold_out=0.0)
    empty = {f"s{n}" for n in (0, 5, 10, 15)}
    apart, fitted = (set(t["picture_id"].to_pylist()) for t in (sets.vacant, sets.train))
    assert len(apart) == 1
    assert apart | (fitted & empty) == empty
    assert not apart & fitted
    again = standalone.read_sets([files[0]], files[1], hold_out=0.4)
    assert not set(again.vacant["picture_id"].to_pylist()) & set(
        again.scenes["picture_id"].to_pylist()
    )
    assert standalone.read_sets([files[0]], None).vacant.num_rows == 0


def test_a_scene_is_told_of_in_its_sources_words(files):
    sets = standalone.read_sets([files[0]], files[1], hold_out=0.0)
    texts = dict(
        zip(sets.train["picture_id"].to_pylist(), sets.train["text"].to_pylist(), strict=True)
    )
    assert texts["5"] == "Garment 5 2012"
    assert texts["s1"] == "Garment 5 2012"
    assert texts["s0"] == ""


@pytest.mark.slow
def test_a_set_is_fitted_judged_and_recognised(files, tmp_path):
    sets = standalone.read_sets([files[0]], files[1], hold_out=0.4)
    out = tmp_path / "model"
    card = standalone.fit(sets, CFG, out, seed=0)
    assert card.core_seconds > 0
    judged = evaluate.evaluate(sets, out)
    report = judged.report
    evaluate.show(report)
    assert report["val"]["pictures"] == 15
    assert set(report["baselines"]) == {"majority", "histogram"}
    assert 0 <= report["scenes"]["mean_iou"] <= 1
    json.dumps(report)
    assert judged.page.count("<img") >= 1
    recogniser = Recogniser(out)
    assert set(recogniser.card.temperatures) == {"colour", "kind"}
    [answer] = recogniser.describe([draw("Red", 64)])
    assert answer.size == (48, 64)


def test_an_epoch_draws_all_but_a_part_of_the_scenes_with_a_garment(files, tmp_path, monkeypatch):
    sets = standalone.read_sets([files[0]], files[1], hold_out=0.0)
    seen = []

    def note(net, batches, cfg, *, epochs, steps_per_epoch, **options):
        for epoch in range(epochs):
            names = [n for batch in batches(epoch) for n in batch.names]
            assert len(names) == steps_per_epoch * cfg.batch_size
            seen.append({n for n in names if n.startswith("s")})
            assert len(names) - len(seen[-1]) == 45

    monkeypatch.setattr(train, "fit", note)
    # 45 plain pictures, all 3 empty scenes and 3 of the 16 others: 51 in 17 batches.
    cfg = CFG.model_copy(update={"scene_fraction": 0.2, "batch_size": 3})
    standalone.fit(sets, cfg, tmp_path / "model", seed=0)
    assert [len(s) for s in seen] == [6, 6]
    empty = {"s0", "s5", "s10", "s15"} - set(sets.vacant["picture_id"].to_pylist())
    assert all(empty < s for s in seen)
    assert seen[0] != seen[1]


def test_a_picture_that_counts_twice_is_drawn_twice_with_its_words(files, tmp_path, monkeypatch):
    sets = standalone.read_sets([files[0]], files[1], hold_out=0.0)
    place = sets.train.column_names.index("repeat")
    twice = sets.train.set_column(place, "repeat", pa.array([2] * sets.train.num_rows))
    seen = Counter()

    def note(net, batches, cfg, *, epochs, steps_per_epoch, **options):
        for batch in batches(0):
            assert len(batch.title_words) == len(batch.names)
            seen.update(batch.names)

    monkeypatch.setattr(train, "fit", note)
    cfg = CFG.model_copy(update={"batch_size": 4})
    standalone.fit(replace(sets, train=twice), cfg, tmp_path / "m", 0)
    assert seen == dict.fromkeys(twice["picture_id"].to_pylist(), 2)


def test_the_card_says_what_was_fitted_on(files, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "fit", lambda *_, **__: None)
    sets = standalone.read_sets([files[0]], files[1], hold_out=0.4)
    card = standalone.fit(sets, CFG, tmp_path / "model", seed=0)
    assert card.pictures == sets.train.num_rows
    assert card.pictures_digest == standalone.digest_pictures(sets.train)
    other = standalone.read_sets([files[0]], files[1], hold_out=0.4, seed=1)
    assert card.pictures_digest != standalone.digest_pictures(other.train)


@pytest.mark.slow
def test_a_training_goes_on_from_its_last_epoch(files, tmp_path, monkeypatch):
    sets = standalone.read_sets([files[0]], None)
    whole = standalone.fit(sets, CFG, tmp_path / "whole", seed=0)
    real, seen = fitting._keep, []

    def stop(folder, state, mark, spent):
        real(folder, state, mark, spent)
        if not seen:
            seen.append(state.epoch)
            raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "_keep", stop)
    with pytest.raises(KeyboardInterrupt):
        standalone.fit(sets, CFG, tmp_path / "parts", seed=0)
    with pytest.raises(DataError, match="unfinished training of other"):
        standalone.fit(sets, CFG, tmp_path / "parts", seed=1)
    resumed = standalone.fit(sets, CFG, tmp_path / "parts", seed=0)
    assert resumed.weights_sha256 == whole.weights_sha256


def change(table, column, cell):
    """The table with another cell in its first row."""
    place = table.column_names.index(column)
    cells = [cell, *table[column].to_pylist()[1:]]
    return table.set_column(place, column, pa.array(cells, table.schema.field(column).type))


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("labels", [0, 0]), ("box", [0.1, 0.1, 0.9, 0.9]), ("source", "2"), ("text", "Coat"),
        ("repeat", 2), ("image", draw("Red", 36)),
    ],
)  # fmt: skip
def test_a_training_goes_on_with_nothing_but_the_same_pictures(files, tmp_path, column, cell):
    sets = standalone.read_sets([files[0]], None)
    train_on = change(sets.train, "labels", [1, 1])
    mark = fitting._mark(replace(sets, train=train_on), CFG, 0)
    state = checkpoint.TrainState(1, {}, {})
    fitting._keep(tmp_path / standalone.CHECKPOINT, state, mark, 1.0)
    assert fitting._mark(replace(sets, train=train_on), CFG, 0) == mark
    with pytest.raises(DataError, match="unfinished training of other pictures"):
        standalone.fit(replace(sets, train=change(train_on, column, cell)), CFG, tmp_path, 0)


def test_a_training_that_had_finished_says_that_nothing_was_trained(files, tmp_path, capsys):
    sets = standalone.read_sets([files[0]], None)
    first = standalone.fit(sets, CFG, tmp_path, seed=0)
    assert "nothing was trained" not in capsys.readouterr().err
    again = standalone.fit(sets, CFG, tmp_path, seed=0)
    said = " ".join(capsys.readouterr().err.split())
    assert "finished before, after 2 epochs: nothing was trained" in said
    assert again.weights_sha256 == first.weights_sha256


@pytest.mark.slow
def test_a_loss_that_is_not_finite_leaves_the_last_epoch_to_go_on_from(
    files, tmp_path, monkeypatch
):
    sets = standalone.read_sets([files[0]], None)
    whole = standalone.fit(sets, CFG, tmp_path / "whole", seed=0)
    keep, measure = fitting._keep, train.loss.measure
    with monkeypatch.context() as broken:

        def spoil(*arguments):
            parts = measure(*arguments)
            return parts._replace(total=parts.total * float("nan"))

        def keep_and_spoil(*arguments):
            keep(*arguments)
            broken.setattr(train.loss, "measure", spoil)

        broken.setattr(fitting, "_keep", keep_and_spoil)
        with pytest.raises(DataError, match=r"nan in epoch 2, batch 1 .*pictures \d+, "):
            standalone.fit(sets, CFG, tmp_path / "parts", seed=0)
    assert checkpoint.load(tmp_path / "parts" / standalone.CHECKPOINT).epoch == 1
    shutil.copytree(tmp_path / "parts", tmp_path / "slower")
    slower = CFG.model_copy(update={"learning_rate": CFG.learning_rate / 10})
    told = standalone.fit(sets, slower, tmp_path / "slower", seed=0)
    assert told.weights_sha256 != whole.weights_sha256
    resumed = standalone.fit(sets, CFG, tmp_path / "parts", seed=0)
    assert resumed.weights_sha256 == whole.weights_sha256


def test_an_attribute_with_one_value_is_refused(tmp_path, files):
    table = pq.read_table(files[0])
    table = table.set_column(table.column_names.index("kind"), "kind", pa.array(["Shirt"] * 60))
    pq.write_table(table, tmp_path / "one.parquet")
    with pytest.raises(DataError, match="'kind': 1 of its values"):
        standalone.read_sets([tmp_path / "one.parquet"], None, attributes=("colour", "kind"))


def test_a_set_without_labels_is_refused(tmp_path, files):
    table = pq.read_table(files[0]).select(["id", "split", "image"])
    pq.write_table(table, tmp_path / "none.parquet")
    with pytest.raises(DataError, match="no column looks like an attribute"):
        standalone.read_sets([tmp_path / "none.parquet"], None)


def test_the_recipe_of_the_package_is_valid():
    assert standalone.recipe(["colour"]).second_look


def test_what_the_recipe_says_of_attributes_that_a_set_lacks_is_left_out():
    assert set(standalone.recipe(["base_colour", "season"]).plain_weights) == {"base_colour"}
    assert standalone.recipe(["colour"]).plain_weights == {}


def test_a_weight_of_an_attribute_that_is_not_there_is_refused(files, tmp_path):
    cfg = CFG.model_copy(update={"plain_weights": {"color": 0.3}})
    with pytest.raises(ConfigError, match=r"no attribute 'color'; it has colour, kind"):
        standalone.fit(standalone.read_sets([files[0]], None), cfg, tmp_path, 0)


def test_files_are_recognised_by_the_command(files, tmp_path, capsys):
    sets = standalone.read_sets([files[0]], None)
    standalone.fit(sets, CFG.model_copy(update={"epochs": 1}), tmp_path / "m", seed=0)
    place = tmp_path / "p"
    place.mkdir()
    (place / "x.png").write_bytes(draw("Red", 40))
    (place / "y.png").write_bytes(b"")
    words = ["recognise", "--model", str(tmp_path / "m"), "--out", str(tmp_path / "out.csv")]
    with pytest.raises(SystemExit) as end:
        cli.main([*words, "--images", str(place / "x.png"), str(place / "y.png")])
    assert not end.value.code
    assert "1 pictures, 1 not readable" in capsys.readouterr().out
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["x", "colour"], ["x", "kind"]]


def test_a_folder_with_sub_folders_as_values_is_a_set_to_fit_on(tmp_path):
    for value, shade in (("red", 200), ("blue", 20)):
        (tmp_path / "photos" / value).mkdir(parents=True)
        for n in range(20):
            Image.new("RGB", (20, 40), (shade, n, 9)).save(tmp_path / f"photos/{value}/{n:03}.png")
    sets = standalone.read_sets([tmp_path / "photos"], None, attributes=("colour",))
    assert [v.id for v in sets.taxonomy.attribute("colour").values] == ["blue", "red"]
    assert sets.train.num_rows + sets.val.num_rows == 40
    assert sets.val.num_rows > 0


def test_parquet_with_one_attribute_is_a_set_to_fit_on(tmp_path, files):
    table = pq.read_table(files[0])
    pq.write_table(table.select(["id", "split", "image", "colour"]), tmp_path / "one.parquet")
    assert standalone.read_sets([tmp_path / "one.parquet"], None).taxonomy.ids == ("colour",)
