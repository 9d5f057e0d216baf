"""How many signals preprocessing recipes leave to be found, without training: the AUC of one search, by matched filters, on the
samples that each recipe makes.

    python recipes.py TRAIN TEST SIGNALS [RECIPE...] [--templates 60] [--samples 3000] [--noise 3000] [--seed 1]

TRAIN and TEST are folders of raw samples with training_labels.csv, SIGNALS one of `chirpline simulate --signals-only`. The noise
samples of TRAIN give each recipe's PSD, its tapers' effect and the power of the noise at each frequency. The templates are signals of
SIGNALS that went through the linear part of the recipe, so none is favoured. The search is like that of the preset
`matched` (src/model/matched-filters.ts), with fixed weights, a higher rate and fewer merger times. Needs NumPy and SciPy.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "test", "fixtures"))

import numpy as np
import scipy.fft as fft
import scipy.signal as signal
from reference_preprocess import labels, path
from scipy.signal.windows import tukey

RATE, POINTS, BINS = 2048, 4096, 1024
# Ends of the band of the search [bins of 0.5 Hz], and the merger times that it covers [points of an output at 512 Hz].
LOW, HIGH = 50, 690
FIRST, END, LAG = 742, 998, 5
POWER_SCALE, LARGEST = 0.37, 60


class Reference:
    """Band-pass, taper, whitening, second taper. The PSD is that of the tapered noise before the band-pass, which shapes the result."""

    def __init__(self, noise, tapers=(0.5, 0.2), band=(20, 500), order=4):
        self.band = signal.butter(order, band, "bandpass", fs=RATE)
        self.first, self.second = (tukey(POINTS, share) for share in tapers)
        self.weight = self.first * self.second
        self.asd = np.sqrt(np.mean([np.abs(fft.rfft(x * self.first)) ** 2 for x in noise], axis=0))

    def linear(self, x):
        tapered = signal.filtfilt(*self.band, x, padlen=27) * self.first
        return fft.irfft(fft.rfft(tapered) / (self.asd + 1e-12 * self.asd.max())) * self.second


class Extended:
    """Third place of the competition: point mirrors at both ends, a taper on them alone, whitening, a cosine mask at the lower end."""

    def __init__(self, noise, cut=(15, 20)):
        self.taper = tukey(2 * POINTS, 0.5)
        self.weight = np.ones(POINTS)
        rise = np.clip((np.arange(POINTS + 1) / 4 - cut[0]) / (cut[1] - cut[0]), 0, 1)
        self.mask = (1 - np.cos(np.pi * rise)) / 2
        self.asd = np.sqrt(np.mean([np.abs(self.spectrum(x)) ** 2 for x in noise], axis=0))

    def spectrum(self, x):
        half = POINTS // 2
        before = 2 * x[:, :1] - x[:, half:0:-1]
        after = 2 * x[:, -1:] - x[:, -2 : -half - 2 : -1]
        return fft.rfft(np.concatenate([before, x, after], axis=1) * self.taper)

    def linear(self, x):
        half = POINTS // 2
        return fft.irfft(self.spectrum(x) / self.asd * self.mask)[:, half : half + POINTS]


RECIPES = {
    "reference": Reference,
    "milder-tapers": lambda noise: Reference(noise, tapers=(0.1, 0.05)),
    "steep-cut": lambda noise: Reference(noise, band=(25, 500), order=8),
    "milder-tapers-steep-cut": lambda noise: Reference(noise, tapers=(0.1, 0.05), band=(25, 500), order=8),
    "extended": Extended,
    "extended-cut-20-25": lambda noise: Extended(noise, cut=(20, 25)),
}


def search(recipe, noise, samples, templates):
    """Log likelihood ratios of the samples, up to a constant."""
    undo = 1 / np.maximum(recipe.weight, 0.1)

    def prepared(x):
        """As a record holds it: deviation 1 per detector, float16."""
        y = recipe.linear(x)
        y = (y - y.mean(1, keepdims=True)) / y.std(1, keepdims=True)
        return fft.rfft(y.astype(np.float16).astype(np.float32) * undo)[:, :BINS]

    power = np.mean([np.abs(prepared(x)) ** 2 for x in noise], axis=0)
    spectra = np.stack([prepared(x) for x in samples], 1).astype(np.complex64)
    band = np.zeros(BINS)
    band[LOW:HIGH] = 1
    total = np.full(len(samples), -np.inf)
    for template in templates:
        h = fft.rfft(recipe.linear(template) * undo)[:, :BINS] * band
        merger = np.sum(np.abs(fft.ifft(h)) ** 2, axis=0).argmax()
        matched = np.conj(h * np.exp(2j * np.pi * np.arange(BINS) * merger / BINS)) / power
        deviation = np.sqrt((np.abs(matched) ** 2 * power).sum(1) / 2) / BINS
        joint = 0
        for detector in range(3):
            kernel = (matched[detector] / deviation[detector]).astype(np.complex64)
            output = fft.ifft(spectra[detector] * kernel)[:, FIRST - LAG : END + LAG]
            likelihood = np.exp(np.minimum(POWER_SCALE * np.abs(output) ** 2, LARGEST))
            arrivals = sum(likelihood[:, i : i + END - FIRST] for i in range(2 * LAG + 1)) / (2 * LAG + 1)
            joint = joint + np.log(arrivals)
        peak = joint.max(1, keepdims=True)
        total = np.logaddexp(total, (peak + np.log(np.mean(np.exp(joint - peak), axis=1, keepdims=True)))[:, 0])
    return total


def auc(scores, targets):
    ranks = np.argsort(np.argsort(scores)) + 1
    signals = targets.sum()
    return (ranks[targets == 1].sum() - signals * (signals + 1) / 2) / (signals * (len(targets) - signals))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("train", "test", "signals"):
        parser.add_argument(name)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=", ".join(RECIPES))
    for name, number in (("templates", 60), ("samples", 3000), ("noise", 3000), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=number)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)

    def choose(folder, count, wanted=(0, 1)):
        rows = [row for row in labels(folder) if row[1] in wanted]
        chosen = random.permutation(len(rows))[:count]
        return [np.load(path(folder, rows[i][0])) for i in chosen], np.array([rows[i][1] for i in chosen])

    noise, _ = choose(options.train, options.noise, (0,))
    samples, targets = choose(options.test, options.samples)
    templates, _ = choose(options.signals, options.templates)
    names = options.recipes or list(RECIPES)
    first = None
    for name in names:
        scores = search(RECIPES[name](noise), noise, samples, templates)
        first = scores if first is None else first
        differences = []
        for _ in range(1000):
            again = random.integers(0, len(targets), len(targets))
            differences.append(auc(scores[again], targets[again]) - auc(first[again], targets[again]))
        low, high = np.quantile(differences, (0.025, 0.975))
        print(f"{name:24} AUC {auc(scores, targets):.4f}  minus {names[0]}: {low:+.4f} to {high:+.4f}", flush=True)


main()
