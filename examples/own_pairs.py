"""Vectors from pairs of one's own, such as the edges of a graph. Usage: python own_pairs.py pairs.txt"""

import argparse

import hogvec
import numpy as np

EPOCHS, NEGATIVES = 20, 5

parser = argparse.ArgumentParser(description="Train vectors on pairs of ids.")
parser.add_argument("pairs", help="two ids on each line: the first predicts the second")
pairs = np.loadtxt(parser.parse_args().pairs, dtype=np.int64, ndmin=2)

num_ids = int(pairs.max()) + 1
noise = hogvec.UnigramSampler(np.bincount(pairs[:, 1], minlength=num_ids), power=0.75)
trainer = hogvec.Trainer(hogvec.SkipGram(dim=32))
trainer.initialize(input_rows=num_ids, output_rows=num_ids)
for epoch in range(EPOCHS):
    loss = 0.0
    shuffled = np.random.default_rng(epoch).permutation(pairs)
    for step, part in enumerate(np.array_split(shuffled, 1 + len(pairs) // 1024)):
        n = len(part)  # groups: one source, its target and the draws of noise
        draws = noise.sample(n * NEGATIVES, seed=1_000_000 * epoch + step).ids.reshape(n, NEGATIVES)
        targets = part[:, 1:]
        batch = hogvec.Batch(
            bag_rows=part[:, 0],
            group_offsets=np.arange(n + 1),
            shared_offsets=np.arange(n + 1) * (1 + NEGATIVES),
            shared_rows=np.hstack([targets, draws]).ravel(),
            shared_labels=np.tile([1] + [0] * NEGATIVES, n),
            shared_weights=np.hstack([np.ones((n, 1)), draws != targets]).ravel(),  # a target is no noise
        )
        loss += trainer.train_batch(batch, learning_rate=0.05 * (1 - epoch / EPOCHS))
    print(f"epoch {epoch + 1}: loss {loss / len(pairs):.3f} a pair")

vectors = hogvec.KeyedVectors(None, trainer.input_table)
print("nearest to 0:", ", ".join(near.word for near in vectors.most_similar("0", topn=5)))
