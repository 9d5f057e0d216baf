/**
 * `npm run simulate:faults -- [--seeds N] [--from SEED]`: runs N worlds on all cores; shrinks and prints each failing world.
 * `-- --seed SEED [--full]`: runs one world and prints its trace.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeSamples } from './samples.ts';
import { simulate } from './scenario.ts';
import { shrink } from './shrink.ts';

/** Suppresses the SDK's note to users of Node 20, printed once per core. */
const QUIET = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };

interface Part {
  from: number;
  count: number;
  step: number;
}

async function runPart({ from, count, step }: Part): Promise<void> {
  const samples = await makeSamples();
  for (let index = 0; index < count; index += 1) {
    const seed = from + index * step;
    const outcome = await simulate(samples, seed);
    const failed = outcome.violations.length > 0;
    process.send!({ seed, ...(failed && { report: await describe(seed) }) });
  }
}

async function describe(seed: number): Promise<string> {
  const samples = await makeSamples();
  const outcome = await simulate(samples, seed);
  const { violations, features, faults, trace } = await shrink(samples, seed, outcome);
  return [
    `seed ${seed} fails; shrunk to the features [${features.join(', ')}] and ${faults.length} faults:`,
    ...trace.map((line) => line.slice(0, 200)),
    ...violations.map((violation) => `=> ${violation}`),
    `To replay it: npm run simulate:faults -- --seed ${seed}`,
  ].join('\n');
}

/** Resolves to the reports of the seeds that failed. */
export async function runSeeds(
  from: number,
  seeds: number,
  onProgress: (done: number) => void,
): Promise<string[]> {
  const cores = Math.min(availableParallelism(), seeds);
  const reports: string[] = [];
  let done = 0;
  const parts = Array.from({ length: cores }, (_, core) => {
    const count = Math.ceil((seeds - core) / cores);
    return new Promise<void>((resolve, reject) => {
      const child = fork(fileURLToPath(import.meta.url), [], { execArgv: ['--import', 'tsx'], env: QUIET });
      child.on('message', ({ report }: { report?: string }) => {
        done += 1;
        if (report !== undefined) reports.push(report);
        onProgress(done);
        if (--left === 0) child.disconnect();
      });
      let left = count;
      child.on('error', reject);
      child.on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`a child process ended with code ${code}`)),
      );
      child.send({ from: from + core, count, step: cores } satisfies Part);
    });
  });
  await Promise.all(parts);
  return reports;
}

if (process.send !== undefined) {
  process.once('message', (part: Part) => {
    runPart(part).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
} else if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '500' },
      from: { type: 'string', default: '0' },
      seed: { type: 'string' },
      full: { type: 'boolean', default: false },
    },
  });
  if (values.seed !== undefined) {
    const seed = Number(values.seed);
    const outcome = await simulate(await makeSamples(), seed);
    const { violations, trace, features } = outcome;
    if (violations.length > 0 && !values.full) console.log(await describe(seed));
    else console.log([`seed ${seed}: [${features.join(', ')}]`, ...trace, ...violations, ''].join('\n'));
    process.exit(violations.length > 0 ? 1 : 0);
  }
  const began = performance.now();
  const seeds = Number(values.seeds);
  const reports = await runSeeds(Number(values.from), seeds, (done) => {
    if (done % 500 === 0) console.log(`${done} of ${seeds} seeds`);
  });
  for (const report of reports) console.log(report);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`${seeds - reports.length} of ${seeds} seeds passed, ${reports.length} failed, ${seconds} s`);
  process.exitCode = reports.length > 0 ? 1 : 0;
}
