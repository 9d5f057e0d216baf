/**
 * The whole `chirpline preprocess` command, folder to shards, beside the per-sample SciPy loop on the same cores.
 *
 *   npm run bench -- preprocess [--json]
 *
 * Both are timed as whole commands, once with the PSD estimated and once with a given one; SciPy's also as the bare
 * loop, without imports, process creation and PSD. SciPy writes no records. All run in turn, so that a change of the
 * machine's speed meets all.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PYTHON } from '../test/support/python.ts';

/** Enough that starting Node and compiling, about half a second, hide little of the rest. */
const SAMPLES = 32768;
const WORKERS = 2;
const RUNS = 2;
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const PRELOAD = fileURLToPath(new URL('peak_memory.cjs', import.meta.url));
const PEER = fileURLToPath(new URL('scipy_folder.py', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'chirpline-bench-'));
try {
  const raw = join(folder, 'raw');
  run('simulate', raw, '--samples', String(SAMPLES), '--seed', '1');
  run('preprocess', raw, join(folder, 'first'));
  const psd = join(folder, 'first', 'avg_psd.npz');

  const seconds = { ours: [], oursGivenPsd: [], scipy: [], scipyGivenPsd: [], scipyLoop: [] } as Record<
    'ours' | 'oursGivenPsd' | 'scipy' | 'scipyGivenPsd' | 'scipyLoop',
    number[]
  >;
  for (let round = 0; round < RUNS; round += 1) {
    seconds.ours.push(preprocess());
    seconds.scipy.push(scipy('estimate').whole);
    seconds.oursGivenPsd.push(preprocess('--psd', psd));
    const { whole, loop } = scipy(psd);
    seconds.scipyGivenPsd.push(whole);
    seconds.scipyLoop.push(loop);
  }
  const rate = (name: keyof typeof seconds) => SAMPLES / median(seconds[name]);
  const result = {
    samples: SAMPLES,
    workers: WORKERS,
    per_second: {
      chirpline: rate('ours'),
      scipy: rate('scipy'),
      chirpline_given_psd: rate('oursGivenPsd'),
      scipy_given_psd: rate('scipyGivenPsd'),
      scipy_loop: rate('scipyLoop'),
    },
    ratio: rate('ours') / rate('scipy'),
    ratio_given_psd: rate('oursGivenPsd') / rate('scipyGivenPsd'),
    ratio_given_psd_to_loop: rate('oursGivenPsd') / rate('scipyLoop'),
    peak_memory_mb: peakMemory(raw, join(folder, 'memory')),
  };
  if (process.argv.includes('--json')) console.log(JSON.stringify(result, undefined, 2));
  else {
    const row = (what: string, name: keyof typeof seconds, note = '') =>
      console.log(`  ${what.padEnd(34)}${rate(name).toFixed(0).padStart(6)}/s  ${note}`);
    console.log(
      `raw folder to float16 shards, ${SAMPLES} samples, ${WORKERS} workers, median of ${RUNS} runs`,
    );
    row('chirpline, PSD estimated', 'ours', `${result.ratio.toFixed(2)} x SciPy`);
    row('SciPy, PSD estimated', 'scipy');
    row('chirpline --psd', 'oursGivenPsd', `${result.ratio_given_psd.toFixed(2)} x SciPy`);
    row('SciPy, PSD given', 'scipyGivenPsd');
    row('SciPy, the loop alone', 'scipyLoop', `--psd is ${result.ratio_given_psd_to_loop.toFixed(2)} x this`);
    console.log(`  memory at the peak, all threads     ${result.peak_memory_mb.toFixed(0)} MB`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(...args: string[]): void {
  execFileSync(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Seconds of one `chirpline preprocess`. */
function preprocess(...more: string[]): number {
  const records = join(folder, 'records');
  const taken = time(() =>
    run('preprocess', join(folder, 'raw'), records, '--workers', String(WORKERS), ...more),
  );
  rmSync(records, { recursive: true });
  return taken;
}

/** Seconds of one Python process, and of the loop in it. */
function scipy(psd: string): { whole: number; loop: number } {
  let printed = '';
  const whole = time(() => {
    printed = execFileSync(PYTHON, [PEER, join(folder, 'raw'), psd, String(WORKERS)], { encoding: 'utf8' });
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
