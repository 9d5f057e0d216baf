/**
 * The whole `chirpline preprocess` command, folder to shards, beside the per-sample SciPy loop on the same cores.
 *
 *   npm run bench -- preprocess [--json]
 *
 * Ours counts everything: start of Node, listing, planning, reading, records, writing, metadata. SciPy's counts
 * reading and computing only. Both run in turn, so that a change of the machine's speed meets both.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PYTHON } from '../test/support/python.ts';

/** Enough that starting Node and compiling, about half a second, don't hide the rest. */
const SAMPLES = 16384;
const WORKERS = 2;
const RUNS = 3;
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const PRELOAD = fileURLToPath(new URL('peak_memory.cjs', import.meta.url));
const PEER = fileURLToPath(new URL('scipy_folder.py', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'chirpline-bench-'));
try {
  const raw = join(folder, 'raw');
  run('simulate', raw, '--samples', String(SAMPLES), '--seed', '1');
  run('preprocess', raw, join(folder, 'first'));
  const psd = join(folder, 'first', 'avg_psd.npz');

  const whole: number[] = [];
  const givenPsd: number[] = [];
  const scipy: number[] = [];
  for (let round = 0; round < RUNS; round += 1) {
    whole.push(time(() => preprocess(`whole-${round}`)));
    givenPsd.push(time(() => preprocess(`given-${round}`, '--psd', psd)));
    const printed = execFileSync(PYTHON, [PEER, raw, psd, String(WORKERS), '1'], { encoding: 'utf8' });
    scipy.push(Number(printed.trim()));
  }
  const rate = (seconds: number[]) => SAMPLES / median(seconds);
  const result = {
    samples: SAMPLES,
    workers: WORKERS,
    preprocess_per_second: rate(whole),
    preprocess_given_psd_per_second: rate(givenPsd),
    scipy_loop_per_second: rate(scipy),
    ratio: rate(whole) / rate(scipy),
    ratio_given_psd: rate(givenPsd) / rate(scipy),
    peak_memory_mb: peakMemory(raw, join(folder, 'memory')),
  };
  if (process.argv.includes('--json')) console.log(JSON.stringify(result, undefined, 2));
  else {
    console.log(
      `raw folder to float16 shards, ${SAMPLES} samples, ${WORKERS} workers, median of ${RUNS} runs`,
    );
    console.log(
      `  chirpline preprocess            ${result.preprocess_per_second.toFixed(0)}/s   ${result.ratio.toFixed(2)} x SciPy`,
    );
    console.log(
      `  chirpline preprocess --psd      ${result.preprocess_given_psd_per_second.toFixed(0)}/s   ${result.ratio_given_psd.toFixed(2)} x SciPy`,
    );
    console.log(
      `  SciPy loop, ${WORKERS} processes         ${result.scipy_loop_per_second.toFixed(0)}/s   (no records, no writing, no PSD)`,
    );
    console.log(`  memory at the peak, all threads ${result.peak_memory_mb.toFixed(0)} MB`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(...args: string[]): void {
  execFileSync(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}

function preprocess(name: string, ...more: string[]): void {
  const records = join(folder, name);
  run('preprocess', join(folder, 'raw'), records, '--workers', String(WORKERS), ...more);
  rmSync(records, { recursive: true });
}

function time(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Largest resident size of the whole process with its worker threads [MB], by the kernel's own account. */
function peakMemory(raw: string, records: string): number {
  const file = join(folder, 'peak');
  execFileSync(
    process.execPath,
    ['--require', PRELOAD, MAIN, 'preprocess', raw, records, '--workers', String(WORKERS)],
    {
      stdio: 'ignore',
      env: { ...process.env, PEAK_MEMORY_FILE: file },
    },
  );
  return Number(readFileSync(file, 'utf8')) / 1024;
}
