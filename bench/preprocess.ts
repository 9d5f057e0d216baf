/**
 * The whole `chirpline preprocess` command, raw .npy files to float16 shards, beside two peers in Python on the same cores:
 * the per-sample SciPy loop and the fastest NumPy that we could write (python_folder.py).
 *
 *   npm run bench -- preprocess [--json] [--samples N] [--picture FILE.png]
 *
 * Ours is timed as a whole command, with start-up, plan, shards and fsync, once with the PSD estimated and once with a given
 * one; theirs as whole commands too, and as the bare loop, without imports, process creation, tables and PSD. They write no
 * records. All run in turn, so that a change of the machine's speed meets all. Then time and memory for 1,024, 4,096 and
 * 16,384 samples.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { lineChart } from '../src/artifacts/chart.ts';
import { drawPng, framed } from '../src/artifacts/figure.ts';
import { LIGHT } from '../src/artifacts/theme.ts';
import { PYTHON } from '../test/support/python.ts';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** Enough that starting Node, less than half a second, hides little of the rest. */
    samples: { type: 'string', default: '32768' },
    picture: { type: 'string' },
  },
  // Options of other benchmarks come along.
  strict: false,
});
const SAMPLES = Number(flags.samples);
const SIZES = [1024, 4096, 16384].filter((size) => size <= SAMPLES);
const WORKERS = 2;
const RUNS = 3;
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const PRELOAD = fileURLToPath(new URL('peak_memory.cjs', import.meta.url));
const PEERS = fileURLToPath(new URL('python_folder.py', import.meta.url));
const PEER_NAMES = { scipy: 'SciPy loop', numpy: 'fast NumPy' } as const;
type Peer = keyof typeof PEER_NAMES;

const folder = mkdtempSync(join(tmpdir(), 'chirpline-bench-'));
const raw = join(folder, 'raw');
const records = join(folder, 'records');
try {
  chirpline('simulate', raw, '--samples', String(SAMPLES), '--seed', '1');
  chirpline('preprocess', raw, join(folder, 'first'));
  const psd = join(folder, 'first', 'avg_psd.npz');
  const rates = compare(psd);
  const growth = SIZES.map((samples) => measureGrowth(samples, psd));
  const result = { samples: SAMPLES, workers: WORKERS, runs: RUNS, per_second: rates, growth };
  if (flags.json) console.log(JSON.stringify(result, undefined, 2));
  else print(rates, growth);
  if (typeof flags.picture === 'string') writeFileSync(flags.picture, drawGrowth(growth, rates));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Median samples a second. */
function compare(psd: string): Record<string, number> {
  const seconds: Record<string, number[]> = {};
  const note = (name: string, value: number) => {
    seconds[name] ??= [];
    seconds[name].push(value);
  };
  for (let round = 0; round < RUNS; round += 1) {
    note('chirpline, PSD estimated', preprocess(raw));
    note('chirpline --psd', preprocess(raw, '--psd', psd));
    for (const [peer, name] of Object.entries(PEER_NAMES)) {
      note(`${name}, PSD estimated`, runPeer(peer as Peer, 'estimate').whole);
      const { whole, loop } = runPeer(peer as Peer, psd);
      note(`${name}, PSD given`, whole);
      note(`${name}, the loop alone`, loop);
    }
  }
  return Object.fromEntries(
    Object.entries(seconds).map(([name, values]) => [name, SAMPLES / median(values)]),
  );
}

interface Growth {
  samples: number;
  seconds: number;
  /** Largest resident size of one worker's process with all its threads. */
  megabytes: number;
}

/** One worker, so that the memory is a worker's. */
function measureGrowth(samples: number, psd: string): Growth {
  const part = join(folder, `raw-${samples}`);
  chirpline('simulate', part, '--samples', String(samples), '--seed', '2');
  const seconds = median(Array.from({ length: RUNS }, () => preprocess(part, '--psd', psd)));
  const file = join(folder, 'peak');
  execFileSync(
    process.execPath,
    ['--require', PRELOAD, MAIN, 'preprocess', part, records, '--psd', psd, '--workers', '1'],
    { stdio: 'ignore', env: { ...process.env, PEAK_MEMORY_FILE: file } },
  );
  for (const path of [part, records]) rmSync(path, { recursive: true });
  return { samples, seconds, megabytes: Number(readFileSync(file, 'utf8')) / 1024 };
}

function print(rates: Record<string, number>, growth: Growth[]): void {
  console.log(
    `raw .npy files to float16 shards, ${SAMPLES} samples, ${WORKERS} workers, medians of ${RUNS} runs in turns`,
  );
  const ours = { whole: rates['chirpline, PSD estimated']!, given: rates['chirpline --psd']! };
  for (const [name, rate] of Object.entries(rates)) {
    const mine = name.endsWith('estimated') ? ours.whole : ours.given;
    const times = name.startsWith('chirpline') ? '' : `chirpline is ${(mine / rate).toFixed(2)} x this`;
    console.log(`  ${name.padEnd(28)}${rate.toFixed(0).padStart(7)}/s  ${times}`);
  }
  console.log(`\n${'samples'.padStart(9)}${'seconds'.padStart(9)}${'MB (one worker)'.padStart(17)}`);
  for (const { samples, seconds, megabytes } of growth) {
    console.log(
      String(samples).padStart(9) + seconds.toFixed(2).padStart(9) + megabytes.toFixed(0).padStart(17),
    );
  }
}

function drawGrowth(growth: Growth[], rates: Record<string, number>): Uint8Array {
  const colors = { scipy: LIGHT.orange, numpy: LIGHT.purple } as const;
  const peers = Object.entries(PEER_NAMES).map(([peer, name]) => ({
    name: `${name} alone`,
    color: colors[peer as Peer],
    dashed: true,
    points: [
      [0, 0],
      [SAMPLES, SAMPLES / rates[`${name}, the loop alone`]!],
    ] as const,
  }));
  const line = {
    name: 'chirpline, whole command',
    color: LIGHT.blue,
    dots: true,
    points: [
      ...growth
        .filter(({ samples }) => samples < SAMPLES)
        .map(({ samples, seconds }) => [samples, seconds] as const),
      [SAMPLES, SAMPLES / rates['chirpline --psd']!] as const,
    ],
  };
  const chart = lineChart(LIGHT, {
    title: `Raw .npy files to float16 shards, ${WORKERS} processes or threads`,
    x: { name: 'samples', min: 0, wholeNumbers: true },
    y: { name: 'time [s]', min: 0 },
    lines: [line, ...peers],
  });
  return drawPng(framed(LIGHT, chart, 760, 400));
}

function chirpline(...args: string[]): void {
  execFileSync(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Seconds of one `chirpline preprocess`. */
function preprocess(from: string, ...more: string[]): number {
  const taken = time(() => chirpline('preprocess', from, records, '--workers', String(WORKERS), ...more));
  rmSync(records, { recursive: true });
  return taken;
}

/** Seconds of one Python program, and of the loop in it. */
function runPeer(peer: Peer, psd: string): { whole: number; loop: number } {
  let printed = '';
  const whole = time(() => {
    printed = execFileSync(PYTHON, [PEERS, peer, raw, psd, String(WORKERS)], { encoding: 'utf8' });
  });
  return { whole, loop: Number(printed.trim()) };
}

/** Seconds that the work takes. */
function time(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
