from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
import torch

from fashiontrend.storage import schemas

START = date(2026, 1, 1)


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Train with one thread, as each worker of a job does; several may differ in the last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_shares(
    days=70, platforms=("a", "b", "*"), sizes=(3, 4), support=200, seed=0, slope=0.02, gaps=()
):
    """A share table with counting noise: the first value of the first attribute rises steadily."""
    rng = np.random.default_rng(seed)
    rows = []
    for platform in platforms:
        for number, size in enumerate(sizes):
            for t in range(days):
                logits = -0.3 * np.arange(size)
                logits[0] += slope * t if number == 0 else 0.0
                share = np.exp(logits) / np.exp(logits).sum()
                share = (rng.multinomial(support, share) + 0.5) / (support + 0.5 * size)
                bad = (platform, t) in gaps
                rows += [
                    {
                        "platform": platform, "attribute": f"attr{number}", "value": f"v{v}",
                        "day": START + timedelta(days=t), "window_days": 7, "basis": "live", "support": support,
                        "share_raw": share[v], "share": None if bad else share[v],
                        "low": max(share[v] - 0.03, 0), "high": min(share[v] + 0.03, 1), "withheld": bad,
                    }
                    for v in range(size)
                ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schemas.SHARE)


@pytest.fixture(scope="session")
def shares_of():
    return make_shares
