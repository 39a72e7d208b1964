"""A made-up release for the board: 200 keywords, 3 platforms, 90 days; the same seed, the same world."""

import math
import random
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from drawn import box

from fashiontrend import keywords as keywords_of_loop
from fashiontrend import taxonomy as taxonomies
from fashiontrend.config import KeywordsConfig
from fashiontrend.serve.schemas.scorecard import ScorecardResponse
from fashiontrend.storage import schemas

AS_OF = date(2026, 11, 23)
HORIZON, DAYS = 28, 90
PLATFORMS = ("shop-a", "shop-b", "shop-c")
RELEASE = "2026-11-23-0b0a2d11"
TAXONOMY = taxonomies.load()
NUM_KEYWORDS, NUM_ASIDE = 200, 9


def values() -> list[tuple[Any, Any]]:
    """Attributes with values, enough of them for 200 keywords: garment types split the last ones."""
    found = [(a, v) for a in TAXONOMY.attributes for v in a.values]
    return (found * 2)[: NUM_KEYWORDS + NUM_ASIDE]


def keyword_id(number: int) -> str:
    attribute, value = values()[number]
    again = ".2" if number >= len([v for a in TAXONOMY.attributes for v in a.values]) else ""
    return f"{AS_OF}|all|{attribute.id}.{value.id}{again}|{HORIZON}d|pooled"


def record(number: int, platform: str = "*") -> dict[str, Any]:
    """One trend-keyword, as the API gives it."""
    rng = random.Random(f"{number} {platform}")
    attribute, value = values()[number]
    now = math.exp(rng.uniform(math.log(0.01), math.log(0.4)))
    points = rng.gauss(0, 0.02)
    spread = rng.uniform(0.004, 0.016)
    direction = "stable" if abs(points) < 0.8 * spread else "rising" if points > 0 else "falling"
    forecast = min(0.97, max(0.002, now + points))
    p = {"stable": rng.uniform(0.5, 0.9)}.get(direction, rng.uniform(0.8, 0.99))
    groups: dict[str, list[str]] = {"rising": [], "stable": [], "falling": []}
    for name in PLATFORMS:
        groups[direction if rng.random() < 0.75 else "stable"].append(name)
    samples = [sample(number, i, platform) for i in range(0 if number == 7 else 6)]
    where = "pooled" if platform == "*" else platform
    return {
        "schema": "trend-keyword/1",
        "id": keyword_id(number).replace("pooled", where),
        "as_of": AS_OF.isoformat(),
        "horizon_days": HORIZON,
        "target_date": (AS_OF + timedelta(days=HORIZON)).isoformat(),
        "keyword": {"attribute": attribute.id, "value": value.id, "en": value.en, "zh": value.zh},
        "segment": {"gender": None, "garment_type": None, "region": None},
        "platform": platform,
        "platforms": groups,
        "direction": direction,
        "share": {
            "now": now,
            "forecast": forecast,
            "interval80": [max(0.001, forecast - spread), forecast + spread],
            "interval95": [max(0.0005, forecast - 1.6 * spread), forecast + 1.6 * spread],
            "basis": "live",
            "corrected": True,
        },
        "growth": {
            "points": forecast - now, "relative": (forecast - now) / now, "wow": points / 4, "mom": points * 0.9,
            "yoy": None, "deseasonalised_points": points * 0.8,
        },
        "stage": {"rising": "emerging" if now < 0.03 else "rising", "falling": "declining"}.get(
            direction, "mainstream" if now > 0.15 else "dormant"
        ),
        "trajectory": {"rising": "sustained_riser", "falling": "sustained_decliner"}.get(direction, "flat"),
        "seasonal_index": None if number % 3 else 1.06,
        "confidence": {
            "p_direction": round(p, 3), "support_n": rng.randint(120, 7000), "days_observed": DAYS - 2,
            "backtest_skill_vs_persistence": round(rng.uniform(-0.1, 0.4), 3),
            "platform_agreement": round(len(groups[direction]) / 3, 3),
            "grade": "A" if p > 0.93 else "B" if p > 0.8 else "C",
        },
        "rank": number + 1,
        "score": round(3 - number / 80, 4),
        "lead_lag": {"leader": "shop-b", "lead_days": 9} if number % 4 == 0 else None,
        "evidence": {
            "samples": samples, "series_uri": "shares/x", "run_id": "2026-11-23-b2c2d532",
            "model_digest": "0fa8a4176cea60a1", "taxonomy_version": TAXONOMY.version, 
            "label_set_digest": "ff9b50d5af8b8d53", "data_days_used": DAYS - 2,
            "days_withheld": 2,
        },
        "caveats": ["less than one year of history: seasonality not separable", "2 days withheld or not measured"],
    }  # fmt: skip


