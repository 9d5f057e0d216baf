/**
 * Benchmark of a training step of DIYModel, compared with the same model in Keras and, if it is installed, PyTorch. Also
 * measures the memory of many steps.
 *
 *   npm run bench -- training [--device cpu|gpu] [--python PATH] [--json]
 *
 * --python names a Python with Keras and PyTorch; the default is that of the tests, which has TensorFlow for CPUs.
 *
 * All run with their default number of threads and in turns, so that changes of the machine's speed affect all of them. A step
 * is timed from arrays in memory to the loss as a number. The first steps, which record, compile and allocate, don't count.
 * On a GPU XLA compiles chirpline's steps, and all contestants read the loss after every eighth step: a GPU computes while the
 * host prepares the next steps.
 */
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandomStream } from '../src/core/random.ts';
import { SAMPLE_SIZE } from '../src/core/strain.ts';
import { initialWeights } from '../src/model/weights.ts';
import { chooseCompile, loadTensorFlow } from '../src/tensorflow/install/load.ts';
import { fastLowType, listGpus } from '../src/tensorflow/install/nvidia.ts';
import type { EngineOptions } from '../src/training/engine/engine.ts';
import { createEngine, type EngineKind } from '../src/training/engine/engines.ts';
import { createBatch } from '../src/training/input/batch.ts';
import { completeSettings, type GivenSettings } from '../src/training/settings.ts';
import { PYTHON } from '../test/support/python.ts';
import { PATH_WITH_TENSORFLOW } from '../test/tensorflow/process.ts';

const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cpu' },
    python: { type: 'string', default: PYTHON },
    json: { type: 'boolean', default: false },
    // Options of other benchmarks.
    samples: { type: 'string' },
    picture: { type: 'string' },
  },
});
if (options.device !== 'cpu' && options.device !== 'gpu')
  throw new Error(`--device ${options.device}: needed cpu or gpu`);
const { device } = options;
const BATCH_SIZES = { cpu: [64, 128], gpu: [64, 256, 1024] }[device];
const WARM_UP = 2;
const STEPS = { cpu: 7, gpu: 11 }[device];
/** Steps until the loss is read. */
const AT_ONCE = { cpu: 1, gpu: 8 }[device];
const MEMORY_BATCH_SIZE = 4;
const MEMORY_STEPS = 200;
const MEMORY_WARM_UP = 20;

const KERAS = 'Keras jit_compile';
const TORCH = 'PyTorch compile';

interface Contestant<Took = number | Promise<number>> {
  name: string;
  /** Share of the last steps' time in which they were started, not waited for. */
  feeding?(): number;
  /** Makes AT_ONCE steps; returns the duration of one [s]. */
  step(): Took;
  stop(): void;
}

interface Result {
  batch_size: number;
  /** Median duration of a step of each contestant. */
  seconds: [string, number][];
  /** Name of the contestant that the others are compared with. */
  reference: string;
  /** Share of the time of chirpline's first contestant in which the host feeds steps: the most that a GPU can have waited. */
  feeding: number;
}

if (device === 'cpu') process.env.PATH = PATH_WITH_TENSORFLOW;
// All share the GPU. Without this setting the first process takes all of its memory.
else process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
const log = (line: string) => console.error(line);
const tf = await loadTensorFlow({ device, log });
const compile = chooseCompile(tf, 'auto', log);
const low = device === 'gpu' ? fastLowType(await listGpus(process.env)) : 'bfloat16';
const peers = { keras: hasModule('keras'), torch: hasModule('torch') };
if (!peers.keras && !peers.torch) throw new Error(`${options.python} has neither Keras nor PyTorch`);
// Measured first, before anything large was in memory.
const memory = measureMemory();
const results: Result[] = [];
for (const size of BATCH_SIZES) results.push(await compare(size));

