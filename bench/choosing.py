"""Pictures chosen for labelling against pictures drawn at random: accuracy of a classifier that learns from them.

`python -m bench.choosing`. The pictures are drawn vectors, not images: eight values of one attribute with
frequencies that fall as 1 / rank^1.5 have a normal cloud each, whose distances are small enough to be confused.
A linear classifier learns from 30 labels drawn at random, then from so many more that are chosen by its
predictions, or drawn. No image network is trained: this measures the choice alone.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from fashiontrend.labels.choosing import AttributeNeed, Candidates, choose

VALUES, SIDE, POOL, TEST, FIRST = 8, 12, 6000, 4000, 30
SIZES, SEEDS = (50, 100, 200, 300), range(5)


def draw(
    number: int, centres: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (number, SIDE) and their values."""
    shares = 1.0 / np.arange(1, VALUES + 1) ** 1.5
    truth = rng.choice(VALUES, number, p=shares / shares.sum())
    return centres[truth] + rng.normal(size=(number, SIDE)), truth


def predict(model: LogisticRegression, vectors: np.ndarray) -> np.ndarray:
    """(N, VALUES + 1) probabilities; values that the model never saw, and "not visible", have a little."""
    found = np.full((len(vectors), VALUES + 1), 1e-3)
    found[:, model.classes_] = model.predict_proba(vectors)
    return found / found.sum(axis=1, keepdims=True)


def run(seed: int, size: int, by_choice: bool) -> tuple[float, float]:
    """Accuracy, and the mean over values of their recall, after `size` training pictures."""
    rng = np.random.default_rng([seed, 5])
    centres = rng.normal(size=(VALUES, SIDE)) * 1.1
    pool, truth = draw(POOL, centres, rng)
    vectors, right = draw(TEST, centres, rng)
    picked = list(range(FIRST))
    if by_choice:
        model = LogisticRegression(max_iter=500).fit(pool[picked], truth[picked])
        counts = np.bincount(truth[picked], minlength=VALUES).tolist()
        rest = np.arange(FIRST, POOL)
        names = [str(n) for n in rest]
        candidates = Candidates(names, names, ["s"] * len(rest), {"a": predict(model, pool[rest])})
        needs = {"a": AttributeNeed(1.0, 0, [str(v) for v in range(VALUES)], counts)}
        chosen = choose(candidates, needs, size - FIRST, 0, seed)
        picked += [int(rest[c.place]) for c in chosen]
    else:
        picked += list(range(FIRST, size))
    model = LogisticRegression(max_iter=500).fit(pool[picked], truth[picked])
    hits = model.predict(vectors) == right
    recall = [hits[right == v].mean() for v in range(VALUES)]
    return float(hits.mean()), float(np.mean(recall))


def main() -> None:
    """Print one row for each size: mean over seeds, and the least difference of a seed."""
    print(
        "| training pictures | accuracy, drawn | chosen | mean recall of values, drawn | chosen | seeds better |"
    )
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        drawn = np.array([run(seed, size, False) for seed in SEEDS])
        chosen = np.array([run(seed, size, True) for seed in SEEDS])
        better = int((chosen[:, 1] > drawn[:, 1]).sum())
        (a, r), (ca, cr) = drawn.mean(axis=0), chosen.mean(axis=0)
        print(f"| {size} | {a:.3f} | {ca:.3f} | {r:.3f} | {cr:.3f} | {better} of {len(SEEDS)} |")


if __name__ == "__main__":
    main()
