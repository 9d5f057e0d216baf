"""The difference of the AUCs of two models on the same samples, with its 95 % interval over the choice of the samples.

    python paired.py LABELS A.csv B.csv

LABELS is a training_labels.csv, A.csv and B.csv are what `chirpline predict` wrote. The interval is that of E. DeLong, D. DeLong,
D. Clarke-Pearson, Biometrics 44 (1988), for correlated curves. Models that were trained with other seeds differ by more than that.
Needs NumPy and SciPy.
"""
import csv
import sys

import numpy as np
from scipy.stats import rankdata


def read(path):
    with open(path, newline="") as file:
        return {row["id"]: float(row["target"]) for row in csv.DictReader(file)}


def shares(scores, targets):
    """Of each signal the share of noise samples below it, and of each noise sample that of signals above it."""
    ranks = rankdata(scores)
    signals, noise = targets == 1, targets == 0
    below = (ranks[signals] - rankdata(scores[signals])) / noise.sum()
    above = 1 - (ranks[noise] - rankdata(scores[noise])) / signals.sum()
    return below, above


labels, *models = map(read, sys.argv[1:])
if len(models) != 2 or any(model.keys() != models[0].keys() or not model.keys() <= labels.keys() for model in models):
    sys.exit("needed a labels file and two predictions of the same samples, all of which have a label")
targets = np.array([labels[name] for name in models[0]])
first, second = (shares(np.array([model[name] for name in models[0]]), targets) for model in models)
difference = second[0].mean() - first[0].mean()
variance = sum(np.var(b - a, ddof=1) / len(a) for a, b in zip(first, second))
print(f"AUC {first[0].mean():.4f} and {second[0].mean():.4f}  difference {difference:+.4f} "
      f"({difference - 1.96 * variance**0.5:+.4f} to {difference + 1.96 * variance**0.5:+.4f})")
