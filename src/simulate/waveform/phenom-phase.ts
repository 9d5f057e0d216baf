import type { Binary } from './binary.ts';
import { type PhenomCoefficients, polynomial } from './phenom-coefficients.ts';

/** Below this frequency (in units of 1 / mass) the phase is the inspiral's. */
export const PHASE_INSPIRAL_END = 0.018;

const EULER_GAMMA = 0.5772156649015329;

/** A phase [rad] and its derivative, as functions of frequency in units of 1 / mass. */
export interface Phase {
  value(frequency: number): number;
  slope(frequency: number): number;
}

/**
 * IMRPhenomD's phase (S. Khan et al. 2016): TaylorF2 with four fitted orders, then two fitted regions, each joined
 * with equal value and slope. The waveform is A exp(-i phase).
 */
export function createPhenomPhase(binary: Binary, fits: PhenomCoefficients): Phase {
  const inspiral = inspiralPhase(binary, fits);
  const intermediate = join(inspiral, intermediatePhase(binary, fits), PHASE_INSPIRAL_END);
  const ringdownStart = binary.ringdown / 2;
  const ringdown = join(intermediate, ringdownPhase(binary, fits), ringdownStart);
  const region = (f: number): Phase =>
    f < PHASE_INSPIRAL_END ? inspiral : f < ringdownStart ? intermediate : ringdown;
  return { value: (f) => region(f).value(f), slope: (f) => region(f).slope(f) };
}

/** `next` plus the straight line that makes it continue `last` at the frequency, in value and slope. */
function join(last: Phase, next: Phase, frequency: number): Phase {
  const tilt = last.slope(frequency) - next.slope(frequency);
  const offset = last.value(frequency) - next.value(frequency) - tilt * frequency;
  return {
    value: (f) => next.value(f) + offset + tilt * f,
    slope: (f) => next.slope(f) + tilt,
  };
}

/** sum of c[k] v^(k - 5), plus (log5 + log6 v) ln v, v = (pi f)^(1/3). */
function inspiralPhase(binary: Binary, fits: PhenomCoefficients): Phase {
  const { series, log5, log6 } = inspiralCoefficients(binary, fits);
  const slopes = series.map((coefficient, power) => coefficient * (power - 5));
  return {
    value: (f) => {
      const v = Math.cbrt(Math.PI * f);
      return polynomial(series, v) / v ** 5 + (log5 + log6 * v) * Math.log(v);
    },
    slope: (f) => {
      const v = Math.cbrt(Math.PI * f);
      const alongLogV = polynomial(slopes, v) / v ** 5 + log6 * v * Math.log(v) + log5 + log6 * v;
      return alongLogV / (3 * f);
    },
  };
}

/**
 * TaylorF2 to 3.5 PN with aligned spins (eqs. B6 to B13), and the fitted sigma (eq. 28). The products of spins at 3
 * PN, which were found later, are left out: the model was fitted without them.
 */
function inspiralCoefficients({ eta, fractions, spins }: Binary, fits: PhenomCoefficients) {
  const pi = Math.PI;
  /** Sum over the two bodies of m chi term(m), where m is the body's fraction of the mass. */
  const overSpins = (term: (m: number) => number): number =>
    fractions.reduce((sum, m, i) => sum + m * spins[i]! * term(m), 0);
  const spinFive = overSpins((m) => -(1391.5 / 8.4) + (10 / 3) * eta - m * (1276 / 8.1 + (170 / 9) * eta));
  const order2 = (5 / 9) * (743 / 84 + 11 * eta);
  const order3 = -16 * pi + overSpins((m) => 25 + (38 / 3) * m);
  const order4 =
    (5 / 72) * (3058673 / 7056 + (5429 / 7) * eta + 617 * eta ** 2) -
    (395 / 4) * eta * spins[0] * spins[1] -
    (405 / 8) * fractions.reduce((sum, m, i) => sum + (m * spins[i]!) ** 2, 0);
  const order5 = (5 / 9) * (7729 / 84 - 13 * eta) * pi + spinFive;
  const log5 = 3 * order5;
  const log6 = -6848 / 21;
  const order6 =
    11583231236531 / 4694215680 -
    (640 / 3) * pi ** 2 +
    log6 * (EULER_GAMMA + Math.log(4)) +
    eta * (-15737765635 / 3048192 + (2255 / 12) * pi ** 2) +
    (76055 / 1728) * eta ** 2 -
    (127825 / 1296) * eta ** 3 +
    pi * overSpins((m) => 1490 / 3 + 260 * m);
  const order7 =
    pi * (77096675 / 254016 + (378515 / 1512) * eta - (74045 / 756) * eta ** 2) +
    overSpins(
      (m) =>
        -170978035 / 48384 +
        (2876425 / 672) * eta +
        (4735 / 144) * eta ** 2 +
        m * (-7189233785 / 1524096 + (458555 / 3024) * eta - (5345 / 72) * eta ** 2),
    );
  const scale = 3 / (128 * eta);
  const known = [1, 0, order2, order3, order4, order5, order6, order7].map((order) => order * scale);
  const fitted = [fits.sigma1, (3 / 4) * fits.sigma2, (3 / 5) * fits.sigma3, fits.sigma4 / 2].map(
    (sigma, i) => sigma / (eta * pi ** (1 + i / 3)),
  );
  return { series: [...known, ...fitted], log5: log5 * scale, log6: log6 * scale };
}

/** Eq. 16. */
function intermediatePhase({ eta }: Binary, { beta1, beta2, beta3 }: PhenomCoefficients): Phase {
  return {
    value: (f) => (beta1 * f + beta2 * Math.log(f) - beta3 / (3 * f ** 3)) / eta,
    slope: (f) => (beta1 + beta2 / f + beta3 / f ** 4) / eta,
  };
}

/** Eq. 14. */
function ringdownPhase({ eta, ringdown, damping }: Binary, fits: PhenomCoefficients): Phase {
  const { alpha1, alpha2, alpha3, alpha4, alpha5 } = fits;
  const bend = (f: number): number => (f - alpha5 * ringdown) / damping;
  return {
    value: (f) =>
      (alpha1 * f - alpha2 / f + (4 / 3) * alpha3 * f ** 0.75 + alpha4 * Math.atan(bend(f))) / eta,
    slope: (f) =>
      (alpha1 + alpha2 / f ** 2 + alpha3 / f ** 0.25 + alpha4 / (damping * (1 + bend(f) ** 2))) / eta,
  };
}
