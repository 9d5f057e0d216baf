/**
 * Memory of a process that trains for 2,000 steps with batches of 2. It must not grow.
 *
 *   npm run bench -- memory [--json]
 */

import { createRandomStream } from '../src/core/random.ts';
import { SAMPLE_SIZE } from '../src/core/strain.ts';
import { initialWeights } from '../src/model/weights.ts';
import { createEngine } from '../src/training/engine/engines.ts';
import { createBatch } from '../src/training/input/batch.ts';
import { completeSettings } from '../src/training/settings.ts';
import { tf } from '../test/model/tensorflow.ts';

const STEPS = 2000;
const LOOKS = [20, 200, 500, 1000, 1500, STEPS];

const random = createRandomStream(1, 0, 0);
const engine = createEngine(tf, 'graph', initialWeights('diy', 1), completeSettings({}, 'cpu'));
const signals = Float32Array.from({ length: 2 * SAMPLE_SIZE }, () => random.normal());
const batch = createBatch(tf, signals, [0, 1]);
const seen: { step: number; mb: number }[] = [];
for (let step = 1; step <= STEPS; step++) {
  engine.train(batch, 1e-4, [1, step]);
  if (LOOKS.includes(step)) seen.push({ step, mb: Math.round(process.memoryUsage.rss() / 1e6) });
}
engine.dispose();

if (process.argv.includes('--json')) console.log(JSON.stringify(seen, undefined, 2));
else for (const { step, mb } of seen) console.log(`after ${String(step).padStart(4)} steps  ${mb} MB`);
