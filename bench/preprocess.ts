/**
 * Benchmark of the whole `chirpline preprocess` command, from raw .npy files to float16 shards, compared with two Python peers
 * on the same cores: a per-sample SciPy loop, and the fastest NumPy that we could write (python_folder.py).
 *
 *   npm run bench -- preprocess [--json] [--samples N] [--picture FILE.png]
 *
 * chirpline is timed as a whole command, including start-up, plan, shards and fsync, once with an estimated PSD and once with a
 * given PSD. The peers are timed as whole commands too, and as the loop alone, without imports, process creation, tables and
 * PSD. They write no records. All run in turns, so that changes of the machine's speed affect all of them. CPU time (all threads
 * and processes) is nearly independent of other load on the machine. Then chirpline runs on 1,024, 4,096 and 16,384 samples, and
 * with one worker for its memory.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { lineChart } from '../src/artifacts/charts/chart.ts';
import { drawPng, framed } from '../src/artifacts/charts/figure.ts';
import { LIGHT } from '../src/artifacts/charts/theme.ts';
import { PYTHON } from '../test/support/python.ts';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** Enough to make the start-up time of Node, less than half a second, insignificant. */
    samples: { type: 'string', default: '32768' },
    picture: { type: 'string' },
  },
  // Options of other benchmarks are ignored.
  strict: false,
});
const SAMPLES = Number(flags.samples);
const SIZES = [1024, 4096, 16384].filter((size) => size <= SAMPLES);
const WORKERS = 2;
const RUNS = 3;
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const PRELOAD = fileURLToPath(new URL('support/usage.cjs', import.meta.url));
const PEERS = fileURLToPath(new URL('python_folder.py', import.meta.url));
const OURS = 'chirpline';
const PEER_NAMES = { scipy: 'SciPy loop', numpy: 'fast NumPy' } as const;
type Peer = keyof typeof PEER_NAMES;

