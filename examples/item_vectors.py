"""Item vectors of shopping baskets: ids instead of words, and a callback that stops when the loss no longer falls."""

import hogvec
import numpy as np


def make_baskets(num_items: int, num_baskets: int) -> tuple[np.ndarray, np.ndarray]:
    """Baskets of items of one kind; the kind of an item is its id modulo 10. Put your own ids here."""
    generator = np.random.default_rng(1)
    sizes = generator.integers(2, 9, num_baskets)
    kinds = np.repeat(generator.integers(10, size=num_baskets), sizes)
    ids = 10 * generator.integers(num_items // 10, size=sizes.sum()) + kinds
    return ids, np.concatenate([[0], np.cumsum(sizes)])  # basket b is ids[offsets[b]:offsets[b + 1]]


class StopWhenFlat:
    """Ends the run after an epoch whose loss is less than 1 % below that of the epoch before."""

    last = float("inf")

    def __call__(self, progress: hogvec.Progress) -> None:
        if progress.epoch_finished:
            if progress.loss > 0.99 * self.last:
                progress.stop()
            self.last = progress.loss


# A basket has no order: every item is the context of every other, and no item is too frequent to count.
ids, offsets = make_baskets(num_items=200, num_baskets=10_000)
corpus = hogvec.Corpus.from_ids(ids, offsets)
model = hogvec.SkipGram(dim=32, window=100, shrink_windows=False, subsample=0)
trainer = hogvec.Trainer(model, hogvec.NegativeSampling(negatives=10, power=0.0))
vectors = trainer.fit(corpus, epochs=50, callbacks=[StopWhenFlat()])
print(f"stopped after {len(trainer.history)} epochs, loss {trainer.history[-1].loss:.3f}")
print("item 7 goes with", ", ".join(near.word for near in vectors.most_similar("7", topn=5)))
