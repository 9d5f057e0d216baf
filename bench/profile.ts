/**
 * Profile of one sample, from the raw .npy file in the page cache to the float16 record on disk. Each stage runs alone on one
 * core, in turns, and is compared with a lower bound of its time.
 *
 *   npm run bench -- profile [--json]
 *
 * The bound of reading and writing is one copy of the bytes plus the shortest system call for each call. The bound of arithmetic
 * is its number of operations, at three vectors per cycle. CRC and SHA-256 come from other libraries and have no bound.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_SIZE, SPECTRUM_LENGTH } from '../src/core/strain.ts';
import { encodeNpy } from '../src/numpy/npy.ts';
import { createSampleReader } from '../src/raw/samples.ts';
import { crc32c } from '../src/records/crc.ts';
import { createShardBuilder } from '../src/records/shard.ts';
import { chooseEngine } from '../src/signal/engines/choose-engine.ts';
import { listNativeKernels } from '../src/signal/engines/native.ts';
import { compileKernels, type WebAssemblyApi } from '../src/signal/engines/webassembly.ts';
import { createPreprocessor } from '../src/signal/preprocessor.ts';
import { createPsdEstimator } from '../src/signal/psd.ts';
import { createSimulator } from '../src/simulate/simulator.ts';
import { createFileStore } from '../src/storage/file/file-store.ts';
import { createKernelStages, OPERATIONS } from './support/kernel-stages.ts';

const SAMPLES = 256;
const RUNS = 9;
const RECORD = SAMPLE_SIZE * 2;
/** Bytes per write. */
const PIECE = 16 * RECORD;
/** Vector additions or multiplications that a current CPU starts per cycle, and its clock rate. */
const VECTORS_A_CYCLE = 3;
const GIGAHERTZ = Number(process.env.GIGAHERTZ ?? 3.5);

interface Stage {
  name: string;
  /** Runs the stage for SAMPLES samples. */
  run(): unknown;
  /** Lower bound [us per sample] from the measured costs in `floor`, and a description of it. */
  floor?: ((floor: { copy: number; call: number }) => [microseconds: number, what: string]) | undefined;
}

