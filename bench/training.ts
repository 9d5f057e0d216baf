/**
 * A training step of DIYModel on both engines, beside a Keras step of the same model as tf.function and compiled by XLA
 * (jit_compile), and the memory of many steps.
 *
 *   npm run bench -- training [--json]
 *
 * All run on the CPU with TensorFlow's default number of threads, and take turns, so that a change of the machine's
 * speed meets all. All count from arrays in memory to the loss as a number; the first steps, which record, compile and
 * allocate, don't count.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { initialWeights } from '../src/model/weights.ts';
import { createRandomStream } from '../src/random.ts';
import { SAMPLE_SIZE } from '../src/strain.ts';
import { createBatch } from '../src/training/batch.ts';
import { createEngine, type EngineKind } from '../src/training/engines.ts';
import { completeSettings } from '../src/training/settings.ts';
import { tf } from '../test/model/tensorflow.ts';
import { PYTHON } from '../test/support/python.ts';

const BATCH_SIZES = [32, 64];
const WARM_UP = 2;
const STEPS = 7;
const MEMORY_BATCH_SIZE = 4;
const MEMORY_STEPS = 200;
const MEMORY_WARM_UP = 20;

interface Contestant {
  name: string;
  /** Makes a step; its seconds. */
  step(): number | Promise<number>;
  stop(): void;
}

// First, while nothing large has been in memory.
const memory = measureMemory();
const results = [];
for (const size of BATCH_SIZES) results.push(await compare(size));

if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ threads: availableParallelism(), steps: results, memory }, undefined, 2));
} else {
  for (const { batch_size, seconds } of results) {
    const keras = Math.min(...seconds.slice(2).map(([, median]) => median));
    console.log(
      `training step, batch ${batch_size}, ${availableParallelism()} threads, median of ${STEPS} steps`,
    );
    for (const [name, median] of seconds) {
      console.log(
        `  ${name.padEnd(18)} ${median.toFixed(2)} s   ${(median / keras).toFixed(2)} x the faster Keras`,
      );
    }
  }
  console.log(
    `memory in ${MEMORY_STEPS} steps of ${MEMORY_BATCH_SIZE} (graph): ${memory.settled_mb.toFixed(0)} MB after ${MEMORY_WARM_UP}, ${memory.at_end_mb.toFixed(0)} MB at the end`,
  );
}

function measureMemory() {
  const small = startEngine('graph', MEMORY_BATCH_SIZE);
  const resident = () => process.memoryUsage.rss() / 1e6;
  let settled = 0;
  for (let i = 0; i < MEMORY_STEPS; i++) {
    if (i === MEMORY_WARM_UP) settled = resident();
    small.step();
  }
  small.stop();
  return { batch_size: MEMORY_BATCH_SIZE, steps: MEMORY_STEPS, settled_mb: settled, at_end_mb: resident() };
}

/** Median seconds of each contestant's step. */
async function compare(size: number): Promise<{ batch_size: number; seconds: [string, number][] }> {
  const contestants = [
    startEngine('graph', size),
    startEngine('eager', size),
    startKeras('Keras tf.function', size),
    startKeras('Keras jit_compile', size, 'xla'),
  ];
  const seconds = contestants.map(({ name }): [string, number[]] => [name, []]);
  for (let i = 0; i < WARM_UP + STEPS; i++) {
    for (const [c, { step }] of contestants.entries()) {
      const took = await step();
      if (i >= WARM_UP) seconds[c]![1].push(took);
    }
  }
  for (const { stop } of contestants) stop();
  return { batch_size: size, seconds: seconds.map(([name, all]) => [name, median(all)]) };
}

/** A step on one batch of noise, again and again. */
function startEngine(kind: EngineKind, size: number): Contestant & { step(): number } {
  const random = createRandomStream(1, 0, 0);
  const engine = createEngine(tf, kind, initialWeights('diy', 1), completeSettings({}, 'cpu'));
  const batch = createBatch(
    tf,
    Float32Array.from({ length: size * SAMPLE_SIZE }, () => random.normal()),
    Float32Array.from({ length: size }, (_, i) => i % 2),
  );
  let count = 0;
  return {
    name: `chirpline ${kind}`,
    step: () => {
      const start = performance.now();
      const loss = engine.train(batch, 1e-4, [1, count++]);
      if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
      return (performance.now() - start) / 1000;
    },
    stop: () => engine.dispose(),
  };
}

/** A Python process that makes a Keras step when asked and tells its seconds. */
function startKeras(name: string, size: number, ...options: string[]): Contestant {
  const script = fileURLToPath(new URL('keras_step.py', import.meta.url));
  const child = spawn(PYTHON, [script, String(size), ...options], { stdio: 'pipe' });
  // TensorFlow's own chatter; wanted only when something is wrong.
  let chatter = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    chatter += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name,
    step: async () => {
      child.stdin.write('\n');
      const { value, done } = await lines.next();
      if (done) throw new Error(`the Keras step ended: ${chatter}`);
      return Number(value);
    },
    stop: () => child.stdin.end(),
  };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
