"""The loss curves of logistic regressions with several lengths of the step, in Python and by a kernel."""

import argparse
import math
import pathlib
import random
import time

import chart
import numpy as np

import gomp as multiprocessing
from gomp import kernels

L2, BATCH, EPOCHS = 1e-4, 16, 15
TRUTH = [2.0, -1.0, 0.5, 0.0, -3.0, 1.0, 0.0, 0.5]


def samples(count):
    """Return points at random, and to which of two classes each belongs: the likelier, the farther from a plane."""
    source = random.Random(1)
    features = [[source.gauss(0, 1) for _ in TRUTH] for _ in range(count)]
    margins = [sum(a * b for a, b in zip(row, TRUTH, strict=True)) for row in features]
    return features, [float(source.random() < 1 / (1 + math.exp(-margin))) for margin in margins]


def python_epoch(features, targets, weights, rate, l2, batch, seed):
    """Do what kernels.logistic_epoch does, with Python's random numbers."""
    weights, order, loss = list(weights), list(range(len(features))), 0.0
    random.Random(seed).shuffle(order)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        gradient = [l2 * w for w in weights[:-1]] + [0.0]
        for i in chosen:
            row = [*features[i], 1.0]
            z = sum(w * x for w, x in zip(weights, row, strict=True))
            loss += math.log1p(math.exp(-abs(z))) + max(z, 0) - targets[i] * z
            error = (1 / (1 + math.exp(-z)) - targets[i]) / len(chosen)
            gradient = [g + error * x for g, x in zip(gradient, row, strict=True)]
        weights = [w - rate * g for w, g in zip(weights, gradient, strict=True)]
    return weights, loss / len(order)


def train(pool, epoch, features, targets, start, rates):
    """Train a model with each rate, side by side; return the losses, the weights and the seconds."""
    began = time.perf_counter()
    models, losses = [start] * len(rates), [[] for _ in rates]
    for seed in range(EPOCHS):
        tasks = [(features, targets, m, r, L2, BATCH, seed) for m, r in zip(models, rates, strict=True)]
        results = pool.starmap(epoch, tasks, chunksize=1)
        models = [weights for weights, _ in results]
        for known, (_, loss) in zip(losses, results, strict=True):
            known.append(loss)
    return losses, models, time.perf_counter() - began


def main():
    """Train in both ways, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4000, help="number of samples (default: 4000)")
    parser.add_argument("--png", type=pathlib.Path, default=pathlib.Path("loss.png"))
    arguments = parser.parse_args()
    features, targets = samples(arguments.samples)
    start, rates = [0.0] * (len(TRUTH) + 1), [0.3, 0.03, 0.003]
    with multiprocessing.Pool() as pool:
        arrays = np.array(features), np.array(targets), np.array(start)
        kernel, models, took_kernel = train(pool, kernels.logistic_epoch, *arrays, rates)
        python, _, took_python = train(pool, python_epoch, features, targets, start, rates)
    print(f"{arguments.samples} samples: {took_python:.2f} s in Python, {took_kernel:.3f} s by the kernel")
    chart.write_chart(arguments.png, {f"rate {rate}": losses for rate, losses in zip(rates, kernel, strict=True)})
    print(f"weights: {np.round(models[1], 2).tolist()}; the samples were made with {[*TRUTH, 0.0]}")
    assert np.allclose(kernel, python, atol=0.05)
    assert all(losses[-1] < losses[0] for losses in kernel)


if __name__ == "__main__":
    main()