/** Larger than the CPU's caches. */
const source = Buffer.alloc(64 << 20, 1);
const folder = mkdtempSync(join(tmpdir(), 'chirpline-bench-'));
try {
  const result = await measure(listStages());
  if (process.argv.includes('--json')) console.log(JSON.stringify(result, undefined, 2));
  else print(result);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function listStages(): Stage[] {
  const store = createFileStore(folder);
  const simulator = createSimulator({ seed: 1, snrMedian: 15 });
  const strain = new Float64Array(SAMPLE_SIZE);
  const refs = Array.from({ length: SAMPLES }, (_, index) => {
    simulator.sample(index, strain);
    const key = `${index}.npy`;
    writeFileSync(join(folder, key), encodeNpy({ dtype: '<f8', shape: [3, SAMPLE_LENGTH], data: strain }));
    return { id: String(index).padStart(10, '0'), key, kind: 'npy' as const };
  });
  const psd = new Float64Array(DETECTORS.length * SPECTRUM_LENGTH).fill(1e-44);
  const { inputs, processBlock } = createPreprocessor(psd);
  const estimator = createPsdEstimator();
  for (const input of [...inputs, ...estimator.inputs]) input.set(strain);
  const blocks = (work: () => unknown) => () => {
    for (let i = 0; i < SAMPLES; i += inputs.length) work();
  };
  const { name: engine } = chooseEngine();
  const set =
    listNativeKernels()[0] ?? compileKernels((globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly);
  if (set === undefined) throw new Error('neither the native addon nor WebAssembly with SIMD is available');
  const kernels = createKernelStages(set, strain);
  const bits = { avx512: 512, avx2: 256, webassembly: 128, javascript: 0 }[engine];
  const builder = createShardBuilder('float16', SAMPLES);
  const fill = () => {
    builder.finish();
    for (const { id } of refs) builder.add(id, 0, signal);
    return builder;
  };
  const signal = new Uint8Array(RECORD).fill(60);
  const shard = Buffer.from(fill().finish());
  const records = Array.from({ length: SAMPLES }, (_, i) => shard.subarray(i * RECORD, (i + 1) * RECORD));
  const arithmetic =
    (operations: number, width: 32 | 64): Stage['floor'] =>
    () => [
      operations / ((bits / width) * VECTORS_A_CYCLE * GIGAHERTZ * 1000),
      `${(operations / 1000).toFixed(0)}k operations, ${bits / width} at a time`,
    ];
  /** In pieces, as in a run, which bypasses the page cache where the file system can. */
  async function* pieces() {
    for (let start = 0; start < shard.length; start += PIECE) yield shard.subarray(start, start + PIECE);
  }
  const writeCached = () => {
    const file = openSync(join(folder, 'cached'), 'w');
    for (let i = 0; i < shard.length; ) i += writeSync(file, shard, i);
    fsyncSync(file);
    closeSync(file);
  };
  return [
    {
      name: 'read the file',
      run: async () => {
        const reader = createSampleReader(store, refs);
        while ((await reader.read(inputs)).length > 0);
      },
      floor: ({ copy, call }) => [copy * 98_432 + 4 * call, '98 KB, open, fstat, read, close'],
    },
    { name: 'gather', run: blocks(kernels.gather) },
    { name: 'band-pass', run: blocks(kernels.bandpass), floor: arithmetic(OPERATIONS.bandpass, 64) },
    {
      name: 'FFT, whitening, inverse FFT, windows',
      run: blocks(kernels.spectrum),
      floor: arithmetic(OPERATIONS.spectrum, 32),
    },
    { name: 'deviation', run: blocks(kernels.moments), floor: arithmetic(OPERATIONS.moments, 32) },
    {
      name: 'normalize to float16',
      run: blocks(kernels.float16),
      floor: arithmetic(OPERATIONS.normalize, 32),
    },
    {
      name: `= all of these except reading, by ${engine}`,
      run: blocks(() => processBlock(inputs, 'float16')),
    },
    {
      name: 'frame the record, with its CRC',
      run: fill,
      floor: ({ copy }) => [copy * RECORD, 'a copy and the CRC'],
    },
    { name: '  the CRC alone', run: () => records.map((record) => crc32c(record)) },
    { name: 'SHA-256 of the shard', run: () => createHash('sha256').update(shard).digest() },
    {
      name: 'write the shard to the disk',
      run: () => store.write('shard', pieces()),
      floor: ({ copy }) => [copy * RECORD, '25 KB'],
    },
    { name: '  the same through the page cache', run: writeCached },
    { name: 'PSD of a sample, in memory', run: blocks(() => estimator.addBlock(estimator.inputs)) },
  ];
}

interface Measured {
  name: string;
  microseconds: number;
  floor?: number;
  what?: string;
}

async function measure(stages: Stage[]): Promise<Measured[]> {
  const times = stages.map((): number[] => []);
  const floors: { copy: number; call: number }[] = [];
  for (let run = 0; run <= RUNS; run++) {
    floors.push(measureFloor());
    for (const [index, stage] of stages.entries()) {
      const start = performance.now();
      await stage.run();
      // The first run compiles.
      if (run > 0) times[index]!.push(((performance.now() - start) * 1000) / SAMPLES);
    }
  }
  const floor = {
    copy: median(floors.map(({ copy }) => copy)),
    call: median(floors.map(({ call }) => call)),
  };
  return stages.map(({ name, floor: least }, index) => {
    const [value, what] = least?.(floor) ?? [];
    const microseconds = median(times[index]!);
    return {
      name,
      microseconds,
      ...(value !== undefined && { floor: value }),
      ...(what !== undefined && { what }),
    };
  });
}

/** Time to copy a byte from memory to the caches, and time of a system call [us]. */
function measureFloor(): { copy: number; call: number } {
  const from = source;
  const to = Buffer.alloc(98_432);
  let start = performance.now();
  for (let i = 0; i + to.length <= from.length; i += to.length) from.copy(to, 0, i, i + to.length);
  const copy = ((performance.now() - start) * 1000) / from.length;
  const file = openSync(folder, 'r');
  start = performance.now();
  for (let i = 0; i < 1000; i++) fstatSync(file);
  const call = performance.now() - start;
  closeSync(file);
  return { copy, call };
}

function print(stages: Measured[]): void {
  console.log(`us per sample, one core, medians of ${RUNS} runs of ${SAMPLES} samples in turns\n`);
  for (const { name, microseconds, floor, what } of stages) {
    const least = floor === undefined ? '' : `  at least ${floor.toFixed(1).padStart(5)}  ${what}`;
    console.log(`${name.padEnd(40)}${microseconds.toFixed(1).padStart(7)}${least}`);
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
