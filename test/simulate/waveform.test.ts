import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BinaryMasses } from '../../src/simulate/waveform/binary.ts';
import { createWaveform, type Waveform } from '../../src/simulate/waveform/waveform.ts';
import { lalRows, lalValues } from './lal.ts';

/** Distance of LAL's waveforms [Mpc]. */
const DISTANCE = 400;

interface Reference {
  masses: BinaryMasses;
  frequency: number[];
  amplitude: number[];
  /** Known up to whole turns: LAL's phase was unwrapped at steps in which the earliest waves turn more than once. */
  phase: number[];
}

const frequency = lalValues('waveform_frequency');
const amplitudes = lalRows('IMRPhenomD_amplitude', frequency.length);
const phases = lalRows('IMRPhenomD_phase', frequency.length);
const withoutSpins = lalRows('waveform_masses', 2).map(
  ([m1, m2], i): Reference => ({
    masses: { m1: m1!, m2: m2!, chi1: 0, chi2: 0 },
    frequency,
    amplitude: amplitudes[i]!,
    phase: phases[i]!,
  }),
);

/**
 * [Hz, amplitude, phase] of LALSimulation 6.2's IMRPhenomD at 400 Mpc, face-on:
 * SimInspiralChooseFDWaveform(m1, m2, 0, 0, chi1, 0, 0, chi2, distance, 0, 0, 0, 0, 0, 0.25, 20, 1024, 20, None, IMRPhenomD).
 */
const SPINNING: { masses: BinaryMasses; rows: number[][] }[] = [
  {
    masses: { m1: 40, m2: 10, chi1: 0.8, chi2: -0.5 },
    rows: [
      [24, 4.704116e-23, -1.953149],
      [32, 3.318611e-23, -0.851583],
      [40, 2.525765e-23, 3.131688],
      [48, 2.016824e-23, -2.31438],
      [64, 1.407454e-23, -0.112775],
      [80, 1.06068e-23, 1.567473],
      [96, 8.408527e-24, 0.427849],
      [112, 6.917522e-24, -2.024233],
      [128, 5.859782e-24, 1.088662],
      [160, 4.507024e-24, -0.166821],
      [192, 3.728879e-24, -2.340437],
      [224, 3.259044e-24, 1.221668],
      [256, 2.9602e-24, -1.850768],
      [288, 2.75105e-24, 1.108854],
    ],
  },
  {
    masses: { m1: 45, m2: 50, chi1: 0.85, chi2: -0.7 },
    rows: [
      [24, 9.077178e-23, 0.73028],
      [32, 6.161376e-23, 1.646419],
      [40, 4.569067e-23, -1.056995],
      [48, 3.611294e-23, 1.085501],
      [64, 2.584472e-23, -2.690948],
      [80, 2.096294e-23, -1.24986],
      [96, 1.837726e-23, -0.341838],
      [112, 1.681844e-23, 0.236862],
      [128, 1.566868e-23, 0.582148],
      [160, 1.337053e-23, 0.680102],
      [192, 7.904902e-24, -0.137164],
      [224, 1.732611e-24, -0.938014],
      [256, 3.312252e-25, -1.391469],
      [288, 7.545073e-26, -1.794286],
    ],
  },
];
const withSpins = SPINNING.map(
  ({ masses, rows }): Reference => ({
    masses,
    frequency: rows.map(([f]) => f!),
    amplitude: rows.map(([, amplitude]) => amplitude!),
    phase: rows.map(([, , phase]) => phase!),
  }),
);

/**
 * Largest relative deviation of the amplitude where it is above 1e-3 of its largest value, and there the largest
 * deviation of the phase after subtracting the straight line in frequency (free time and phase of the merger).
 */
