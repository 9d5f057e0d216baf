import { tensorOf } from '../tensorflow/graph/tensor.ts';
import {
  type Event,
  encodeEvents,
  FILE_VERSION,
  HISTOGRAMS,
  SCALARS,
  SESSION_START,
  type SummaryValue,
} from './event-file.ts';
import { BUCKETS, countValues } from './histogram.ts';

export interface EventLogSettings {
  /** Returns the current time [s since 1970]. */
  clock: () => number;
  /** Process id: two processes that start in the same second must not write to the same name. */
  pid: number;
  /**
   * First step of this process. TensorBoard ignores what a killed process logged for this step and later ones.
   */
  firstStep: number;
}

export interface EventFile {
  name: string;
  bytes: Uint8Array;
}

/** Log of a training for TensorBoard. */
export interface EventLog {
  /** One point of the curve `tag`. */
  scalar(tag: string, value: number, step: number): void;
  /** Distribution of the values at this step, see countValues. */
  histogram(tag: string, values: Iterable<number>, step: number): void;
  /** Returns the events since the last call as a new file for the same folder; undefined if there are none. */
  take(): EventFile | undefined;
}

/**
 * A log in files that are written once and never grow: objects in a bucket can't grow, and TensorBoard continues to read
 * the old content of a file that is replaced. TensorBoard reads the files of a folder by name, which is the order in which
 * they were taken.
 */
export function createEventLog({ clock, pid, firstStep }: EventLogSettings): EventLog {
  const start = clock();
  const prefix = `events.out.tfevents.${String(Math.floor(start)).padStart(10, '0')}.${WRITER}.${pid}`;
  let files = 0;
  let events: Event[] = [{ wallTime: start, step: firstStep, sessionLog: { status: SESSION_START } }];
  let logged = false;

  function log(value: SummaryValue, step: number): void {
    events.push({ wallTime: clock(), step, summary: { value: [value] } });
    logged = true;
  }

  return {
    scalar: (tag, value, step) =>
      log({ tag, tensor: tensorOf('float32', [], Float32Array.of(value)), metadata: SCALARS }, step),
    histogram: (tag, values, step) =>
      log(
        { tag, tensor: tensorOf('float64', [BUCKETS, 3], countValues(values)), metadata: HISTOGRAMS },
        step,
      ),
    take: () => {
      if (!logged) return undefined;
      const bytes = encodeEvents([{ wallTime: start, fileVersion: FILE_VERSION }, ...events]);
      const name = `${prefix}.${String(files).padStart(NUMBER_DIGITS, '0')}.v2`;
      files++;
      events = [];
      logged = false;
      return { name, bytes };
    },
  };
}

/** Takes the place of the host name in a file's name. */
const WRITER = 'chirpline';

/** File numbers are padded so that names sort like their numbers. */
const NUMBER_DIGITS = 6;
