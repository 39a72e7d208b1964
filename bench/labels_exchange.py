"""CPU seconds of 10,000 pictures chosen, written for Label Studio and read again, and whether anything was lost.

`python -m bench.labels_exchange`. All attributes of the shipped taxonomy; the labels and boxes are drawn at
random, and each task is labelled once, as predicted. Pictures' bytes and the server are not part of it.
"""

import json
import time
from datetime import date

import numpy as np
import pyarrow as pa

from fashiontrend import taxonomy
from fashiontrend.labels import label_studio_tasks, tools
from fashiontrend.labels.choosing import AttributeNeed, Candidates, choose
from fashiontrend.labels.tasks import LabellingTask
from fashiontrend.storage import schemas

NUMBER, POOL = 10_000, 50_000


def main() -> None:
    """Print the CPU seconds of each part."""
    rng, attributes = np.random.default_rng(0), taxonomy.load().subset(()).attributes
    kinds = taxonomy.load().subset(())
    seen = {a.id: rng.dirichlet(np.full(len(a.values) + 1, 0.3), POOL) for a in attributes}
    ids = [f"p{n}" for n in range(POOL)]
    candidates = Candidates(
        ids, [f"s/{n}" for n in range(POOL)], [f"s/{n % 90}" for n in range(POOL)], seen
    )
    needs = {a.id: AttributeNeed(1.0, 100, a.value_ids, [0] * len(a.values)) for a in attributes}
    start = time.process_time()
    chosen = choose(candidates, needs, NUMBER, NUMBER // 2, 0)
    print(f"choose {time.process_time() - start:.1f} s")
    tasks = []
    for choice in chosen:
        values = {
            a.id: (*a.value_ids, taxonomy.NOT_VISIBLE)[int(seen[a.id][choice.place].argmax())]
            for a in attributes
        }
        x, y = (float(v) for v in rng.uniform(0, 0.4, 2))
        tasks.append(
            LabellingTask(
                ids[choice.place], f"s/{choice.place}", choice.split, (800, 1000), why=choice.why, values=values,
                box=[x, y, x + 0.5, y + 0.5],
            )
        )  # fmt: skip
    start = time.process_time()
    text = label_studio_tasks.tasks_json(tasks, kinds, "m")
    print(f"write {time.process_time() - start:.1f} s, {len(text) / 2**20:.0f} MiB")
    document = json.loads(text)
    for task in document:
        task["annotations"] = [{"result": task["predictions"][0]["result"]}]
    rows = [
        {"picture_id": i, "product_id": str(n), "platform": "s", "day": date(2026, 1, 1), "position": 0,
         "width": 800, "height": 1000, "format": "JPEG", "image": b""}
        for n, i in enumerate(ids)
    ]  # fmt: skip
    exported, pictures = json.dumps(document), pa.Table.from_pylist(rows, schemas.PICTURE)
    start = time.process_time()
    done = tools.read(exported, "export", kinds, pictures)
    tools.lasting(exported, "export")
    print(f"read {time.process_time() - start:.1f} s")
    found = {r["picture_id"]: r for r in done.table.to_pylist()}
    same = all(dict(found[t.picture_id]["labels"]) == t.values for t in tasks)
    most = max(
        abs(a - b)
        for t in tasks
        for a, b in zip(t.box or (), found[t.picture_id]["box"], strict=True)
    )
    print(f"labels as written: {same}; boxes differ by at most {most:.1e} of the picture's side")


if __name__ == "__main__":
    main()
