/** Runs inputs through parsers in a thread of its own, so that one that never comes back can be ended. */
import { existsSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { ChirplineError } from '../../src/core/errors.ts';
import { type Case, makeCase } from './case.ts';
import type { Checked } from './target.ts';

export interface WorkerJob {
  /** URL of the module that has the TARGETS. */
  module: string;
  names: readonly string[];
  seed: number;
  /** Of the inputs of each parser. */
  first: number;
  /** Stops after so many, or so long [ms], whichever is earlier. */
  count: number;
  milliseconds: number;
  /** Which of the names, and which of its inputs, is being run; both below 0 before. */
  progress: Int32Array<SharedArrayBuffer>;
}

export interface Failure {
  name: string;
  index: number;
  message: string;
  /** Inputs that fail so; this is the first one. */
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

/** Of failures, after which a parser is left alone. */
const KINDS = 10;
/** An input that takes longer is a failure [ms of the processor: on a busy machine the clock says little]. */
const SLOW = 2000;
/** An input by which the process grows more is a failure [KiB]: a hundred times the largest seed. */
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
  /** The same for failures that have one cause. */
  kind: string;
}

const REFUSED = 'refused';

/** See proc(5). Where there is none, growth is seen that goes beyond all before. */
const CLEAR_REFS = '/proc/self/clear_refs';
const resetPeak = existsSync(CLEAR_REFS) ? () => writeFileSync(CLEAR_REFS, '5') : () => {};

/** What is wrong with how the input is taken; REFUSED when nothing is but the input. */
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
  // What is thrown by a package was asked of it somewhere.
  const place = stack?.split('\n').find((line) => /^ +at .*\/(src|functions|test)\//.test(line)) ?? '';
  return { kind: name + place, message: `${name}: ${message.slice(0, 300)}\n   ${place}` };
}

const job = workerData as WorkerJob;
const { TARGETS } = (await import(job.module)) as { TARGETS: readonly Checked[] };
for (const [place, name] of job.names.entries())
  parentPort!.postMessage(await runTarget(TARGETS.find((target) => target.name === name)!, place, job));
