/** What decides every byte of a simulated dataset. Flags and variables are named after the settings, see core/setting.ts. */
import { SettingError } from '../core/errors.ts';
import { flagOf, real, requireAccepted, share, type ValuesOf, whole } from '../core/setting.ts';

export const SIMULATION_SETTINGS = {
  seed: whole('the same seed makes the same samples', 0, Number.MAX_SAFE_INTEGER),
  snrMedian: real('median of the log-normal distribution of the network SNR', 1e-3, 1e4),
  snrSigma: real("standard deviation of the SNR's natural logarithm", 0, 3),
  snrMin: real('lower SNRs are raised to this', 1e-3, 1e4),
  snrMax: real('higher SNRs are lowered to this', 1e-3, 1e4),
  signalShare: share('probability that a sample contains a signal'),
};

export type SimulationSettings = ValuesOf<typeof SIMULATION_SETTINGS>;

/** Everything but the seed. A higher snrMedian makes the data easier to learn. */
export const SIMULATION_DEFAULTS: Readonly<Omit<SimulationSettings, 'seed'>> = {
  snrMedian: 7.5,
  snrSigma: 0.5,
  snrMin: 1.5,
  snrMax: 30,
  signalShare: 0.5,
};

/** The settings given, completed by the defaults. Throws SettingError when one is out of its range. */
export function checkSimulationSettings(
  given: Pick<SimulationSettings, 'seed'> & Partial<SimulationSettings>,
): SimulationSettings {
  const settings = { ...SIMULATION_DEFAULTS, ...given };
  const described = (name: keyof SimulationSettings) => `${name} (${flagOf(name)})`;
  for (const name of Object.keys(SIMULATION_SETTINGS) as (keyof SimulationSettings)[]) {
    requireAccepted(SIMULATION_SETTINGS[name], settings[name], described(name));
  }
  const refuse = (name: keyof SimulationSettings, needed: string) =>
    new SettingError(`${described(name)} is ${settings[name]}, needed ${needed}`);
  const { snrMedian, snrMin, snrMax } = settings;
  if (snrMax < snrMin) throw refuse('snrMax', `a number of at least snrMin (${snrMin})`);
  if (snrMedian < snrMin || snrMedian > snrMax) {
    throw refuse('snrMedian', `a number from snrMin (${snrMin}) to snrMax (${snrMax})`);
  }
  return settings;
}
