/** The linear signal path of signals without noise (SIGNAL_RECIPE), in plain JavaScript. */
import { encodeFloat16 } from '../../core/float16.ts';
import { DETECTORS, type Psd, SAMPLE_LENGTH, SAMPLE_SIZE, type Strain } from '../../core/strain.ts';
import { createBandpass } from '../bandpass.ts';
import { nonFinitePoint } from '../check.ts';
import { noiseDeviation } from '../noise-deviation.ts';
import { RECIPE } from '../recipe.ts';
import { createWhitener } from '../whiten.ts';
import { tukey } from '../windows.ts';
import { createJavaScriptEngine } from './javascript.ts';
import type { BlockPreprocessor, Engine } from './signal-engine.ts';

/** An engine whose results have noise of deviation 1. A detector that doesn't see the signal is no fault. */
export function createSignalsEngine(): Engine {
  return { ...createJavaScriptEngine(), createPreprocessor };
}

function createPreprocessor(psd: Psd): BlockPreprocessor {
  const bandpass = createBandpass(tukey(SAMPLE_LENGTH, RECIPE.whitening.taper));
  const whiten = createWhitener(psd);
  const deviation = noiseDeviation();
  const taper = tukey(SAMPLE_LENGTH, RECIPE.normalization.taper).map((weight) => weight / deviation);
  const out = new Float32Array(SAMPLE_SIZE);
  const halves = new Uint8Array(SAMPLE_SIZE * 2);

  function processOne(strain: Strain): string | undefined {
    if (strain.length !== SAMPLE_SIZE) return `${strain.length} points instead of ${SAMPLE_SIZE}`;
    const fault = nonFinitePoint(strain);
    if (fault !== undefined) return fault;
    for (const [detector, name] of DETECTORS.entries()) {
      const whitened = whiten(bandpass(strain, detector), detector);
      for (const [i, point] of whitened.entries()) out[detector * SAMPLE_LENGTH + i] = point * taper[i]!;
      // The largest float16.
      if (!whitened.every((point) => Math.abs(point / deviation) < 65_504))
        return `${name} overflows in preprocessing`;
    }
    return undefined;
  }

  const { inputs } = createJavaScriptEngine().createPreprocessor(psd);
  return {
    inputs,
    process: (block, type) =>
      block.map((strain) => {
        const fault = processOne(strain);
        if (fault !== undefined) return fault;
        if (type === 'float32') return new Uint8Array(out.buffer);
        encodeFloat16(out, halves, 0);
        return halves;
      }),
  };
}
