import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { SAMPLE_LENGTH, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { createBandpass } from '../../src/signal/bandpass.ts';
import { createPreprocessor } from '../../src/signal/preprocessor.ts';
import { averagePsd, createPsdEstimator, mergePsdSums } from '../../src/signal/psd.ts';
import { tukey } from '../../src/signal/windows.ts';
import { fixture, scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';
import { difference, readArrays, relativeDifference } from './arrays.ts';
import { JAVASCRIPT, WEBASSEMBLY } from './engines.ts';

const COUNT = 12;

/** Noise like a detector's (a wall at low frequencies, lines, an offset), and SciPy's results for it. */
const SCRIPT = `
import sys
import numpy as np
from scipy import signal
out, fixtures = sys.argv[1:]
sys.path.insert(0, fixtures)
import reference_preprocess as reference
rng = np.random.default_rng(20251)
f = np.fft.rfftfreq(4096, 1 / 2048)
shape = 1e-23 * (1 + (60 / np.maximum(f, 8)) ** 4 + (f / 300) ** 2)
white = rng.standard_normal((${COUNT}, 3, 4096, 2))[:, :, :2049] @ [1, 1j]
noise = np.fft.irfft(white * shape * np.array([[1], [1.3], [2]]), 4096) * np.sqrt(4096 * 1024)
t = np.arange(4096) / 2048
noise += 3e-21 * np.sin(2 * np.pi * 60 * t) + 1e-20
psd = reference.avg_psd(noise)
sos = signal.butter(4, [20, 500], 'band', fs=2048, output='sos')
arrays = {
    'noise': noise, 'psd': psd,
    'bandpass': signal.sosfiltfilt(sos, noise, padlen=27),
    'final': np.stack([reference.preprocess(x, psd) for x in noise]),
}
for n in (1, 2, 51, 4096):
    for alpha in (0, 0.2, 0.5, 1):
        arrays[f'tukey {n} {alpha}'] = signal.windows.tukey(n, alpha)
np.savez(out, **arrays)
`;

test('against SciPy on seeded noise', async (t) => {
  const out = join(scratch(t), 'scipy.npz');
  runPython(SCRIPT, out, fixture('.'));
  const arrays = await readArrays(out);
  const sampleOf = (name: string, i: number) => arrays(name).subarray(i * SAMPLE_SIZE, (i + 1) * SAMPLE_SIZE);
  const noise = Array.from({ length: COUNT }, (_, i) => sampleOf('noise', i));

  await t.test('the average PSD agrees within 1e-12 in every bin, in one chunk and in three', () => {
    const sums = [noise, noise.slice(0, 5), noise.slice(5, 6), noise.slice(6)].map((chunk) => {
      const estimator = createPsdEstimator();
      for (const strain of chunk) assert.equal(estimator.add(strain), undefined);
      assert.equal(estimator.count, chunk.length);
      return estimator.sum;
    });
    const whole = averagePsd(sums[0]!, COUNT);
    const merged = averagePsd(mergePsdSums(sums.slice(1)), COUNT);
    assert.ok(relativeDifference(whole, arrays('psd')) < 1e-12);
    assert.ok(relativeDifference(merged, arrays('psd')) < 1e-12);
    assert.ok(!(relativeDifference(averagePsd(sums[0]!, COUNT + 1), arrays('psd')) < 1e-12));
  });

  await t.test('the band-pass agrees with sosfiltfilt, which is as accurate, within 1e-12', () => {
    const bandpass = createBandpass(new Float64Array(SAMPLE_LENGTH).fill(1));
    for (const [i, strain] of noise.entries()) {
      const actual = [0, 1, 2].flatMap((row) => Array.from(bandpass(strain, row)));
      assert.ok(difference(actual, sampleOf('bandpass', i)) < 1e-12);
    }
  });

  await t.test('the float32 output agrees', () => {
    for (const [engine, limit] of [
      [JAVASCRIPT, 1e-6],
      [WEBASSEMBLY, 1e-5],
    ] as const) {
      const { process } = createPreprocessor(arrays('psd'), engine);
      const out = new Float32Array(SAMPLE_SIZE);
      for (const [i, strain] of noise.entries()) {
        assert.equal(process(strain, out), undefined);
        assert.ok(difference(out, sampleOf('final', i), 1) < limit);
      }
      assert.ok(!(difference(out, sampleOf('final', 0), 1) < limit));
    }
  });

  await t.test('the Tukey window agrees for any length and taper', () => {
    for (const n of [1, 2, 51, 4096]) {
      // SciPy computes the right edge separately, from an argument that is off by about 1e-15. Ours mirrors the left
      // edge.
      for (const alpha of [0, 0.2, 0.5, 1]) {
        assert.ok(difference(tukey(n, alpha), arrays(`tukey ${n} ${alpha}`), 1) < 1e-14, `${n} ${alpha}`);
      }
    }
    assert.ok(!(difference(tukey(51, 0.5), arrays('tukey 51 0.2'), 1) < 1e-14));
  });
});
