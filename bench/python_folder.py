"""The peers of bench/preprocess.ts over a folder of .npy files, in several processes.

    python python_folder.py scipy|numpy RAW PSD PROCESSES

`scipy` is the per-sample SciPy loop. `numpy` is the fastest NumPy that we could write: four samples at a time, with filtfilt
as one multiplication of the spectrum and a correction of the ends (both in reference_preprocess.py). The program loads,
filters, whitens, windows and normalizes every sample of RAW/training_labels.csv, and writes no output. PSD is an avg_psd.npz,
or `estimate` to average it first over at most 10,000 noise samples, as chirpline does.

Prints the seconds of the loop alone, without imports, process creation, tables and PSD, and the CPU seconds of all processes.
"""
import os
import sys

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "fixtures"))

import resource
import time
from multiprocessing import Pool

import numpy as np
from reference_preprocess import Batch, labels, path, preprocess, psd_one, smooth_floor

kind, raw, psd_file, processes = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
rows = labels(raw)
BLOCK = 4


def sum_psd(index):
    noise = [sample for sample, target in rows if target == 0][:10_000][index::processes]
    return sum(psd_one(np.load(path(raw, sample))) for sample in noise), len(noise)


def preprocess_part(job):
    """Time to preprocess every PROCESSES-th sample [s]."""
    index, psd = job
    files = [path(raw, sample) for sample, _ in rows[index::processes]]
    if kind == "numpy":
        batch = Batch(psd)
        batch.build_fft()
    start = time.perf_counter()
    if kind == "scipy":
        for file in files:
            preprocess(np.load(file), psd)
    else:
        for first in range(0, len(files), BLOCK):
            batch.fft(np.stack([np.load(file) for file in files[first : first + BLOCK]]))
    return time.perf_counter() - start


if __name__ == "__main__":
    with Pool(processes) as pool:
        if psd_file == "estimate":
            sums, counts = zip(*pool.map(sum_psd, range(processes), chunksize=1))
            psd = smooth_floor(sum(sums) / sum(counts))
        else:
            psd = np.load(psd_file)["avg_psd"]
        loop = max(pool.map(preprocess_part, [(index, psd) for index in range(processes)], chunksize=1))
        pool.close()
        pool.join()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(loop, sum(usage.ru_utime + usage.ru_stime for usage in used))
