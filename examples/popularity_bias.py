"""What the logQ correction is for: in-batch negatives with and without it, on preferences that are known. A picture.

Users like items by taste and by popularity: a user takes item i with probability proportional to popularity(i) times
exp(taste). The other items of a mini-batch are its negatives, and so a popular item is a negative more often than
others. Without the correction that is taken for dislike. It takes some seconds.
"""

from __future__ import annotations

import argparse

import hogvec
import numpy as np
from hogvec.evaluate import ranking

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--users", type=int, default=3000, help="default 3000")
parser.add_argument("--items", type=int, default=300, help="default 300")
parser.add_argument("--epochs", type=int, default=60, help="default 60")
parser.add_argument("--plot", default="popularity_bias.png", metavar="PNG", help="the picture (popularity_bias.png)")
parser.add_argument("--no-plot", action="store_true", help="numbers alone")
BLUE, ORANGE = "#0072B2", "#D55E00"
TAKEN = 20  # items of a user, and as many more for the test


def planted(users: int, items: int) -> tuple[np.ndarray, hogvec.Interactions, hogvec.Interactions]:
    """Return the logarithms of the planted probabilities, (users, items), and two halves of what users took."""
    random = np.random.default_rng(1)
    popularity = np.log(1 / np.arange(1, items + 1))
    taste = random.normal(size=(users, 4)) @ random.normal(size=(4, items)) / 2
    scores = popularity + taste
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    # The largest of scores with Gumbel noise are a sample without replacement.
    taken = np.argsort(-(log_p + random.gumbel(size=log_p.shape)), axis=1)[:, : 2 * TAKEN]
    halves = random.permuted(taken, axis=1)
    offsets = np.arange(users + 1) * TAKEN
    train, test = (
        hogvec.Interactions(offsets, half.ravel(), num_items=items) for half in (halves[:, :TAKEN], halves[:, TAKEN:])
    )
    return log_p, train, test


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the rank correlation of two vectors."""
    ranks = [np.argsort(np.argsort(values)) for values in (a, b)]
    return float(np.corrcoef(ranks)[0, 1])


def main() -> None:
    options = parser.parse_args()
    log_p, train, test = planted(options.users, options.items)
    counts = train.counts
    shown = {}
    print("in-batch negatives   score and planted probability   mean score and popularity   recall@20 of the test")
    for name, correction in (("corrected", 1.0), ("uncorrected", 0.0)):
        loss = hogvec.SampledSoftmax(
            None, hogvec.InBatchSampler(options.items, rate=0.05), unique=False, correction=correction
        )
        retriever = hogvec.Retriever(8, normalize=False, temperature=1.0, batch_size=256)
        trainer = hogvec.Trainer(retriever, loss, hogvec.Adam(learning_rate=0.02))
        model = trainer.fit(train, epochs=options.epochs, progress=False)
        scores = model.scores()
        agreement = np.mean([correlation(scores[user], log_p[user]) for user in range(0, options.users, 10)])
        mean = scores.mean(axis=0)
        recall = ranking(model, train, test)["recall@20"]
        print(f"{name:20} {agreement:30.3f} {correlation(mean, counts):27.3f} {recall:23.3f}")
        shown[name] = mean
    baseline = ranking(hogvec.Popularity(train), train, test)["recall@20"]
    print(f"{'(popularity alone)':20} {'':30} {'':27} {baseline:23.3f}")
    if not options.no_plot:
        picture(options.plot, counts, shown)


def picture(path: str, counts: np.ndarray, shown: dict[str, np.ndarray]) -> None:
    """Draw the mean score of every item over how often it occurs."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for axis, (name, mean), color in zip(axes, shown.items(), (BLUE, ORANGE), strict=True):
        axis.scatter(counts, mean - mean.mean(), s=9, color=color)
        axis.set_xscale("log")
        axis.set_title(f"in-batch softmax, {name}")
        axis.set_xlabel("users who took the item")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("mean score over users")
    figure.savefig(path, dpi=110)
    print(f"written: {path}")


if __name__ == "__main__":
    main()
