"""The peer of bench/preprocess.ts: the per-sample SciPy loop over a folder of .npy files, in several processes.

    python scipy_folder.py RAW PSD PROCESSES RUNS

Loads, filters, whitens, windows and normalizes every sample of RAW/training_labels.csv, and keeps nothing: no
serialization, no writing. Start-up (imports, process creation) is not counted. Prints the seconds of each run.
"""
import os
import sys

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "fixtures"))

import time
from multiprocessing import Pool

import numpy as np
from reference_preprocess import labels, path, preprocess

raw, psd_file, processes, runs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
psd = np.load(psd_file)["avg_psd"]
files = [path(raw, sample) for sample, _ in labels(raw)]


def part(index):
    for file in files[index::processes]:
        preprocess(np.load(file), psd)


if __name__ == "__main__":
    with Pool(processes) as pool:
        pool.map(part, range(processes), chunksize=1)  # page cache, start-up
        for _ in range(runs):
            start = time.perf_counter()
            pool.map(part, range(processes), chunksize=1)
            print(time.perf_counter() - start, flush=True)
