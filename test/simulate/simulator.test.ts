import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SettingError } from '../../src/core/errors.ts';
import { createRandomStream } from '../../src/core/random.ts';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { INDEX_LIMIT, sampleId } from '../../src/simulate/layout.ts';
import type { Injection } from '../../src/simulate/simulated-sample.ts';
import {
  checkSimulationSettings,
  SIMULATION_DEFAULTS,
  type SimulationSettings,
} from '../../src/simulate/simulation-settings.ts';
import { createSimulator } from '../../src/simulate/simulator.ts';
import { drawSource, type Source } from '../../src/simulate/source.ts';
import { fixture, scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';

function strainOf(settings: Partial<SimulationSettings> & { seed: number }, index: number): Float64Array {
  const out = new Float64Array(SAMPLE_SIZE);
  createSimulator(settings).sample(index, out);
  return out;
}

test('a sample is the same whatever samples were made before it', () => {
  const simulator = createSimulator({ seed: 11 });
  const out = new Float64Array(SAMPLE_SIZE);
  const there = [0, 1, 2, 3, 4, 5].map((index) => ({ ...simulator.sample(index, out), strain: out.slice() }));
  const back = [5, 4, 3, 2, 1, 0].map((index) => ({ ...simulator.sample(index, out), strain: out.slice() }));
  assert.deepEqual(back.toReversed(), there);
  assert.deepEqual(strainOf({ seed: 11 }, 4), there[4]!.strain);
  assert.ok(new Set(there.map(({ target }) => target)).size === 2);
});

test('other seeds and other indices give other samples', () => {
  const strains = [
    strainOf({ seed: 11 }, 0),
    strainOf({ seed: 12 }, 0),
    strainOf({ seed: 11 + 2 ** 32 }, 0),
    strainOf({ seed: 11 }, 1),
  ];
  assert.equal(new Set(strains.map((strain) => strain[100])).size, strains.length);
});

test('the share of signals is as set: none, all, or half within chance', () => {
  const out = new Float64Array(SAMPLE_SIZE);
  const count = (signalShare: number, samples: number): number => {
    const simulator = createSimulator({ seed: 2, signalShare });
    let signals = 0;
    for (let index = 0; index < samples; index++) signals += simulator.sample(index, out).target;
    return signals;
  };
  assert.equal(count(0, 50), 0);
  assert.equal(count(1, 50), 50);
  // Four standard deviations of a fair coin.
  assert.ok(Math.abs(count(0.5, 600) - 300) < 2 * Math.sqrt(600));
});

/**
 * Injections, and the noise-free strain of their signals: the difference of a sample and its twin without a signal.
 */
function isolateSignals(count: number): { injection: Injection; strain: Float64Array }[] {
  const loud = createSimulator({ seed: 21, signalShare: 1 });
  const silent = createSimulator({ seed: 21, signalShare: 0 });
  const noise = new Float64Array(SAMPLE_SIZE);
  return Array.from({ length: count }, (_, index) => {
    const strain = new Float64Array(SAMPLE_SIZE);
    const { injection } = loud.sample(index, strain);
    silent.sample(index, noise);
    return { injection: injection!, strain: strain.map((x, i) => x - noise[i]!) };
  });
}

/** Optimal SNRs (rows of H1, L1, V1), measured independently: by SciPy, with LAL's noise curves. */
const MEASURE_SNR = `
import json, sys
import numpy as np
from scipy.signal.windows import tukey
x = np.fromfile(sys.argv[1]).reshape(-1, 3, 4096)
lal = np.load(sys.argv[2])
f = np.fft.rfftfreq(4096, 1 / 2048)[40:2000]
S = [np.exp(np.interp(np.log(f), np.log(lal["psd_frequency"]), np.log(lal[k]))) for k in ("psd_aligo", "psd_aligo", "psd_advirgo")]
Y = np.fft.rfft(x * tukey(4096, .1))[..., 40:2000] / 2048
print(json.dumps(np.sqrt(np.sum(4 * np.abs(Y) ** 2 / np.array(S) * .5, axis=-1)).tolist()))
`;

test('the reported SNRs are those that SciPy measures with the curves of LAL, within 1 %', (t) => {
  const signals = isolateSignals(40);
  const file = join(scratch(t), 'signals.f64');
  writeFileSync(file, Buffer.concat(signals.map(({ strain }) => Buffer.from(strain.buffer))));
  const measured = JSON.parse(runPython(MEASURE_SNR, file, fixture('lal-check.npz'))) as number[][];
  const deviation = (factor: number): number =>
    Math.max(
      ...signals.flatMap(({ injection }, i) => [
        ...injection.snr.map((snr, d) => Math.abs((factor * snr) / measured[i]![d]! - 1)),
        Math.abs((factor * injection.networkSnr) / Math.hypot(...measured[i]!) - 1),
      ]),
    );
  assert.equal(measured.length, 40);
  assert.ok(deviation(1) < 0.01, `${deviation(1)}`);
  assert.ok(deviation(1.02) > 0.01);
});

test('SNRs follow the log-normal distribution of the settings and stay within its limits', () => {
  const out = new Float64Array(SAMPLE_SIZE);
  const draw = (settings: Partial<SimulationSettings>): number[] => {
    const simulator = createSimulator({ seed: 31, signalShare: 1, ...settings });
    return Array.from({ length: 300 }, (_, index) => simulator.sample(index, out).injection!.networkSnr);
  };
  const logs = draw({ snrMedian: 10, snrSigma: 0.4, snrMin: 0.1, snrMax: 1000 }).map((snr) =>
    Math.log(snr / 10),
  );
  const mean = logs.reduce((sum, x) => sum + x, 0) / logs.length;
  const deviation = Math.sqrt(logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logs.length);
  assert.ok(Math.abs(mean) < (4 * 0.4) / Math.sqrt(300), `${mean}`);
  assert.ok(Math.abs(deviation / 0.4 - 1) < 4 / Math.sqrt(600), `${deviation}`);
  const clipped = draw({ snrMedian: 10, snrSigma: 2, snrMin: 9, snrMax: 11 });
  assert.deepEqual([Math.min(...clipped), Math.max(...clipped)], [9, 11]);
});

test('sources stay in the documented ranges and fill them', () => {
  const sources = Array.from({ length: 2000 }, (_, index) =>
    drawSource(createRandomStream(1, index, 1), SIMULATION_DEFAULTS.design),
  );
  const range = (value: (source: Source) => number): [number, number] => {
    const values = sources.map(value);
    return [Math.min(...values), Math.max(...values)];
  };
  const cases: [(source: Source) => number, number, number][] = [
    [({ m1 }) => m1, 5, 80],
    [({ m2 }) => m2, 5, 80],
    [({ m1, m2 }) => m1 / m2, 1, 8],
    [({ chi1 }) => chi1, -0.9, 0.9],
    [({ chi2 }) => chi2, -0.9, 0.9],
    [({ inclination }) => inclination, 0, Math.PI],
    [({ phase }) => phase, 0, 2 * Math.PI],
    [({ ra }) => ra, 0, 2 * Math.PI],
    [({ dec }) => dec, -Math.PI / 2, Math.PI / 2],
    [({ psi }) => psi, 0, Math.PI],
    [({ gmst }) => gmst, 0, 2 * Math.PI],
    [({ tc }) => tc, 1.3, 1.9],
  ];
  for (const [value, low, high] of cases) {
    const [least, most] = range(value);
    const slack = 0.07 * (high - low);
    assert.ok(least >= low - 1e-12 && least < low + slack, `${value} from ${least}, not ${low}`);
    assert.ok(most <= high + 1e-12 && most > high - slack, `${value} to ${most}, not ${high}`);
  }
});

test('like g2net, mergers are from 1.5 to 1.9 s, and chirp masses from 9 to 34 solar masses', () => {
  const simulator = createSimulator({ seed: 61, like: 'g2net', signalsOnly: true });
  const out = new Float64Array(SAMPLE_SIZE);
  const sources = Array.from({ length: 300 }, (_, index) => simulator.sample(index, out).injection!.source);
  const times = sources.map(({ tc }) => tc);
  const masses = sources.map(({ m1, m2 }) => (m1 * m2) ** 0.6 / (m1 + m2) ** 0.2);
  for (const [values, low, high] of [[times, 1.5, 1.9] as const, [masses, 9, 34] as const]) {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const slack = 0.05 * (high - low);
    assert.ok(least >= low && least < low + slack, `${least}`);
    assert.ok(most <= high && most > high - slack, `${most}`);
  }
});

test('signals only are the signals of the noisy samples of the same seed, with an SNR of 1', () => {
  for (const like of ['design', 'g2net'] as const) {
    const bare = createSimulator({ seed: 71, like, signalsOnly: true });
    const noisy = createSimulator({ seed: 71, like, signalShare: 1 });
    const silent = createSimulator({ seed: 71, like, signalShare: 0 });
    const [signal, loud, noise] = [0, 1, 2].map(() => new Float64Array(SAMPLE_SIZE)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    for (let index = 0; index < 5; index++) {
      const { target, injection } = bare.sample(index, signal);
      const { source, networkSnr } = noisy.sample(index, loud).injection!;
      silent.sample(index, noise);
      assert.deepEqual([target, injection!.networkSnr, injection!.source], [1, 1, source]);
      assert.ok(Math.abs(Math.hypot(...injection!.snr) - 1) < 1e-12);
      const peak = signal.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const error = signal.reduce((most, x, i) => {
        return Math.max(most, Math.abs(networkSnr * x - (loud[i]! - noise[i]!)));
      }, 0);
      assert.ok(error < 1e-6 * networkSnr * peak, `${error / peak}`);
    }
  }
});

test('strain has the magnitude of the published data, and every number is finite', () => {
  const strain = strainOf({ seed: 41, signalShare: 1 }, 0);
  assert.ok(strain.every(Number.isFinite));
  const rms = Math.sqrt(strain.reduce((sum, x) => sum + x * x, 0) / strain.length);
  assert.ok(rms > 1e-21 && rms < 1e-19, `${rms}`);
});

test('a sample has the id of its seed and index', () => {
  const out = new Float64Array(SAMPLE_SIZE);
  assert.equal(createSimulator({ seed: 51 }).sample(7, out).id, sampleId(51, 7));
});

test('settings out of their range are refused by name, and omitted settings have their defaults', () => {
  const wrong: [Partial<SimulationSettings>, RegExp][] = [
    [{ seed: -1 }, /^seed \(--seed\) is -1, needed a whole number/],
    [{ seed: 1.5 }, /^seed/],
    [{ seed: 2 ** 53 }, /^seed/],
    [{ snrMedian: 0 }, /^snrMedian/],
    [{ snrMedian: Number.NaN }, /^snrMedian/],
    [{ snrSigma: -0.1 }, /^snrSigma/],
    [{ snrMin: 0 }, /^snrMin/],
    [{ snrMin: 20, snrMax: 10 }, /^snrMax \(--snr-max\) is 10, needed a number of at least snrMin \(20\)/],
    [{ snrMax: Infinity }, /^snrMax/],
    [{ signalShare: 1.01 }, /^signalShare/],
    [{ signalShare: -0.01 }, /^signalShare/],
    [{ like: 'kagra' as 'design' }, /^like \(--like\) is "kagra", needed design or g2net/],
    [
      { mergerMin: 1.95 },
      /^mergerMax \(--merger-max\) is 1.9, needed a number of at least mergerMin \(1.95\)/,
    ],
    [{ mergerMax: 2.1 }, /^mergerMax/],
    [
      { chirpMassMin: 20, chirpMassMax: 20.5 },
      /^chirpMassMax \(--chirp-mass-max\) is 20.5, needed at least 1 more/,
    ],
    [{ signalsOnly: true, snrMedian: 15 }, /^snrMedian \(--snr-median\) is 15, needed 1 with --signals-only/],
    [
      { signalsOnly: true, signalShare: 0.5 },
      /^signalShare \(--signal-share\) is 0.5, needed 1 with --signals-only/,
    ],
  ];
  for (const [settings, message] of wrong) {
    assert.throws(
      () => createSimulator({ seed: 1, ...settings }),
      (error) => error instanceof SettingError && message.test(error.message),
    );
  }
  assert.deepEqual(checkSimulationSettings({ seed: 1, snrMedian: 20 }), {
    ...{ seed: 1, snrMedian: 20, snrSigma: 0.5, snrMin: 1.5, snrMax: 30, signalShare: 0.5 },
    ...{ like: 'design', signalsOnly: false },
    ...{ mergerMin: 1.3, mergerMax: 1.9, chirpMassMin: 4, chirpMassMax: 70 },
  });
  const { mergerMin, chirpMassMax } = checkSimulationSettings({ seed: 1, like: 'g2net', chirpMassMax: 30 });
  assert.deepEqual([mergerMin, chirpMassMax], [1.5, 30]);
});

test('an index out of range or an array of another length is refused', () => {
  const simulator = createSimulator({ seed: 1 });
  const out = new Float64Array(SAMPLE_SIZE);
  for (const index of [-1, 0.5, INDEX_LIMIT, Number.NaN]) {
    assert.throws(() => simulator.sample(index, out), RangeError);
  }
  assert.throws(() => simulator.sample(0, new Float64Array(SAMPLE_SIZE - 1)), RangeError);
});
