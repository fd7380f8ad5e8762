"""Which noise should a sampled loss draw: log-uniform, or counts to the power of 0.75? Measured, and as a picture.

Outputs follow Zipf's law, or the counts of a text. A model gives each of them the probability u(w) exp(h . w) / Z, so
that contexts differ and frequent outputs are likely in all of them. It takes some seconds.
"""

from __future__ import annotations

import argparse
import math

import hogvec
import numpy as np
from hogvec.diagnostics import gradient_bias

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--corpus", help="text file whose counts to take instead of Zipf's law")
parser.add_argument("--outputs", type=int, default=5000, help="of the model, the most frequent ones (default 5000)")
parser.add_argument("--repeats", type=int, default=100, help="gradients to estimate bias and variance from (100)")
parser.add_argument("--plot", default="which_noise.png", metavar="PNG", help="the picture (which_noise.png)")
parser.add_argument("--no-plot", action="store_true", help="numbers alone")
parser.add_argument("--pitfall", action="store_true", help='instead: how "tf" with replacement goes wrong')
BLUE, ORANGE, GREEN, PURPLE, BROWN, GREY = "#0072B2", "#D55E00", "#009E73", "#7B3294", "#A6761D", "#777777"


def model(counts: np.ndarray, batch: int, dim: int = 32) -> tuple[np.ndarray, ...]:
    """Return hidden vectors, targets drawn from the model's own softmax, rows and bias."""
    random = np.random.default_rng(1)
    hidden = random.normal(size=(batch, dim)).astype(np.float32)
    rows = random.normal(scale=1 / np.sqrt(dim), size=(len(counts), dim)).astype(np.float32)
    bias = np.log(counts / counts.sum()).astype(np.float32)
    scores = hidden @ rows.T + bias
    log_z = np.log(np.exp(scores).sum(axis=1, keepdims=True))
    targets = (scores + random.gumbel(size=scores.shape)).argmax(axis=1)
    # One more column subtracts ln Z: the model is a trained one, whose scores are normalised.
    return np.hstack([hidden, -log_z]), targets, np.hstack([rows, np.ones_like(rows[:, :1])]), bias


def by_noise(counts: np.ndarray, samples: list[int], repeats: int) -> dict[str, tuple]:
    """Print bias and noise of sampled softmax gradients for each noise and number of draws; return them together."""
    u = counts / counts.sum()
    noises = {
        "log-uniform": hogvec.LogUniformSampler(len(counts), counts=counts),
        "unigram^0.75": hogvec.UnigramSampler(counts, power=0.75),
        "uniform": hogvec.UniformSampler(len(counts)),
    }
    arguments = model(counts, batch=64)
    print("noise          KL(u, q)  E_u[u/q]   gradients of a sampled softmax: bias, noise; the gradient's length is 1")
    found = {}
    for name, noise in noises.items():
        losses = [hogvec.SampledSoftmax(n, sampler=noise) for n in samples]
        errors = [gradient_bias(loss, *arguments, repeats=repeats).rows for loss in losses]
        found[name] = samples, [math.hypot(e.bias, e.variance**0.5) for e in errors]
        text = "  ".join(f"S={n}: {e.bias:.3f}, {e.variance**0.5:.3f}" for n, e in zip(samples, errors, strict=True))
        print(f"{name:13} {noise.kl(counts):9.3f} {(u**2 / noise.probability()).sum():9.2f}   {text}")
    return found


def by_loss(counts: np.ndarray, negatives: list[int], repeats: int) -> dict[str, tuple]:
    """Print and return the cosine of mean gradients with the full softmax's, for losses of k negatives."""
    arguments = model(counts, batch=64)
    noise = hogvec.UnigramSampler(counts, power=1.0)
    print(f"\ncosine with the gradient of the full softmax, k = {negatives}")
    found = {}
    for name, loss in (("NCE", hogvec.NCE), ("negative sampling", hogvec.NegativeSampling)):
        errors = [gradient_bias(loss(k, sampler=noise), *arguments, repeats=repeats).rows for k in negatives]
        found[name] = negatives, [e.cosine for e in errors]
        print(f"{name:18} " + "  ".join(f"{e.cosine:.3f}" for e in errors))
    return found


def pitfall(repeats: int) -> dict[str, tuple]:
    """Print and return the bias of gradients, for few draws and for far more than there are outputs."""
    counts = 10_000 // np.arange(1, 101)
    noise = hogvec.UnigramSampler(counts, power=0.75)
    arguments = model(counts, batch=64)
    found = {}
    for name, options in {
        '"tf", with replacement': {"unique": False},
        '"importance"': {"unique": False, "positive": "importance"},
        '"tf", unique': {},
    }.items():
        samples = [n for n in (6, 12, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400) if options or n <= 100]
        losses = [hogvec.SampledSoftmax(n, sampler=noise, **options) for n in samples]
        found[name] = samples, [gradient_bias(loss, *arguments, repeats=repeats).rows.bias for loss in losses]
        print(f"{name:24} " + "  ".join(f"{n}: {bias:.3f}" for n, bias in zip(*found[name], strict=True)))
    return found


