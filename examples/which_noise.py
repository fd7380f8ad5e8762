"""Which noise should a sampled loss draw: log-uniform, or counts to the power of 0.75? Measured, and as a picture.

Outputs follow Zipf's law, or the counts of a text. A model gives each of them the probability u(w) exp(h . w) / Z, so
that contexts differ and frequent outputs are likely in all of them. Takes some seconds; --pitfall draws another picture.
"""

from __future__ import annotations

import argparse

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
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"


def model(counts: np.ndarray, batch: int, dim: int = 32) -> tuple[np.ndarray, ...]:
    """Return hidden vectors, targets drawn from the model's own softmax, rows and bias."""
    random = np.random.default_rng(1)
    hidden = random.normal(size=(batch, dim)).astype(np.float32)
    rows = random.normal(scale=1 / np.sqrt(dim), size=(len(counts), dim)).astype(np.float32)
    bias = np.log(counts / counts.sum()).astype(np.float32)
    scores = hidden @ rows.T + bias
    noise = random.gumbel(size=scores.shape)
    bias -= np.log(np.exp(scores).sum(axis=1)).mean().astype(np.float32)  # scores that are about normalised
    return hidden, (scores + noise).argmax(axis=1), rows, bias


def by_noise(counts: np.ndarray, samples: list[int], repeats: int) -> dict[str, list]:
    """Print and return bias and noise of sampled softmax gradients for each noise and number of draws."""
    u = counts / counts.sum()
    noises = {
        "log-uniform": hogvec.LogUniformSampler(len(counts), counts=counts),
        "unigram^0.75": hogvec.UnigramSampler(counts, power=0.75),
        "uniform": hogvec.UniformSampler(len(counts)),
    }
    arguments = model(counts, batch=64)
    print("noise          KL(u, q)  E_u[u/q]   gradients of a sampled softmax: bias, noise as parts of the gradient")
    found = {}
    for name, noise in noises.items():
        losses = [hogvec.SampledSoftmax(n, sampler=noise) for n in samples]
        found[name] = [gradient_bias(loss, *arguments, repeats=repeats).rows for loss in losses]
        errors = "  ".join(
            f"S={n}: {e.bias:.3f}, {e.variance**0.5:.3f}" for n, e in zip(samples, found[name], strict=True)
        )
        print(f"{name:13} {noise.kl(counts):9.3f} {(u**2 / noise.probability()).sum():9.2f}   {errors}")
    return found


def by_loss(counts: np.ndarray, negatives: list[int], repeats: int) -> dict[str, list[float]]:
    """Print and return the cosine of mean gradients with the full softmax's, for losses of k negatives."""
    arguments = model(counts, batch=64)
    noise = hogvec.UnigramSampler(counts, power=1.0)
    print(f"\ncosine with the gradient of the full softmax, k = {negatives}")
    found = {}
    for name, loss in (("NCE", hogvec.NCE), ("negative sampling", hogvec.NegativeSampling)):
        found[name] = [
            gradient_bias(loss(k, sampler=noise), *arguments, repeats=repeats).rows.cosine for k in negatives
        ]
        print(f"{name:18} " + "  ".join(f"{cosine:.3f}" for cosine in found[name]))
    return found


def pitfall(repeats: int) -> dict[str, tuple[list[int], list[float]]]:
    """Return the bias of gradients against the number of draws, few and far more than there are outputs."""
    counts = 10_000 // np.arange(1, 101)
    noise = hogvec.UnigramSampler(counts, power=0.75)
    arguments = model(counts, batch=256)
    found = {}
    for name, options in {
        '"tf", with replacement': {"unique": False},
        '"importance"': {"unique": False, "positive": "importance"},
        '"tf", unique': {},
    }.items():
        samples = [n for n in (6, 12, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400) if options or n <= 100]
        losses = [hogvec.SampledSoftmax(n, sampler=noise, **options) for n in samples]
        found[name] = samples, [gradient_bias(loss, *arguments, repeats=repeats).rows.bias for loss in losses]
        print(f"{name:24} " + "  ".join(f"{n}: {bias:.4f}" for n, bias in zip(*found[name], strict=True)))
    return found


def lines(axes, xs, curves, *, title, xlabel, ylabel) -> None:
    """Draw curves with their names at their ends."""
    for (name, ys), colour in zip(curves.items(), (BLUE, ORANGE, GREEN), strict=False):
        x, y = (xs, ys) if xs is not None else ys
        axes.plot(x, y, color=colour, marker="o", markersize=3.5, linewidth=1.8)
        axes.annotate(name, (x[-1], y[-1]), xytext=(6, 0), textcoords="offset points", va="center", color=colour)
    axes.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
    axes.set(xlabel=xlabel, ylabel=ylabel, xscale="log")


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
        pyplot.rcParams.update({"grid.alpha": 0.25, "font.size": 9, "savefig.dpi": 110})
