/**
 * A training step of DIYModel beside a Keras tf.function step of the same model, and the memory of many steps.
 *
 *   npm run bench -- training [--json]
 *
 * Both steps run on the CPU with TensorFlow's default number of threads, and take turns, so that a change of the
 * machine's speed meets both. Both count from arrays in memory to the loss as a number; the first steps, which compile
 * and allocate, count for neither.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createDiyModel } from '../src/model/diy.ts';
import { initialWeights } from '../src/model/weights.ts';
import { createRandomStream } from '../src/random.ts';
import { SAMPLE_SIZE } from '../src/strain.ts';
import { createAdamW } from '../src/training/adamw.ts';
import type { Batch } from '../src/training/batch.ts';
import { trainStep } from '../src/training/step.ts';
import { tf } from '../test/model/tensorflow.ts';
import { PYTHON } from '../test/support/python.ts';

const BATCH_SIZE = 64;
const WARM_UP = 2;
const STEPS = 10;
const MEMORY_BATCH_SIZE = 4;
const MEMORY_STEPS = 200;
const MEMORY_WARM_UP = 20;

// First, while nothing large has been in memory.
const small = createStep(MEMORY_BATCH_SIZE);
const resident = () => process.memoryUsage.rss() / 1e6;
let settled = 0;
for (let i = 0; i < MEMORY_STEPS; i++) {
  if (i === MEMORY_WARM_UP) settled = resident();
  small();
}
const finallyResident = resident();

const ours: number[] = [];
const theirs: number[] = [];
const step = createStep(BATCH_SIZE);
const keras = startKeras(BATCH_SIZE);
for (let i = 0; i < WARM_UP + STEPS; i++) {
  const start = performance.now();
  step();
  const seconds = (performance.now() - start) / 1000;
  const kerasSeconds = await keras.step();
  if (i < WARM_UP) continue;
  ours.push(seconds);
  theirs.push(kerasSeconds);
}
keras.stop();

const result = {
  threads: availableParallelism(),
  batch_size: BATCH_SIZE,
  step_seconds: median(ours),
  keras_step_seconds: median(theirs),
  ratio: median(ours) / median(theirs),
  memory_steps: MEMORY_STEPS,
  memory_mb_settled: settled,
  memory_mb_at_end: finallyResident,
};
if (process.argv.includes('--json')) console.log(JSON.stringify(result, undefined, 2));
else {
  console.log(`training step, batch ${BATCH_SIZE}, ${result.threads} threads, median of ${STEPS} steps`);
  console.log(
    `  chirpline          ${result.step_seconds.toFixed(2)} s   ${result.ratio.toFixed(2)} x Keras`,
  );
  console.log(`  Keras tf.function  ${result.keras_step_seconds.toFixed(2)} s`);
  console.log(
    `memory in ${MEMORY_STEPS} steps of ${MEMORY_BATCH_SIZE}: ${settled.toFixed(0)} MB after ${MEMORY_WARM_UP}, ${result.memory_mb_at_end.toFixed(0)} MB at the end`,
  );
}

/** A step on one batch of noise, again and again. */
function createStep(size: number): () => void {
  const random = createRandomStream(1, 0, 0);
  const model = createDiyModel(tf, initialWeights(1), { dropout: 0.5 });
  const optimizer = createAdamW(tf, model.variables.values());
  const batch: Batch = {
    size,
    signals: Float32Array.from({ length: size * SAMPLE_SIZE }, () => random.normal()),
    labels: Float32Array.from({ length: size }, (_, i) => i % 2),
    ids: [],
  };
  let count = 0;
  return () => {
    const loss = trainStep(tf, model, optimizer, batch, 1e-4, [1, count++]);
    if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
  };
}

/** A Python process that makes a Keras step when asked and tells its seconds. */
function startKeras(size: number): { step(): Promise<number>; stop(): void } {
  const script = fileURLToPath(new URL('keras_step.py', import.meta.url));
  const child = spawn(PYTHON, [script, String(size)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    step: async () => {
      child.stdin.write('\n');
      const { value, done } = await lines.next();
      if (done) throw new Error('the Keras step ended');
      return Number(value);
    },
    stop: () => child.stdin.end(),
  };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
