"""The peer of bench/preprocess.ts: the per-sample SciPy loop over a folder of .npy files, in several processes.

    python scipy_folder.py RAW PSD PROCESSES

Loads, filters, whitens, windows and normalizes every sample of RAW/training_labels.csv, and keeps nothing: no
serialization, no writing. PSD is an avg_psd.npz, or `estimate` to average it over the noise samples first, as
chirpline does. Prints the seconds of the loop alone, without imports, process creation and the PSD.
"""
import os
import sys

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "fixtures"))

import time
from multiprocessing import Pool

import numpy as np
from reference_preprocess import labels, path, preprocess, psd_one, smooth_floor

raw, psd_file, processes = sys.argv[1], sys.argv[2], int(sys.argv[3])
rows = labels(raw)


def sum_psd(index):
    noise = [sample for sample, target in rows if target == 0][index::processes]
    return sum(psd_one(np.load(path(raw, sample))) for sample in noise), len(noise)


def preprocess_part(job):
    index, psd = job
    for sample, _ in rows[index::processes]:
        preprocess(np.load(path(raw, sample)), psd)


if __name__ == "__main__":
    with Pool(processes) as pool:
        if psd_file == "estimate":
            sums, counts = zip(*pool.map(sum_psd, range(processes), chunksize=1))
            psd = smooth_floor(sum(sums) / sum(counts))
        else:
            psd = np.load(psd_file)["avg_psd"]
        start = time.perf_counter()
        pool.map(preprocess_part, [(index, psd) for index in range(processes)], chunksize=1)
        print(time.perf_counter() - start)
