/** The linear signal path of signals without noise (SIGNAL_RECIPE), in plain JavaScript. */
import { SAMPLE_SIZE, type Strain } from '../../core/strain.ts';
import { noiseDeviation } from '../noise-deviation.ts';
import { createJavaScriptEngine, createPath } from './javascript.ts';
import type { Engine } from './signal-engine.ts';

/** The largest float16. */
const LARGEST = 65_504;

/** An engine in whose results noise has deviation 1. A detector that doesn't see the signal is no fault. */
export function createSignalsEngine(): Engine {
  return {
    ...createJavaScriptEngine(),
    createPreprocessor: (psd) => createPath(psd, { check, finish: scaleBy(1 / noiseDeviation()) }),
  };
}

function check(strain: Strain): string | undefined {
  if (strain.length !== SAMPLE_SIZE) return `${strain.length} points instead of ${SAMPLE_SIZE}`;
  return strain.every((point) => point === 0) ? 'all detectors are all zero' : undefined;
}

/** Windows one detector and multiplies it by the factor. Returns whether float16 can hold it. */
function scaleBy(factor: number) {
  return (points: Float64Array, taper: Float64Array, out: Float32Array, from: number): boolean => {
    let isSound = true;
    for (let i = 0; i < points.length; i++) {
      const point = points[i]! * taper[i]! * factor;
      out[from + i] = point;
      isSound &&= Math.abs(point) <= LARGEST;
    }
    return isSound;
  };
}