def sample(number: int, i: int, platform: str) -> dict[str, Any]:
    rng = random.Random(f"sample {number} {i}")
    seller = PLATFORMS[i % 3] if platform == "*" else platform
    return {
        "platform": seller, "product_id": f"{seller[-1]}{number:04d}{i}", "url": f"https://{seller}.example/p/{number}-{i}",
        "picture_id": f"{number:03d}{i}", "picture": f"/v1/pictures/{AS_OF}/{number:03d}{i}",
        "box": box(f"{number:03d}{i}"),
        "first_seen": (AS_OF - timedelta(days=rng.randint(1, 40))).isoformat(),
        "price": round(rng.uniform(15, 240), 2), "currency": "EUR", "confidence": round(rng.uniform(0.86, 1), 2),
    }  # fmt: skip


def keywords(platform: str) -> dict[str, Any]:
    return {
        "release": RELEASE, "as_of": AS_OF.isoformat(), "horizon_days": HORIZON, "total": NUM_KEYWORDS,
        "keywords": [record(n, platform) for n in range(NUM_KEYWORDS)],
        "not_enough_evidence": [aside(NUM_KEYWORDS + n, platform) for n in range(NUM_ASIDE)],
        "combinations": [
            {"values": ["garment_type.cardigan", "neckline.v_neck"], "en": "Cardigan × V-neck", "zh": "针织开衫 × V领",
             "support_n": 412, "lift": 1.84},
            {"values": ["fabric.satin_silk", "skirt_length.midi"], "en": "Satin × Midi", "zh": "缎面 × 中长",
             "support_n": 233, "lift": 1.51},
        ],
        "next": None,
    }  # fmt: skip


def aside(number: int, platform: str) -> dict[str, Any]:
    known, support = record(number, platform), 11 + number % 50
    reasons = [f"support {support} < 100 products", "12 < 28 usable days"][: 1 + number % 2]
    return {
        "platform": platform,
        "keyword": known["keyword"],
        "share": 0.004,
        "support_n": support,
        "reasons": reasons,
    }


def evidence(number: int, platform: str) -> dict[str, Any]:
    """Series and forecasts for all platforms; two days withheld at shop-b."""
    known = record(number, platform)
    own = {"attribute": known["keyword"]["attribute"], "value": known["keyword"]["value"]}
    series, forecasts = [], []
    for name in ("*", *PLATFORMS):
        rng = random.Random(f"curve {number} {name}")
        now, points = known["share"]["now"] * rng.uniform(0.85, 1.15), known["growth"]["points"]
        days = [AS_OF - timedelta(days=DAYS - 1 - i) for i in range(DAYS)]
        drift = [
            now - points * 1.4 * (1 - i / (DAYS - 1)) + rng.gauss(0, 0.06 * abs(points) + 0.001)
            for i in range(DAYS)
        ]
        off = [name == "shop-b" and i in (40, 41) for i in range(DAYS)]
        share = [None if o else max(0.001, s) for o, s in zip(off, drift, strict=True)]
        series.append({
            "platform": name, **own, "days": [d.isoformat() for d in days], "share": share,
            "low": [None if s is None else s * 0.93 for s in share],
            "high": [None if s is None else s * 1.07 for s in share],
            "support": [0 if o else 400 + i for i, o in enumerate(off)], "withheld": off,
        })  # fmt: skip
        last = share[-1] or now
        ahead = [last + points * (h + 1) / HORIZON for h in range(HORIZON)]
        wide = [(0.003 + 0.1 * last) * math.sqrt((h + 1) / HORIZON) for h in range(HORIZON)]
        forecasts.append({
            "platform": name, **own, "days": [(AS_OF + timedelta(days=h + 1)).isoformat() for h in range(HORIZON)],
            "share": [max(0.001, a) for a in ahead],
            **{q: [max(0.0, a + z * w) for a, w in zip(ahead, wide, strict=True)]
               for q, z in (("q025", -1.5), ("q10", -1.0), ("q90", 1.0), ("q975", 1.5))},
        })  # fmt: skip
    return {"release": RELEASE, "keyword": known, "series": series, "forecasts": forecasts}


def gates(closed: bool) -> list[dict[str, Any]]:
    """Three verdicts; the perplexity gate is closed where told so."""
    rows = [("health", 0, "== 0", True), ("accuracy", 0.963, "> 0.85", True),
            ("perplexity", 1.0712 if closed else 1.0044, "< 1.0500", not closed)]  # fmt: skip
    return [
        {
            "name": name, "run_id": "2026-11-23-b2c2d532", "day": AS_OF.isoformat(), "at": f"{AS_OF}T06:00:00+00:00",
            "passed": passed, "value": value, "limit": limit,
            "verdict": {
                "gate": name, "passed": passed, "warnings": [], "per_attribute": {},
                "checks": [{"name": f"{name}_mean", "seen": value, "limit": limit, "passed": passed, "detail": ""},
                           {"name": "floor:colour", "seen": 0.91, "limit": "> 0.7", "passed": True, "detail": ""}],
                "reasons": [] if passed else [f"normalised_perplexity is {value:.4g}, expected {limit}"],
                "remedy": "" if passed else "Label and resample again: pattern and neckline first.",
            },
        }
        for name, value, limit, passed in rows
    ]  # fmt: skip


