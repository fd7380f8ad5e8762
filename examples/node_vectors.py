"""DeepWalk, node2vec and LINE. Usage: python node_vectors.py edges.txt --kind node2vec --p 0.25 --q 0.25"""

import argparse

import hogvec
import numpy as np

parser = argparse.ArgumentParser(description="Train vectors of the nodes of an undirected graph.")
parser.add_argument("edges", help="two numbers of nodes on each line")
parser.add_argument("--kind", choices=("deepwalk", "node2vec", "line"), default="deepwalk")
parser.add_argument("--p", type=float, default=0.25, help="of node2vec")
parser.add_argument("--q", type=float, default=0.25, help="of node2vec")
parser.add_argument("--epochs", type=int, default=20)
options = parser.parse_args()

edges = np.loadtxt(options.edges, dtype=np.int64, ndmin=2)
graph = hogvec.Graph.from_edges(edges[:, 0], edges[:, 1])
model = hogvec.SkipGram(dim=32, window=5, subsample=0)
if options.kind == "deepwalk":
    corpus = hogvec.walks(graph, num_walks=10, length=40)
elif options.kind == "node2vec":
    corpus = hogvec.walks(graph, num_walks=10, length=40, p=options.p, q=options.q)
else:  # LINE's second order: an edge is a sequence of two nodes, the first of which predicts the second
    ends = np.stack([np.repeat(np.arange(graph.num_nodes), graph.degrees), graph.indices], axis=1)
    shuffled = np.random.default_rng(1).permutation(ends)
    corpus = hogvec.Corpus.from_ids(shuffled.ravel(), np.arange(0, shuffled.size + 1, 2), num_ids=graph.num_nodes)
    model = hogvec.SkipGram(dim=32, window=1, context="past", subsample=0)

vectors = hogvec.Trainer(model, hogvec.NegativeSampling(negatives=5)).fit(corpus, epochs=options.epochs)
print("nearest to 0:", ", ".join(near.word for near in vectors.most_similar("0", topn=5)))
