import { DETECTORS, type Detector } from '../core/strain.ts';

type Vector = readonly [number, number, number];

interface Site {
  /** Vertex, Earth-fixed Cartesian coordinates (WGS 84) [m]. */
  location: Vector;
  /** Unit vectors along the two arms in the same coordinates. */
  arms: readonly [Vector, Vector];
}

/**
 * Geometry of the detectors as LIGO and Virgo publish it: LIGO-T980044 (H1, L1), VIR-NOT-LAP-1390-271 and
 * W. G. Anderson et al., Phys. Rev. D 63, 042003 (2001); the same digits as LAL's LALDetectors.h.
 */
const SITES: Record<Detector, Site> = {
  H1: {
    location: [-2.16141492636e6, -3.83469517889e6, 4.60035022664e6],
    arms: [
      [-0.22389266154, 0.79983062746, 0.55690487831],
      [-0.91397818574, 0.02609403989, -0.40492342125],
    ],
  },
  L1: {
    location: [-7.42760447238e4, -5.49628371971e6, 3.22425701744e6],
    arms: [
      [-0.95457412153, -0.1415807734, -0.26218911324],
      [0.29774156894, -0.48791033647, -0.82054461286],
    ],
  },
  V1: {
    location: [4.546374099e6, 8.42989697626e5, 4.37857696241e6],
    arms: [
      [-0.70045821479, 0.20848948619, 0.68256166277],
      [-0.05379255368, -0.96908180549, 0.24080451708],
    ],
  },
};

/** Speed of light [m/s]. */
const LIGHT_SPEED = 299792458;

/** Direction and orientation of a source; all angles in radians. */
export interface SkyPosition {
  /** Right ascension. */
  ra: number;
  /** Declination. */
  dec: number;
  /** Polarization angle. */
  psi: number;
  /** Greenwich mean sidereal time. */
  gmst: number;
}

/** A detector's response to a source: strain = plus * h+ + cross * hx, `delay` seconds after the geocentre. */
export interface Response {
  plus: number;
  cross: number;
  /** [s]; negative where the wave arrives before it reaches the geocentre. */
  delay: number;
}

/**
 * d[i][j] = (x_i x_j - y_i y_j) / 2, in single precision as in LAL: double precision would differ from LAL by 1e-8.
 */
function responseTensor([x, y]: Site['arms']): number[][] {
  return x.map((_, i) => x.map((_, j) => Math.fround((x[i]! * x[j]! - y[i]! * y[j]!) / 2)));
}

const TENSORS = DETECTORS.map((name) => responseTensor(SITES[name].arms));

/**
 * Antenna patterns and delays of H1, L1 and V1, in this order (Anderson et al. 2001, eqs. B4 to B7; equal to
 * LAL's XLALComputeDetAMResponse and XLALTimeDelayFromEarthCenter).
 */
export function detectorResponses(position: SkyPosition): Response[] {
  const hourAngle = position.gmst - position.ra;
  const [ch, sh] = [Math.cos(hourAngle), Math.sin(hourAngle)];
  const [cd, sd] = [Math.cos(position.dec), Math.sin(position.dec)];
  const [cp, sp] = [Math.cos(position.psi), Math.sin(position.psi)];
  // Axes of the wave's frame: the plus polarization stretches x and squeezes y.
  const x: Vector = [-cp * sh - sp * ch * sd, -cp * ch + sp * sh * sd, sp * cd];
  const y: Vector = [sp * sh - cp * ch * sd, sp * ch + cp * sh * sd, cp * cd];
  const toSource: Vector = [cd * ch, -cd * sh, sd];
  return DETECTORS.map((name, detector) => {
    let plus = 0;
    let cross = 0;
    TENSORS[detector]!.forEach((row, i) => {
      row.forEach((entry, j) => {
        plus += entry * (x[i]! * x[j]! - y[i]! * y[j]!);
        cross += entry * (x[i]! * y[j]! + y[i]! * x[j]!);
      });
    });
    const path = SITES[name].location.reduce((sum, metres, i) => sum + metres * toSource[i]!, 0);
    return { plus, cross, delay: -path / LIGHT_SPEED };
  });
}