function deviation(waveform: Waveform, reference: Reference): { amplitude: number; phase: number } {
  const loudest = Math.max(...reference.amplitude);
  const loud = reference.frequency.flatMap((_, i) => (reference.amplitude[i]! > 1e-3 * loudest ? [i] : []));
  const f = loud.map((i) => reference.frequency[i]!);
  const ratios = loud.map((i, j) => waveform.amplitude(f[j]!) / DISTANCE / reference.amplitude[i]!);
  let last = 0;
  const residues = loud.map((i, j) => {
    const residue = -waveform.phase(f[j]!) - reference.phase[i]!;
    last = residue - 2 * Math.PI * Math.round((residue - last) / (2 * Math.PI));
    return last;
  });
  const mean = (x: number[]): number => x.reduce((sum, value) => sum + value, 0) / x.length;
  const [middle, level] = [mean(f), mean(residues)];
  const slope =
    mean(f.map((x, j) => (x - middle) * (residues[j]! - level))) / mean(f.map((x) => (x - middle) ** 2));
  return {
    amplitude: Math.max(...ratios.map((ratio) => Math.abs(ratio - 1))),
    phase: Math.max(...residues.map((value, j) => Math.abs(value - level - slope * (f[j]! - middle)))),
  };
}

for (const reference of [...withoutSpins, ...withSpins]) {
  const { m1, m2, chi1, chi2 } = reference.masses;
  test(`amplitude and phase for ${m1} + ${m2} solar masses, spins ${chi1} and ${chi2}, equal LAL's IMRPhenomD`, () => {
    const { amplitude, phase } = deviation(createWaveform(reference.masses), reference);
    assert.ok(amplitude < 0.001, `amplitude is off by ${amplitude}`);
    assert.ok(phase < 0.001, `phase is off by ${phase}`);
  });
}

test('the comparison with LAL notices masses that are 1 % off and missing spins', () => {
  const [first] = withoutSpins;
  const heavier = createWaveform({ ...first!.masses, m1: first!.masses.m1 * 1.01 });
  assert.ok(deviation(heavier, first!).phase > 0.05);
  const wider: Waveform = { ...createWaveform(first!.masses), amplitude: (f) => heavier.amplitude(f) * 1.02 };
  assert.ok(deviation(wider, first!).amplitude > 0.01);
  for (const reference of withSpins) {
    assert.ok(deviation(createWaveform({ ...reference.masses, chi1: 0 }), reference).phase > 0.05);
  }
});

test('the two bodies can be exchanged', () => {
  const one = createWaveform({ m1: 30, m2: 12, chi1: 0.6, chi2: -0.3 });
  const other = createWaveform({ m1: 12, m2: 30, chi1: -0.3, chi2: 0.6 });
  for (const f of [20, 80, 150, 300, 450]) {
    assert.equal(one.amplitude(f), other.amplitude(f));
    assert.equal(one.phase(f), other.phase(f));
  }
});

test('the time at which the wave passes a frequency is the slope of its phase, zero at the merger', () => {
  const masses = { m1: 40, m2: 25, chi1: 0.3, chi2: 0.1 };
  const waveform = createWaveform(masses);
  for (const f of [15, 30, 55, 60, 90, 200]) {
    const slope = (waveform.phase(f + 1e-3) - waveform.phase(f - 1e-3)) / 2e-3;
    assert.ok(Math.abs(slope / (2 * Math.PI) - waveform.time(f)) < 1e-6, `${f} Hz`);
  }
  const early = waveform.frequencyBefore(3);
  assert.ok(Math.abs(waveform.time(early) + 3) < 1e-6);
  // Newton's chirp: (5 / (256 tau))^(3/8) (G chirp mass / c^3)^(-5/8) / pi = 11.4 Hz; the next orders add a little.
  assert.ok(early > 11 && early < 13, `${early} Hz`);
});

test('the wave is zero above the frequency where the model ends', () => {
  const waveform = createWaveform({ m1: 80, m2: 80, chi1: 0, chi2: 0 });
  assert.equal(waveform.amplitude(0.2001 / (160 * 4.925490947641267e-6)), 0);
  assert.ok(waveform.amplitude(0.1999 / (160 * 4.925490947641267e-6)) > 0);
});
