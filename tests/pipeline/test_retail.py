"""The retail table in the store: days are measured once, and verdicts that changed are taken over."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pyarrow as pa

from fashiontrend import taxonomy
from fashiontrend.outcomes import WithheldDay
from fashiontrend.pipeline import publish, retail
from fashiontrend.storage import layout, schemas
from tests.pipeline.test_shares import DAY, context

BEFORE = DAY - timedelta(days=1)
PRODUCTS = pd.DataFrame(
    {"platform": "shop", "product_id": ["1"], "first_seen": [BEFORE], "colour": ["red"]}
).reindex(columns=["platform", "product_id", "first_seen", *taxonomy.load(None).ids])
PRODUCTS = PRODUCTS.astype(object).where(PRODUCTS.notna(), None)


def pack(found, day, price):
    row = {"platform": "shop", "day": day, "product_id": "1", "first_seen": BEFORE, "price": price}
    table = pa.Table.from_pylist([row], schemas.LISTING)
    found.store.commit_tables(layout.catalogue_day(day, "shop"), {"listings": table}, {})


def rows(found, products=PRODUCTS):
    found.catalogue.refresh()
    plan = retail.plan(found, "m")
    offered = publish.read_listings(found, plan)[1]
    assert len(offered) == len(plan.due)
    partition = retail.write(found, plan, products, offered)
    table = found.store.read_partition(partition, "retail")
    return {r["day"]: (r["value"], r["withheld"]) for r in table.to_pylist()}


def on(folder, day, withheld=()):
    found = context(folder, withheld)
    days = tuple(day - timedelta(days=n) for n in (2, 1, 0))
    found.catalogue.days = days
    return replace(found, run=replace(found.run, day=day))


def test_a_day_that_an_earlier_table_holds_is_not_measured_again(tmp_path):
    yesterday = on(tmp_path, BEFORE)
    pack(yesterday, BEFORE, 10.0)
    assert rows(yesterday) == {BEFORE: ("red", False)}
    pack(yesterday, DAY, 9.0)
    blue = PRODUCTS.assign(colour="blue")
    today = on(tmp_path, DAY, [WithheldDay("shop", BEFORE, "blocked")])
    assert rows(today, blue) == {BEFORE: ("red", True), DAY: ("blue", False)}
    assert rows(today, PRODUCTS.assign(colour="green"))[DAY] == ("blue", False)


def test_days_that_the_run_no_longer_reads_leave_the_table(tmp_path):
    found = on(tmp_path, BEFORE)
    pack(found, BEFORE, 10.0)
    rows(found)
    late = on(tmp_path, BEFORE + timedelta(days=9))
    pack(late, late.day, 10.0)
    assert set(rows(late)) == {late.day}


def test_a_run_without_listings_has_an_empty_table(tmp_path):
    assert rows(on(tmp_path, DAY), PRODUCTS.iloc[:0]) == {}
