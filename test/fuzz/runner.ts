import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { makeCase } from './case.ts';
import type { Checked } from './target.ts';
import type { Report, WorkerJob } from './worker.ts';

export interface FuzzOptions {
  /** The parsers to run; each gets the same time. */
  names: readonly string[];
  seed: number;
  /** Total time for all parsers. */
  seconds: number;
  /** At most this number of inputs for each parser. */
  count?: number;
  /** Runs only this input of each parser. */
  only?: number;
  /** URL of the module with the TARGETS. */
  module?: string;
  /** An input without a result after this time counts as hung [ms]. */
  hung?: number;
}

const TARGETS = new URL('./targets.ts', import.meta.url).href;
const WORKER = new URL('./worker.ts', import.meta.url).href;
const FAILURES = fileURLToPath(new URL('../../.chirpline/fuzz/', import.meta.url));
const HUNG = 10_000;

/** Runs changed files through the parsers. If a parser hangs or its thread dies, this is a failure too, and the others still run. */
export async function fuzz(options: FuzzOptions): Promise<Report[]> {
  const { names, seed, seconds, count = Number.POSITIVE_INFINITY, only } = options;
  const { module = TARGETS, hung = HUNG } = options;
  const reports: Report[] = [];
  while (reports.length < names.length) {
    const left = names.slice(reports.length);
    const progress = new Int32Array(new SharedArrayBuffer(8)).fill(-1);
    const job: WorkerJob = {
      module,
      names: left,
      seed,
      first: only ?? 0,
      count: only === undefined ? count : 1,
      milliseconds: (1000 * seconds) / names.length,
      progress,
    };
    const before = reports.length;
    const death = await runWorker(job, hung, (report) => reports.push(report));
    if (death === undefined) break;
    const [, index] = progress;
    const name = left[reports.length - before]!;
    if (Atomics.load(progress, 0) !== reports.length - before)
      throw new Error(`${name} failed on its own seeds`, { cause: death });
    const failure = { name, index: index!, message: String(death), times: 1 };
    reports.push({ name, inputs: index! - job.first + 1, refused: 0, slowest: 0, failures: [failure] });
  }
  return reports;
}

/** The error that ended the thread; undefined when it ran all parsers. */
async function runWorker(job: WorkerJob, hung: number, take: (report: Report) => void): Promise<unknown> {
  // Under Node 20 a thread doesn't inherit the loader of TypeScript.
  const worker = new Worker(
    `import('tsx/esm/api').then(({ register }) => (register(), import('${WORKER}')))`,
    {
      eval: true,
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    },
  );
  let done = 0;
  worker.on('message', (report: Report) => {
    done++;
    take(report);
  });
  let death: unknown;
  worker.on('error', (error) => {
    death = error;
  });
  let seen = '';
  let since = performance.now();
  const watch = setInterval(() => {
    const now = job.progress.join();
    // Before the first input, the thread loads its modules.
    if (now !== seen || now.startsWith('-')) [seen, since] = [now, performance.now()];
    else if (performance.now() - since > hung) {
      death ??= new Error(`no result after ${hung / 1000} s`);
      void worker.terminate();
    }
  }, 200);
  await new Promise((resolve) => worker.on('exit', resolve));
  clearInterval(watch);
  if (death === undefined && done < job.names.length)
    return new Error('the parser awaits a promise that never settles');
  return done < job.names.length ? death : undefined;
}

/** A line for each parser, and for each failure the command that reproduces it. Failing inputs are written into the folder `kept`. */
export async function describeReports(
  reports: readonly Report[],
  targets: readonly Checked[],
  seed: number,
  kept = FAILURES,
): Promise<string> {
  const lines: string[] = [];
  for (const { name, inputs, refused, slowest, failures } of reports) {
    const wrong = failures.length === 0 ? '' : `, ${failures.length} KINDS OF FAILURES`;
    lines.push(`${name}: ${inputs} inputs, ${refused} refused, slowest ${slowest.toFixed(0)} ms${wrong}`);
    for (const { index, message, times } of failures) {
      const { bytes } = await makeCase(targets.find((target) => target.name === name)!, seed, index);
      const folder = join(kept, name);
      const file = join(folder, `${seed}-${index}.bin`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, bytes);
      lines.push(
        `  ${times} times: ${message}`,
        `    reproduce: npm run fuzz -- --only ${name} --seed ${seed} --case ${index}`,
        `    input: ${file}; after the fix, move it to test/fixtures/fuzz/${name}/`,
      );
    }
  }
  return lines.join('\n');
}
