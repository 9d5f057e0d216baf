import { polynomial } from './phenom-coefficients.ts';

/** Two black holes with spins along the orbit's axis. */
export interface BinaryMasses {
  /** Detector-frame masses [solar masses]; > 0, in any order. */
  m1: number;
  m2: number;
  /** Dimensionless spins along the orbital angular momentum, from -1 to 1. */
  chi1: number;
  chi2: number;
}

/** A binary in the terms of the waveform formulas; the heavier body comes first. */
export interface Binary {
  /** Total mass [s]: G M / c^3. */
  mass: number;
  /** Fractions of the total mass, fractions[0] >= fractions[1]. */
  fractions: readonly [number, number];
  /** Spins in the order of the fractions. */
  spins: readonly [number, number];
  /** Symmetric mass ratio, at most 0.25. */
  eta: number;
  /** Difference of the fractions, sqrt(1 - 4 eta). */
  delta: number;
  /** Ringdown and damping frequency of the remnant's (2,2) mode, in units of 1 / mass. */
  ringdown: number;
  damping: number;
}

/** G M_sun / c^3 [s] (IAU 2015 nominal solar mass parameter). */
const SOLAR_MASS = 4.925490947641267e-6;

/** The binary in geometric units, with its remnant black hole. */
export function describeBinary({ m1, m2, chi1, chi2 }: BinaryMasses): Binary {
  const total = m1 + m2;
  const heavierFirst = m1 >= m2;
  const [heavy, light] = heavierFirst ? [m1 / total, m2 / total] : [m2 / total, m1 / total];
  const spins = heavierFirst ? ([chi1, chi2] as const) : ([chi2, chi1] as const);
  const eta = heavy * light;
  const spin = heavy ** 2 * spins[0] + light ** 2 * spins[1];
  const remnantMass = 1 - radiatedEnergy(eta, spin / (heavy ** 2 + light ** 2));
  const remnantSpin = finalSpin(eta, spin);
  return {
    mass: total * SOLAR_MASS,
    fractions: [heavy, light],
    spins,
    eta,
    delta: heavy - light,
    ringdown: ringdownFrequency(remnantSpin) / remnantMass,
    damping: dampingFrequency(remnantSpin) / remnantMass,
  };
}

/** Radiated fraction of the total mass: S. Husa et al., Phys. Rev. D 93, 044006 (2016), eq. 3.8. */
function radiatedEnergy(eta: number, spin: number): number {
  const atRest = polynomial(
    [0, 0.055974469826360077, 0.5809510763115132, -0.9606726679372312, 3.352411249771192],
    eta,
  );
  const above = polynomial([-0.0030302335878845507, -2.0066110851351073, 7.7050567802399215], eta);
  const below = polynomial([-0.6714403054720589, -1.4756929437702908, 7.304676214885011], eta);
  return (atRest * (1 + above * spin)) / (1 + below * spin);
}

/** Dimensionless spin of the remnant: Husa et al. 2016, eq. 3.6. `spin` is (S1 + S2) / M^2. */
function finalSpin(eta: number, spin: number): number {
  const orbital = polynomial(
    [3.4641016151377544, -4.399247300629289, 9.397292189321194, -13.180949901606242],
    eta,
  );
  const fromSpin = polynomial(
    [
      0,
      1 / eta - 0.0850917821418767 - 5.837029316602263 * eta,
      0.1014665242971878 - 2.0967746996832157 * eta,
      -1.3546806617824356 + 4.108962025369336 * eta,
      -0.8676969352555539 + 2.064046835273906 * eta,
    ],
    spin,
  );
  return eta * (orbital + fromSpin);
}

/**
 * Frequency of the (2,2) quasi-normal mode in units of 1 / remnant mass: rational fit of G. Pratten et al.,
 * Phys. Rev. D 102, 064001 (2020), to the numbers of E. Berti et al. (2009) that IMRPhenomD interpolates.
 */
function ringdownFrequency(spin: number): number {
  const above = [
    0.05947169566573468, -0.14989771215394762, 0.09535606290986028, 0.02260924869042963, -0.02501704155363241,
    -0.005852438240997211, 0.0027489038393367993, 0.0005821983163192694,
  ];
  const below = [1, -2.8570126619966296, 2.373335413978394, 0, -0.6036964688511505, 0, 0.0873798215084077];
  return polynomial(above, spin) / polynomial(below, spin);
}

/** Damping frequency of the same mode, same source. */
function dampingFrequency(spin: number): number {
  const above = [
    0.014158792290965177, -0.036989395871554566, 0.026822526296575368, 0.0008490933750566702,
    -0.004843996907020524, -0.00014745235759327472, 0.0001504546201236794,
  ];
  const below = [
    1, -2.5900842798681376, 1.8952576220623967, 0, -0.31416610693042507, 0, 0.009002719412204133,
  ];
  return polynomial(above, spin) / polynomial(below, spin);
}