def lines(axes, curves: dict, colours: tuple, heights: tuple = (0, 0, 0)) -> None:
    """Draw curves, names to x and y, with their names at their ends, moved up or down by some points."""
    for (name, (x, y)), colour, height in zip(curves.items(), colours, heights, strict=False):
        axes.plot(x, y, color=colour, marker="o", markersize=3.5, linewidth=1.8)
        place = {"xytext": (7, height), "textcoords": "offset points", "va": "center"}
        axes.annotate(name, (x[-1], y[-1]), color=colour, fontweight="bold", annotation_clip=False, **place)


def label(axes, title: str, x: str, y: str, **scales: str) -> None:
    """Say what an axis is."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=10)
    axes.set(xlabel=x, ylabel=y, xscale="log", **scales)


def draw_noises(figure, counts, errors: dict, cosines: dict) -> None:
    """Three panels: the distributions, how far gradients are off, NCE beside negative sampling."""
    left, middle, right = figure.subplots(1, 3)
    u = np.sort(counts / counts.sum())[::-1]
    rank = np.unique(np.geomspace(1, len(u), 200).astype(int))
    powered = u**0.75 / np.sum(u**0.75)
    log_uniform = np.log1p(1 / np.arange(1, len(u) + 1)) / np.log(len(u) + 1)
    left.plot(rank, u[rank - 1], color=GREY, linewidth=6, alpha=0.4, label="the outputs' own, u", solid_capstyle="butt")
    left.plot(rank, log_uniform[rank - 1], color=BLUE, linewidth=1.8, label="log-uniform")
    left.plot(rank, powered[rank - 1], color=ORANGE, linewidth=1.8, label="unigram^0.75")
    left.plot(rank, np.full(len(rank), 1 / len(u)), color=GREEN, linewidth=1.8, label="uniform")
    left.legend(frameon=False)
    label(left, "Log-uniform stands in for u itself,", "rank of the output", "probability", yscale="log")
    lines(middle, errors, (BLUE, ORANGE, GREEN), heights=(-5, 5, 0))
    label(middle, "so it gives the best gradients", "draws S of a sampled softmax", "relative error", yscale="log")
    lines(right, cosines, (PURPLE, BROWN))
    label(right, "NCE becomes the full softmax", "negatives k", "cosine with the softmax's mean gradient")
    right.set_ylim(0, 1.06)


def draw_pitfall(figure, curves: dict) -> None:
    """One panel: the bias with and without replacement."""
    axes = figure.subplots()
    axes.axvline(100, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.text(106, 0.97, "S = V", transform=axes.get_xaxis_transform(), color=GREY, va="top")
    lines(axes, curves, (ORANGE, BLUE, GREEN), heights=(0, 9, 9))
    label(
        axes, '"tf" with replacement: more draws make it worse', "draws S from V = 100 outputs", "bias of the gradient"
    )
    axes.set_ylim(bottom=0)


if __name__ == "__main__":
    options = parser.parse_args()
    pyplot = None
    if not options.no_plot:
        try:
            import matplotlib
        except ImportError:
            raise SystemExit("the picture needs matplotlib: pip install hogvec[plot], or use --no-plot") from None
        matplotlib.use("agg")
        import matplotlib.pyplot as pyplot

        pyplot.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True})
        pyplot.rcParams.update({"grid.alpha": 0.25, "font.size": 9, "savefig.dpi": 84})
    if options.pitfall:
        curves = pitfall(options.repeats)
    else:
        counts = np.maximum(1, np.round(4e6 / np.arange(1, options.outputs + 1))).astype(np.int64)
        if options.corpus:
            counts = hogvec.Corpus.from_file(options.corpus).counts[: options.outputs]
        samples = [n for n in (8, 32, 128, 512, 2048) if n <= len(counts) // 2]
        errors = by_noise(counts, samples, options.repeats)
        cosines = by_loss(counts, [1, 10, 100, 1000, 10_000], options.repeats)
    if pyplot is not None:
        figure = pyplot.figure(figsize=(7, 3.7) if options.pitfall else (13, 3.9), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
        if options.pitfall:
            draw_pitfall(figure, curves)
        else:
            draw_noises(figure, counts, errors, cosines)
        figure.savefig(options.plot)
        print(f"\nthe picture is {options.plot}")