def history(name: str, closed: bool) -> dict[str, Any]:
    """Twelve judgements: recogniser and forecaster got better, one day was withheld; the last may close."""
    first, last, limit = {
        "health": (0, 0, "== 0"),
        "accuracy": (0.82, 0.963, "> 0.85"),
        "perplexity": (1.08, 1.0044, "< 1.0500"),
    }[name]
    rng = random.Random(name)
    rows = []
    for i in range(12):
        value = round(first + (last - first) * min(1.0, i / 11 + rng.uniform(-0.05, 0.05)), 4)
        if name == "health":
            value = int(i == 4)
        if closed and name == "perplexity" and i == 11:
            value = 1.0712
        passed = {"health": value == 0, "accuracy": value > 0.85, "perplexity": value < 1.05}[name]
        day = (AS_OF - timedelta(days=11 - i)).isoformat()
        rows.append({"run_id": f"r{i}", "day": day, "at": f"{day}T06:00:00+00:00", "label_round": 1, "train_round": 1,
                     "passed": passed, "value": value, "limit": limit, "reasons": []})  # fmt: skip
    return {"name": name, "history": rows}


#: Earlier calls: direction, grade, claimed probability, how many, and how many of them came true.
CALLS = (
    ("rising", "A", 0.95, 40, 31),
    ("falling", "B", 0.85, 30, 20),
    ("stable", "C", 0.65, 50, 39),
)


def scorecard(scored: bool = True) -> dict[str, Any]:
    """How earlier keywords turned out, summarised as the loop does it; nothing has come due if not `scored`."""
    rows = [
        {
            "id": f"{direction}{n}", "direction": direction, "grade": grade, "p_direction": claimed,
            "horizon_days": HORIZON, "platform": "*", "attribute": "neckline", "target_date": AS_OF,
            "outcome": "hit" if n < hits else "miss", "covered80": n < hits, "covered95": True,
            "start": 0.2, "share_forecast": 0.22, "observed": 0.21,
        }
        for direction, grade, claimed, number, hits in (CALLS if scored else ())
        for n in range(number)
    ]  # fmt: skip
    found = keywords_of_loop.summarise(
        pa.Table.from_pylist(rows, schema=schemas.SCORE), AS_OF, KeywordsConfig()
    )
    response = ScorecardResponse.model_validate(
        {**found.to_json(), "as_of": AS_OF.isoformat() if scored else None}
    )
    return response.model_dump(mode="json")


def taxonomy() -> dict[str, Any]:
    named = [
        {
            "id": a.id,
            "en": a.en,
            "zh": a.zh,
            "values": [{"id": v.id, "en": v.en, "zh": v.zh} for v in a.values],
        }
        for a in TAXONOMY.attributes
    ]
    return {"version": TAXONOMY.version, "digest": "sha256:0", "attributes": named}


def recognised() -> dict[str, Any]:
    """What the recogniser says of any picture."""

    def present(attribute: str, *top: tuple[str, float]) -> dict[str, Any]:
        value = TAXONOMY.attribute(attribute).value(top[0][0])
        return {"status": "present", "value": value.id, "label": {"en": value.en, "zh": value.zh},
                "confidence": top[0][1], "top_k": [list(t) for t in top]}  # fmt: skip

    attributes = {
        "garment_type": present(
            "garment_type", ("cardigan", 0.97), ("sweater", 0.02), ("jacket", 0.01)
        ),
        "neckline": present("neckline", ("v_neck", 0.91), ("deep_v", 0.06), ("scoop_u", 0.02)),
        "pant_length": {"status": "not_applicable"},
        "closure": {"status": "not_visible"},
        "fabric": {"status": "uncertain", "top_k": [["satin_silk", 0.41], ["chiffon", 0.37]]},
    }
    garment = {"garment_id": 0, "box": {"rel": [0.12, 0.08, 0.86, 0.95], "px": [36, 32, 258, 380]}, "score": 0.97,
               "attributes": attributes}  # fmt: skip
    return {
        "model": {"name": "attrnet", "version": "2026-11-20T03", "digest": "sha256:0"},
        "taxonomy": {"version": TAXONOMY.version, "digest": "sha256:0"},
        "images": [{"id": "a", "status": "ok", "width": 300, "height": 400, "garments": [garment]}],
        "usage": {"images": 1, "garments": 1}, "request_id": "r-1",
    }  # fmt: skip
