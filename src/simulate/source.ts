import type { RandomStream } from '../core/random.ts';
import type { SkyPosition } from './detectors.ts';
import type { SimulationSettings } from './simulation-settings.ts';
import type { BinaryMasses } from './waveform/binary.ts';

/** A coalescing binary as the detectors see it, without its distance. */
export interface Source extends BinaryMasses, SkyPosition {
  /** Angle between the orbit's axis and the line of sight [rad], from 0 to pi. */
  inclination: number;
  /** Orbital phase at the merger [rad]. */
  phase: number;
  /** Time when the merger passes the geocentre [s after the sample's start]. */
  tc: number;
}

const MASS_RANGE = [5, 80] as const;
const LARGEST_MASS_RATIO = 8;
const LARGEST_SPIN = 0.9;

/** The part of the prior that is set. */
export type SourcePrior = Pick<
  SimulationSettings,
  'mergerMin' | 'mergerMax' | 'chirpMassMin' | 'chirpMassMax'
>;

/**
 * Draws a source: masses log-uniform from 5 to 80 solar masses, with a ratio of at most 8 and a chirp mass in the range of
 * the prior, otherwise drawn again; spins with isotropic
 * directions and magnitudes up to 0.9, reduced to their component along the orbit's axis; sky position, inclination,
 * polarization and sidereal time isotropic; merger time uniform in the range of the prior.
 */
export function drawSource(stream: RandomStream, prior: SourcePrior): Source {
  const mass = (): number => Math.exp(stream.uniform(Math.log(MASS_RANGE[0]), Math.log(MASS_RANGE[1])));
  const spin = (): number => stream.uniform(0, LARGEST_SPIN) * stream.uniform(-1, 1);
  const angle = (): number => stream.uniform(0, 2 * Math.PI);
  let [m1, m2] = [mass(), mass()];
  while (!isAllowed(m1, m2, prior)) [m1, m2] = [mass(), mass()];
  return {
    m1: Math.max(m1, m2),
    m2: Math.min(m1, m2),
    chi1: spin(),
    chi2: spin(),
    inclination: Math.acos(stream.uniform(-1, 1)),
    phase: angle(),
    ra: angle(),
    dec: Math.asin(stream.uniform(-1, 1)),
    psi: stream.uniform(0, Math.PI),
    gmst: angle(),
    tc: stream.uniform(prior.mergerMin, prior.mergerMax),
  };
}

function isAllowed(m1: number, m2: number, { chirpMassMin, chirpMassMax }: SourcePrior): boolean {
  const mass = chirpMass({ m1, m2 });
  const isRatioAllowed = Math.max(m1, m2) <= LARGEST_MASS_RATIO * Math.min(m1, m2);
  return isRatioAllowed && mass >= chirpMassMin && mass <= chirpMassMax;
}

/** [solar masses] */
export function chirpMass({ m1, m2 }: Pick<BinaryMasses, 'm1' | 'm2'>): number {
  return (m1 * m2) ** 0.6 / (m1 + m2) ** 0.2;
}
