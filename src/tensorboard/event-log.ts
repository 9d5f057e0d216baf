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
  /** The time [s since 1970], when it is asked. */
  clock: () => number;
  /** Of the process: two that start in the same second must not write to the same name. */
  pid: number;
  /**
   * First step of this process: of what another one, which was killed, logged for this step and later ones TensorBoard
   * shows nothing.
   */
  firstStep: number;
}

export interface EventFile {
  name: string;
  bytes: Uint8Array;
}

/** What a training logs for TensorBoard to show. */
export interface EventLog {
  /** One point of the curve `tag`. */
  scalar(tag: string, value: number, step: number): void;
  /** How the values are distributed at this step, see countValues. */
  histogram(tag: string, values: Iterable<number>, step: number): void;
  /** What was logged since the last call, as a file of its own to be put beside the others; undefined when nothing was. */
  take(): EventFile | undefined;
}

/**
 * A log in files that are written once each and never grow, since objects of a bucket can't, and since TensorBoard goes
 * on reading a file that was replaced where it had it open. It reads all files of a folder, one after the other by their
 * names, which are in the order in which they were taken.
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

/** Stands in a file's name where others put the name of the machine. */
const WRITER = 'chirpline';

/** So that names sort as their numbers do. */
const NUMBER_DIGITS = 6;
