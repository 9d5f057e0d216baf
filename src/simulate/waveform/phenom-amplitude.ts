import type { Binary } from './binary.ts';
import { type PhenomCoefficients, polynomial } from './phenom-coefficients.ts';

/** Below this frequency (in units of 1 / mass) the amplitude is the inspiral's. */
const INSPIRAL_END = 0.014;

export interface PhenomAmplitude {
  /** Frequency where the amplitude of the ringdown region peaks, in units of 1 / mass: the merger. */
  peak: number;
  /** Amplitude at a frequency in units of 1 / mass, divided by the leading order f^(-7/6). */
  shape(frequency: number): number;
}

/**
 * IMRPhenomD's amplitude: post-Newtonian inspiral, a quartic for the intermediate region, a damped Lorentzian for the
 * ringdown (S. Khan et al. 2016, eqs. 30, 21 and 19).
 */
export function createPhenomAmplitude(binary: Binary, fits: PhenomCoefficients): PhenomAmplitude {
  const { ringdown } = binary;
  const { gamma1, gamma2 } = fits;
  const width = binary.damping * fits.gamma3;
  const inspiralSeries = inspiralCoefficients(binary, fits);
  const inspiralSlopes = inspiralSeries.map((coefficient, power) => (coefficient * power) / 3);

  const inspiral = (f: number): number => polynomial(inspiralSeries, Math.cbrt(Math.PI * f));
  const inspiralSlope = (f: number): number => polynomial(inspiralSlopes, Math.cbrt(Math.PI * f)) / f;
  const lorentzian = (f: number): number => {
    const x = (f - ringdown) / width;
    return (gamma1 * Math.exp(-gamma2 * x)) / (width * (1 + x * x));
  };
  const lorentzianSlope = (f: number): number => {
    const x = (f - ringdown) / width;
    return (-lorentzian(f) * (gamma2 + (2 * x) / (1 + x * x))) / width;
  };

  // The zero of the Lorentzian's slope. It doesn't exist for gamma2 above 1, where the model defines the peak like
  // this.
  const root = gamma2 < 1 ? Math.sqrt(1 - gamma2 ** 2) - 1 : -1;
  const peak = Math.abs(ringdown + (width * root) / gamma2);
  const middle = (INSPIRAL_END + peak) / 2;
  const intermediate = joiningQuartic(
    { at: INSPIRAL_END, value: inspiral(INSPIRAL_END), slope: inspiralSlope(INSPIRAL_END) },
    { at: middle, value: fits.v2 },
    { at: peak, value: lorentzian(peak), slope: lorentzianSlope(peak) },
  );
  return {
    peak,
    shape: (f) => (f < INSPIRAL_END ? inspiral(f) : f < peak ? intermediate(f) : lorentzian(f)),
  };
}

/** Coefficients of v^0 ... v^9, v = (pi f)^(1/3): Khan et al., eqs. B14 to B20, and the fitted rho for the last three. */
function inspiralCoefficients({ eta, delta, spins }: Binary, fits: PhenomCoefficients): number[] {
  const [chi1, chi2] = spins;
  const squares = chi1 ** 2 + chi2 ** 2;
  const product = chi1 * chi2;
  const sum = chi1 + chi2;
  // Differences are multiplied by delta, so that exchanging the two bodies changes nothing.
  const unevenSquares = delta * (chi1 ** 2 - chi2 ** 2);
  const uneven = delta * (chi1 - chi2);
  const second = -323 / 224 + (451 / 168) * eta;
  const third = (27 / 16) * (sum + uneven) - (11 / 12) * eta * sum;
  const fourth =
    -27312085 / 8128512 -
    (1975055 / 338688) * eta +
    (105271 / 24192) * eta ** 2 -
    (81 / 64) * (squares + unevenSquares) +
    (81 / 32) * eta * squares -
    (47 / 16) * eta * product;
  const fifth =
    (285197 * (sum + uneven) -
      4 * eta * (91902 * sum + 1579 * uneven) -
      35632 * eta ** 2 * sum +
      42840 * (4 * eta - 1) * Math.PI) /
    32256;
  const sixth =
    (polynomial(
      [
        -177520268561 + 107414046432 * (squares + unevenSquares) + 11087290368 * Math.PI * (sum + uneven),
        (-12 / 7) *
          (-545384828789 -
            176491177632 * product +
            202603761360 * squares +
            77287373856 * unevenSquares +
            5841690624 * Math.PI * sum +
            21384760320 * Math.PI ** 2),
        48 * (-3248849057 + 2943675504 * squares - 3339284256 * product),
        324322727232 / 7,
      ],
      eta,
    ) *
      7) /
    60085960704;
  const fitted = [fits.rho1, fits.rho2, fits.rho3].map((rho, i) => rho * Math.PI ** (-(7 + i) / 3));
  return [1, 0, second, third, fourth, fifth, sixth, ...fitted];
}

interface Knot {
  at: number;
  value: number;
}

/**
 * The quartic with the given values and slopes at both ends and the given value between (Newton's divided
 * differences).
 */
function joiningQuartic(
  left: Knot & { slope: number },
  middle: Knot,
  right: Knot & { slope: number },
): (x: number) => number {
  const nodes = [left.at, left.at, middle.at, right.at, right.at];
  let differences = [left.value, left.value, middle.value, right.value, right.value];
  const coefficients = [left.value];
  for (let order = 1; order < nodes.length; order++) {
    differences = differences.slice(1).map((value, i) => {
      const span = nodes[i + order]! - nodes[i]!;
      // At two equal nodes, the limit of the quotient is the slope.
      if (span === 0) return i === 0 ? left.slope : right.slope;
      return (value - differences[i]!) / span;
    });
    coefficients.push(differences[0]!);
  }
  return (x) => coefficients.reduceRight((value, coefficient, i) => value * (x - nodes[i]!) + coefficient, 0);
}
