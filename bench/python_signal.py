"""The peers of bench/signal.ts. For each line on stdin it processes all samples and prints the seconds.

    python python_signal.py FOLDER    (strain and psd, raw float64; writes SciPy's results to FOLDER/final)

A line is `scipy` (the per-sample loop), `numpy` (the fastest NumPy that we could write, blocks of four) or `psd` (SciPy's PSD).
"""
import os
import sys

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "fixtures"))

import time

import numpy as np
import reference_preprocess as reference

folder = sys.argv[1]
samples = np.fromfile(folder + "/strain", np.float64).reshape(-1, 3, 4096)
psd = np.fromfile(folder + "/psd", np.float64).reshape(3, 2049)
np.stack([reference.preprocess(x, psd) for x in samples]).tofile(folder + "/final")
batch = reference.Batch(psd)
batch.build_fft()
work = {
    "scipy": lambda: [reference.preprocess(x, psd) for x in samples],
    "numpy": lambda: [batch.fft(samples[i : i + 4]) for i in range(0, len(samples), 4)],
    "psd": lambda: reference.avg_psd(samples),
}
for line in sys.stdin:
    start = time.perf_counter()
    work[line.strip()]()
    print(time.perf_counter() - start, flush=True)
