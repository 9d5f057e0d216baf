/** Runs inputs through parsers in a separate thread, so that a hung parser can be terminated. */
import { existsSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { ChirplineError } from '../../src/core/errors.ts';
import { type Case, makeCase } from './case.ts';
import type { Checked } from './target.ts';

export interface WorkerJob {
  /** URL of the module with the TARGETS. */
  module: string;
  names: readonly string[];
  seed: number;
  /** Index of the first input of each parser. */
  first: number;
  /** Each parser stops after this number of inputs, or this time [ms], whichever is earlier. */
  count: number;
  milliseconds: number;
  /** Index of the current name, and index of its current input; both are negative before the first input. */
  progress: Int32Array<SharedArrayBuffer>;
}

export interface Failure {
  name: string;
  index: number;
  message: string;
  /** How many inputs failed in this way; `index` is the first one. */
  times: number;
}

export interface Report {
  name: string;
  inputs: number;
  refused: number;
  /** [ms] */
  slowest: number;
  failures: Failure[];
}

/** A parser is stopped after this number of different failures. */
const KINDS = 10;
/** An input that takes more CPU time is a failure [ms]. Wall-clock time depends on the load of the machine. */
const SLOW = 2000;
/** An input that makes the process grow by more is a failure [KiB]: a hundred times the largest seed. */
const LARGE = 100 * 1024;

async function runTarget(target: Checked, place: number, job: WorkerJob): Promise<Report> {
  const { seed, first, count, milliseconds, progress } = job;
  for (const original of await target.seeds()) await target.run(original, original);
  const failures = new Map<string, Failure>();
  const report = { name: target.name, inputs: 0, refused: 0, slowest: 0 };
  const end = performance.now() + milliseconds;
  const isDue = () => performance.now() < end && failures.size < KINDS;
  for (let index = first; index < first + count && isDue(); index++) {
    const made = await makeCase(target, seed, index);
    Atomics.store(progress, 1, index);
    Atomics.store(progress, 0, place);
    const started = performance.now();
    const fault = await findFault(target, made);
    report.inputs++;
    report.slowest = Math.max(report.slowest, performance.now() - started);
    if (fault === REFUSED) report.refused++;
    else if (fault !== undefined) {
      const known = failures.get(fault.kind);
      if (known !== undefined) known.times++;
      else failures.set(fault.kind, { name: target.name, index, message: fault.message, times: 1 });
    }
  }
  return { ...report, failures: [...failures.values()] };
}

interface Fault {
  message: string;
  /** The same for failures with the same cause. */
  kind: string;
}

const REFUSED = 'refused';

/** See proc(5). Without this file, only growth beyond the previous peak is found. */
const CLEAR_REFS = '/proc/self/clear_refs';
const resetPeak = existsSync(CLEAR_REFS) ? () => writeFileSync(CLEAR_REFS, '5') : () => {};

/** The fault of the parser on this input; REFUSED if it correctly refused the input; undefined if it accepted it. */
async function findFault(
  target: Checked,
  { bytes, seed }: Case,
): Promise<Fault | typeof REFUSED | undefined> {
  resetPeak();
  const size = process.resourceUsage().maxRSS;
  const before = process.cpuUsage();
  let refused = false;
  try {
    await target.run(bytes, seed);
  } catch (error) {
    if (!(error instanceof ChirplineError)) return describe(error);
    refused = true;
  }
  const { user, system } = process.cpuUsage(before);
  const spent = (user + system) / 1000;
  if (spent > SLOW) return { kind: 'slow', message: `took ${(spent / 1000).toFixed(1)} s` };
  const grown = process.resourceUsage().maxRSS - size;
  if (grown > LARGE)
    return { kind: 'large', message: `the process grew by ${(grown / 1024).toFixed(0)} MiB` };
  return refused ? REFUSED : undefined;
}

function describe(error: unknown): Fault {
  if (!(error instanceof Error)) return { kind: typeof error, message: `threw ${String(error)}` };
  const { name, message, stack } = error;
  // For an error thrown by a package, take the line of our code that called it.
  const place = stack?.split('\n').find((line) => /^ +at .*\/(src|functions|test)\//.test(line)) ?? '';
  return { kind: name + place, message: `${name}: ${message.slice(0, 300)}\n   ${place}` };
}

const job = workerData as WorkerJob;
const { TARGETS } = (await import(job.module)) as { TARGETS: readonly Checked[] };
for (const [place, name] of job.names.entries())
  parentPort!.postMessage(await runTarget(TARGETS.find((target) => target.name === name)!, place, job));