if (options.json) {
  const threads = availableParallelism();
  console.log(JSON.stringify({ device, threads, steps: results, memory }, undefined, 2));
} else {
  for (const { batch_size, seconds, reference, feeding } of results) {
    const [, unit] = seconds.find(([name]) => name === reference)!;
    console.log(
      `training step on the ${device}, batch ${batch_size}, ${availableParallelism()} threads, median of ${STEPS} times ${AT_ONCE} steps`,
    );
    for (const [name, median] of seconds) {
      console.log(
        `  ${name.padEnd(25)} ${median.toFixed(3)} s   ${(batch_size / median).toFixed(0).padStart(6)} samples/s   ${(median / unit).toFixed(2)} x ${reference}`,
      );
    }
    // On a CPU a step is over when it was started.
    if (device === 'gpu')
      console.log(
        `  ${seconds[0]![0]}: the host feeds steps for ${(100 * feeding).toFixed(0)} % of the time`,
      );
  }
  console.log(
    `memory in ${MEMORY_STEPS * AT_ONCE} steps of ${MEMORY_BATCH_SIZE} (graph): ${memory.settled_mb.toFixed(0)} MB after ${MEMORY_WARM_UP * AT_ONCE}, ${memory.at_end_mb.toFixed(0)} MB at the end`,
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

/** Compares all contestants at the smallest batch size. At larger sizes only the main ones run, since memory may not suffice. */
async function compare(size: number): Promise<Result> {
  const all = size === BATCH_SIZES[0];
  const contestants: Contestant[] = [
    startEngine('graph', size),
    ...(low ? [startEngine('graph', size, { precision: 'mixed' })] : []),
    ...(device === 'cpu' && all ? [startEngine('eager', size)] : []),
    ...(compile && all ? [startEngine('graph', size, {}, { compile: false })] : []),
    ...(device === 'gpu' && all ? [startEngine('graph', size, {}, { compile }, 1)] : []),
    ...(peers.keras ? startKeras(size, all) : []),
    ...(peers.torch && (all || device === 'gpu') ? startTorch(size) : []),
  ];
  const seconds = contestants.map(({ name }): [string, number[]] => [name, []]);
  for (let i = 0; i < WARM_UP + STEPS; i++) {
    for (const [c, { step }] of contestants.entries()) {
      const took = await step();
      if (i >= WARM_UP) seconds[c]![1].push(took);
    }
  }
  for (const { stop } of contestants) stop();
  return {
    batch_size: size,
    seconds: seconds.map(([name, all]) => [name, median(all)]),
    reference: peers.keras ? KERAS : TORCH,
    feeding: contestants[0]!.feeding!(),
  };
}

/** Repeats steps on one batch of noise. The loss is read after each `stepsAhead`. */
function startEngine(
  kind: EngineKind,
  size: number,
  given: GivenSettings = {},
  options: EngineOptions = { compile },
  stepsAhead = AT_ONCE,
): Contestant<number> {
  const random = createRandomStream(1, 0, 0);
  const engine = createEngine(tf, kind, initialWeights('diy', 1), completeSettings(given, device), {
    ...options,
    ...(low && { low }),
  });
  const batch = createBatch(
    tf,
    Float32Array.from({ length: size * SAMPLE_SIZE }, () => random.normal()),
    Float32Array.from({ length: size }, (_, i) => i % 2),
  );
  let count = 0;
  let feeding = 0;
  const names = [
    `chirpline ${options.compile ? 'compiled' : kind}`,
    ...(given.precision === 'mixed' ? [low] : []),
    ...(stepsAhead < AT_ONCE ? ['every loss read'] : []),
  ];
  return {
    name: names.join(', '),
    step: () => {
      const start = performance.now();
      let waited = 0;
      for (let i = 1; i <= AT_ONCE; i++) {
        engine.train(batch, 1e-4, [1, count++]);
        const started = performance.now();
        const loss = i % stepsAhead === 0 ? engine.takeLoss() : 0;
        if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
        waited += performance.now() - started;
      }
      const took = performance.now() - start;
      feeding = 1 - waited / took;
      return took / 1000 / AT_ONCE;
    },
    feeding: () => feeding,
    stop: () => engine.dispose(),
  };
}

function hasModule(name: string): boolean {
  return spawnSync(options.python, ['-c', `import ${name}`]).status === 0;
}

function startKeras(size: number, all: boolean): Contestant[] {
  return [
    startPeer(KERAS, 'keras_step.py', size, 'xla'),
    ...(all ? [startPeer('Keras tf.function', 'keras_step.py', size)] : []),
    ...(all || device === 'gpu'
      ? [startPeer('Keras jit_compile, mixed', 'keras_step.py', size, 'xla', 'mixed')]
      : []),
  ];
}

function startTorch(size: number): Contestant[] {
  return [
    startPeer('PyTorch eager', 'torch_step.py', size),
    startPeer(TORCH, 'torch_step.py', size, 'compile'),
    startPeer('PyTorch compile, mixed', 'torch_step.py', size, 'compile', 'mixed'),
    ...(device === 'gpu'
      ? [startPeer('PyTorch CUDA graphs, mixed', 'torch_step.py', size, 'graphs', 'mixed')]
      : []),
  ];
}

/** A Python process that makes a step on request and returns its duration. */
function startPeer(name: string, script: string, size: number, ...words: string[]): Contestant {
  const path = fileURLToPath(new URL(script, import.meta.url));
  // Set for TensorFlow in this process: its compile cache and its silence.
  const { TF_XLA_FLAGS: _, TF_CPP_MIN_LOG_LEVEL: __, ...env } = process.env;
  const child = spawn(options.python, [path, String(size), ...words, device], { stdio: 'pipe', env });
  // The libraries' log messages are shown only in an error.
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name,
    step: async () => {
      child.stdin.write(`${AT_ONCE}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended: ${log}`);
      return Number(value);
    },
    stop: () => child.stdin.end(),
  };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
