import pyarrow as pa

from fashiontrend.labels.split import held_out, split_of


def links(*pairs):
    return pa.table({"picture_id": [p for p, _ in pairs], "product_key": [k for _, k in pairs]})


def test_the_hash_split_is_stable_and_of_the_size_asked_for():
    assert [split_of(f"a/{n}") for n in range(5)] == [split_of(f"a/{n}") for n in range(5)]
    val = sum(split_of(f"a/{n}", 0.3) == "val" for n in range(4000)) / 4000
    assert abs(val - 0.3) < 0.03


def test_every_picture_of_a_validation_product_is_held_out():
    found = held_out(links(("front", "a/1"), ("back", "a/1"), ("other", "a/2")), ["front"], ["a/1"])
    assert found == {"front", "back"}


def test_the_same_picture_on_another_platform_holds_that_product_out():
    table = links(("front", "a/1"), ("front", "b/9"), ("side", "b/9"), ("other", "b/8"))
    assert held_out(table, ["front"], ["a/1"]) == {"front", "side"}


def test_a_shared_second_picture_holds_the_other_product_out_too():
    table = links(("front", "a/1"), ("back", "a/1"), ("back", "b/9"), ("side", "b/9"))
    assert held_out(table, ["front"], ["a/1"]) == {"front", "back", "side"}


def test_without_validation_nothing_is_held_out():
    assert held_out(links(("front", "a/1")), [], []) == set()