const folder = mkdtempSync(join(tmpdir(), 'chirpline-bench-'));
const raw = join(folder, 'raw');
const records = join(folder, 'records');
try {
  chirpline('simulate', raw, '--samples', String(SAMPLES), '--seed', '1');
  chirpline('preprocess', raw, join(folder, 'first'));
  const psd = join(folder, 'first', 'avg_psd.npz');
  const times = compare(psd);
  const growth = SIZES.map((samples) => measureGrowth(samples, psd));
  const result = { samples: SAMPLES, workers: WORKERS, runs: RUNS, seconds: times, growth };
  if (flags.json) console.log(JSON.stringify(result, undefined, 2));
  else print(times, growth);
  if (typeof flags.picture === 'string') writeFileSync(flags.picture, drawGrowth(growth, times));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

interface Taken {
  /** Wall-clock time [s]. */
  wall: number;
  /** CPU time of all threads and processes [s]. */
  cpu: number;
}

/** Median times by name. */
function compare(psd: string): Record<string, Taken> {
  const all: Record<string, Taken[]> = {};
  const note = (name: string, taken: Taken) => {
    all[name] ??= [];
    all[name].push(taken);
  };
  for (let round = 0; round < RUNS; round += 1) {
    note(`${OURS}, PSD estimated`, preprocess(raw));
    note(`${OURS}, PSD given`, preprocess(raw, '--psd', psd));
    for (const [peer, name] of Object.entries(PEER_NAMES)) {
      note(`${name}, PSD estimated`, runPeer(peer as Peer, 'estimate').whole);
      const { whole, loop } = runPeer(peer as Peer, psd);
      note(`${name}, PSD given`, whole);
      note(`${name}, the loop alone`, { wall: loop, cpu: Number.NaN });
    }
  }
  return Object.fromEntries(Object.entries(all).map(([name, taken]) => [name, medianOf(taken)]));
}

interface Growth extends Taken {
  samples: number;
  /** Peak resident memory of the process with one worker, including all threads. */
  megabytes: number;
}

function measureGrowth(samples: number, psd: string): Growth {
  const part = join(folder, `raw-${samples}`);
  chirpline('simulate', part, '--samples', String(samples), '--seed', '2');
  const taken = medianOf(Array.from({ length: RUNS }, () => preprocess(part, '--psd', psd)));
  const { megabytes } = chirpline('preprocess', part, records, '--psd', psd, '--workers', '1');
  for (const path of [part, records]) rmSync(path, { recursive: true });
  return { samples, ...taken, megabytes };
}

function print(times: Record<string, Taken>, growth: Growth[]): void {
  console.log(
    `raw .npy files to float16 shards, ${SAMPLES} samples, ${WORKERS} workers, medians of ${RUNS} runs in turns`,
  );
  console.log(`${''.padEnd(30)}samples/s  vs. ours  CPU us/sample  vs. ours`);
  for (const [name, { wall, cpu }] of Object.entries(times)) {
    const mine = times[`${OURS}, PSD ${name.endsWith('estimated') ? 'estimated' : 'given'}`]!;
    console.log(
      `  ${name.padEnd(28)}` +
        (SAMPLES / wall).toFixed(0).padStart(9) +
        `${(wall / mine.wall).toFixed(2)}x`.padStart(9) +
        (Number.isNaN(cpu)
          ? ''
          : ((cpu / SAMPLES) * 1e6).toFixed(0).padStart(16) + `${(cpu / mine.cpu).toFixed(2)}x`.padStart(9)),
    );
  }
  console.log(
    `\n${'samples'.padStart(9)}${'seconds'.padStart(9)}${'CPU'.padStart(7)}${'MB (one worker)'.padStart(17)}`,
  );
  for (const { samples, wall, cpu, megabytes } of growth) {
    console.log(
      String(samples).padStart(9) +
        wall.toFixed(2).padStart(9) +
        cpu.toFixed(2).padStart(7) +
        megabytes.toFixed(0).padStart(17),
    );
  }
}

/** Plots CPU time, since wall-clock time depends on other load on the machine. */
function drawGrowth(growth: Growth[], times: Record<string, Taken>): Uint8Array {
  const colors = { scipy: LIGHT.orange, numpy: LIGHT.purple } as const;
  const peers = Object.entries(PEER_NAMES).map(([peer, name]) => ({
    name,
    color: colors[peer as Peer],
    dashed: true,
    points: [[0, 0], [SAMPLES, times[`${name}, PSD given`]!.cpu] as const] as const,
  }));
  const ours = {
    name: OURS,
    color: LIGHT.blue,
    dots: true,
    points: [
      ...growth.filter(({ samples }) => samples < SAMPLES).map(({ samples, cpu }) => [samples, cpu] as const),
      [SAMPLES, times[`${OURS}, PSD given`]!.cpu] as const,
    ],
  };
  const chart = lineChart(LIGHT, {
    title: 'Raw .npy files to float16 shards, whole commands, PSD given',
    x: { name: 'samples', min: 0, wholeNumbers: true },
    y: { name: 'CPU time [s]', min: 0 },
    lines: [ours, ...peers],
  });
  return drawPng(framed(LIGHT, chart, 760, 400));
}

/** Runs a command and measures its time and memory. */
function chirpline(...args: string[]): Taken & { megabytes: number } {
  const file = join(folder, 'usage');
  const wall = time(() =>
    execFileSync(process.execPath, ['--require', PRELOAD, MAIN, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, USAGE_FILE: file },
    }),
  );
  return { wall, ...JSON.parse(readFileSync(file, 'utf8')) };
}

function preprocess(from: string, ...more: string[]): Taken {
  const taken = chirpline('preprocess', from, records, '--workers', String(WORKERS), ...more);
  rmSync(records, { recursive: true });
  return taken;
}

/** Runs a Python peer; returns the times of the whole command, and of the loop alone [s]. */
function runPeer(peer: Peer, psd: string): { whole: Taken; loop: number } {
  let printed = '';
  const wall = time(() => {
    printed = execFileSync(PYTHON, [PEERS, peer, raw, psd, String(WORKERS)], { encoding: 'utf8' });
  });
  const [loop, cpu] = printed.trim().split(' ').map(Number) as [number, number];
  return { whole: { wall, cpu }, loop };
}

/** Duration of the work [s]. */
function time(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

function medianOf(taken: Taken[]): Taken {
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
  return { wall: median(taken.map(({ wall }) => wall)), cpu: median(taken.map(({ cpu }) => cpu)) };
}
