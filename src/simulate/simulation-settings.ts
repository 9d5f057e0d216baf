/** What decides every byte of a simulated dataset. Flags and variables are named after the settings, see core/setting.ts. */
import { SettingError } from '../core/errors.ts';
import {
  choice,
  flagOf,
  onOff,
  real,
  requireAccepted,
  share,
  type ValuesOf,
  whole,
} from '../core/setting.ts';

export const SIMULATION_SETTINGS = {
  seed: whole('the same seed makes the same samples', 0, Number.MAX_SAFE_INTEGER),
  like: choice(
    'noise spectra, and defaults of merger times and chirp masses: of the detectors as designed, or of the G2Net data',
    ['design', 'g2net'],
  ),
  signalsOnly: onOff('no noise: every sample is a signal, scaled to a network SNR of 1'),
  snrMedian: real('median of the log-normal distribution of the network SNR', 1e-3, 1e4),
  snrSigma: real("standard deviation of the SNR's natural logarithm", 0, 3),
  snrMin: real('lower SNRs are raised to this', 1e-3, 1e4),
  snrMax: real('higher SNRs are lowered to this', 1e-3, 1e4),
  signalShare: share('probability that a sample contains a signal'),
  mergerMin: real('earliest merger, seconds after the start of the sample', 0, 2),
  mergerMax: real('latest merger', 0, 2),
  // Two masses of 5 to 80 solar masses have a chirp mass of 4.35 to 69.6.
  chirpMassMin: real('smallest chirp mass, in solar masses', 4, 69),
  chirpMassMax: real('largest chirp mass', 5, 70),
};

export const SAMPLES = whole('number of samples', 1, 10_000_000);

export type SimulationSettings = ValuesOf<typeof SIMULATION_SETTINGS>;

/** Settings of which only the seed must be given. */
export type GivenSettings = Pick<SimulationSettings, 'seed'> & Partial<SimulationSettings>;

/** Everything but the seed and what depends on `like`. A higher snrMedian makes the data easier to learn. */
const COMMON_DEFAULTS = {
  like: 'design',
  signalsOnly: false,
  snrMedian: 7.5,
  snrSigma: 0.5,
  snrMin: 1.5,
  snrMax: 30,
  signalShare: 0.5,
} as const;

/** Everything but the seed. */
export const SIMULATION_DEFAULTS: Readonly<
  Record<SimulationSettings['like'], Readonly<Omit<SimulationSettings, 'seed'>>>
> = {
  design: { ...COMMON_DEFAULTS, mergerMin: 1.3, mergerMax: 1.9, chirpMassMin: 4, chirpMassMax: 70 },
  g2net: {
    ...COMMON_DEFAULTS,
    like: 'g2net',
    mergerMin: 1.5,
    mergerMax: 1.9,
    chirpMassMin: 9,
    chirpMassMax: 34,
  },
};

/** What `signalsOnly` fixes. */
const UNIT_SIGNALS = { snrMedian: 1, snrSigma: 0, snrMin: 1, snrMax: 1, signalShare: 1 } as const;

/** Masses are drawn until they fit: a narrower range could take forever. [solar masses] */
const LEAST_CHIRP_MASS_RANGE = 1;

/** The settings given, completed by the defaults. Throws SettingError when one is out of its range or contradicts another. */
export function checkSimulationSettings(given: GivenSettings): SimulationSettings {
  const described = (name: keyof SimulationSettings) => `${name} (${flagOf(name)})`;
  const defaults = { ...SIMULATION_DEFAULTS[given.like ?? 'design'], ...(given.signalsOnly && UNIT_SIGNALS) };
  const settings: SimulationSettings = { ...defaults, ...given };
  for (const name of Object.keys(SIMULATION_SETTINGS) as (keyof SimulationSettings)[]) {
    requireAccepted<unknown>(SIMULATION_SETTINGS[name], settings[name], described(name));
  }
  const refuse = (name: keyof SimulationSettings, needed: string) =>
    new SettingError(`${described(name)} is ${settings[name]}, needed ${needed}`);
  if (settings.signalsOnly) {
    for (const [name, fixed] of Object.entries(UNIT_SIGNALS) as [keyof typeof UNIT_SIGNALS, number][]) {
      if (settings[name] === fixed) continue;
      throw refuse(
        name,
        `${fixed} with ${flagOf('signalsOnly')}, or none given: all signals have an SNR of 1`,
      );
    }
  }
  const { snrMedian, snrMin, snrMax, mergerMin, mergerMax, chirpMassMin, chirpMassMax } = settings;
  if (snrMax < snrMin) throw refuse('snrMax', `a number of at least snrMin (${snrMin})`);
  if (snrMedian < snrMin || snrMedian > snrMax) {
    throw refuse('snrMedian', `a number from snrMin (${snrMin}) to snrMax (${snrMax})`);
  }
  if (mergerMax < mergerMin) throw refuse('mergerMax', `a number of at least mergerMin (${mergerMin})`);
  if (chirpMassMax < chirpMassMin + LEAST_CHIRP_MASS_RANGE) {
    throw refuse(
      'chirpMassMax',
      `at least ${LEAST_CHIRP_MASS_RANGE} more than chirpMassMin (${chirpMassMin})`,
    );
  }
  return settings;
}
