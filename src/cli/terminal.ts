/**
 * All output of the commands. Progress goes to standard error: a bar on a terminal, plain lines elsewhere. The result goes to
 * standard output, as text or (with --json) as one JSON document. Control characters are shown as escapes (core/visible.ts):
 * ids, keys and messages of other programs may contain them, and a terminal would obey them. A test checks that no other
 * file prints.
 */
import { constants } from 'node:os';
import { ChirplineError } from '../core/errors.ts';
import type { Observer, Progress } from '../core/progress.ts';
import { visible, visibleJson, visibleLines } from '../core/visible.ts';
import { explainShortage } from '../storage/file/file-errors.ts';
import { isStandardOutputTaken } from '../storage/file/file-streaming.ts';
import { startedByNohup } from './nohup.ts';

/** Interval between two progress lines of a stage when standard error is not a terminal [ms]. */
const LINE_INTERVAL = 10_000;

/** Interval between two drawings of a bar [ms]. */
const BAR_INTERVAL = 100;
/** Length of a bar [characters]. */
const BAR_LENGTH = 20;

/** Standard error, or what a test has instead. */
interface Output {
  isTTY?: boolean;
  write(text: string): unknown;
}

export interface Terminal extends Observer {
  progress(progress: Progress): void;
  say(line: string): void;
  /** Ends the bar, so that a result can be printed below it. */
  close(): void;
}

export function openTerminal(stream: Output = process.stderr): Terminal {
  return stream.isTTY ? openBars(stream) : openLines(stream);
}

const words: Record<string, string> = {
  simulate: 'simulating',
  list: 'listing',
  psd: 'estimating PSD',
  preprocess: 'preprocessing',
  predict: 'predicting',
  merge: 'merging',
  upload: 'uploading',
};

/**
 * The last line is the bar of the stage under way. Messages appear above it, except that a message takes the place of a complete
 * bar: it says what came of it. A bar never wraps, a message does.
 */
function openBars(stream: Output): Terminal {
  let stage = '';
  let start: Start = { time: 0, done: 0 };
  let bar: { text: string; complete: boolean } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const draw = () => {
    clearTimeout(timer);
    timer = undefined;
    if (bar !== undefined) stream.write(`\r\x1b[?7l${bar.text}\x1b[K\x1b[?7h`);
  };
  const close = () => {
    draw();
    if (bar !== undefined) stream.write('\n');
    bar = undefined;
  };
  return {
    progress(progress) {
      if (progress.stage !== stage) {
        close();
        stage = progress.stage;
        start = { time: Date.now(), done: progress.done };
      }
      bar = { text: drawBar(progress, start), complete: progress.done >= progress.total };
      timer ??= setTimeout(draw, BAR_INTERVAL);
    },
    say(line) {
      stream.write(`\r\x1b[K${visibleLines(line)}\n`);
      if (bar?.complete) bar = undefined;
      draw();
    },
    close,
  };
}

function drawBar(progress: Progress, start: Start): string {
  const { done, total } = progress;
  const { label, unit, pace, note } = describe(progress, start);
  const full = total > 0 ? Math.round((BAR_LENGTH * Math.min(done, total)) / total) : BAR_LENGTH;
  return `${label} ${'█'.repeat(full).padEnd(BAR_LENGTH, '░')} ${done}/${total} ${unit}  ${pace}${note}`;
}

function openLines(stream: Output): Terminal {
  let stage = '';
  let start: Start = { time: 0, done: 0 };
  let printed = 0;
  let complete = false;
  return {
    progress(progress) {
      const now = Date.now();
      if (progress.stage !== stage) {
        stage = progress.stage;
        start = { time: now, done: progress.done };
        printed = now;
        complete = false;
      }
      // When the total isn't known beforehand, `done` reaches it with each report.
      const last = progress.done >= progress.total && !complete;
      if (!last && now - printed < LINE_INTERVAL) return;
      complete = last;
      printed = now;
      const { label, unit, pace, note } = describe(progress, start);
      stream.write(`${label.trim()}: ${progress.done}/${progress.total} ${unit}  ${pace}${note}\n`);
    },
    say: (line) => void stream.write(`${visibleLines(line)}\n`),
    close: () => {},
  };
}

/** The time of a stage's first report, and how much was done by then: by an earlier run, or before the report. */
interface Start {
  time: number;
  done: number;
}

function describe({ stage, done, total, unit, note }: Progress, start: Start) {
  const seconds = (Date.now() - start.time) / 1000;
  const rate = seconds > 0 ? (done - start.done) / seconds : 0;
  const left = (total - done) / rate;
  const pace =
    rate === 0 ? '' : `${formatRate(rate)}/s  ${done < total ? formatTime(left) : formatTime(seconds)}`;
  const suffix = pace === '' ? '' : done < total ? ' left' : ' in total';
  return {
    label: visible(words[stage] ?? stage).padEnd(14),
    unit: visible(unit),
    pace: pace + suffix,
    note: note ? `  ${visible(note)}` : '',
  };
}

function formatRate(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : rate.toPrecision(2);
}

/** 7 s, 2:05 or 1:02:05. */
export function formatTime(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${pad(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(whole % 60)}`;
}

/** Prints the error and sets the exit code. An error that isn't a ChirplineError is a bug and keeps its stack trace. */
export function endWith(thrown: unknown): void {
  const error = explainShortage(thrown);
  if (error instanceof ChirplineError) {
    printError(`chirpline: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else {
    const detail = error instanceof Error ? error.stack : error;
    printError(`chirpline: this is a bug, please report it\n${detail}\n`);
    process.exitCode = 70;
  }
}

/** Writes to standard error. Commander uses it too: its messages quote arguments, and with a wildcard these are file names. */
export function printError(text: string): void {
  process.stderr.write(visibleLines(text));
}

/**
 * Prints the result: the value as JSON with --json, otherwise the text. To standard error, if an output of the command went to
 * standard output (--out /dev/stdout).
 */
export function printResult(json: boolean | undefined, value: unknown, text: string): void {
  const stream = isStandardOutputTaken() ? process.stderr : process.stdout;
  stream.write(json ? `${visibleJson(value)}\n` : `${visibleLines(text)}\n`);
}

/** Prints a text: on a terminal it replaces the text `before`, elsewhere only its new lines appear. Returns the next `before`. */
export function printAgain(text: string, before: string): string {
  const known = before.split('\n');
  const shown = visibleLines(text);
  if (process.stdout.isTTY) {
    if (before !== '') process.stdout.write(`\x1b[${known.length}A\x1b[J`);
    process.stdout.write(`${shown}\n`);
  } else for (const line of shown.split('\n')) if (!known.includes(line)) process.stdout.write(`${line}\n`);
  return shown;
}

/** Runs a command's work with a terminal, which is closed at the end, and with a signal that Ctrl-C, SIGTERM or SIGHUP aborts. */
export async function attend<T>(work: (terminal: Terminal, stop: AbortSignal) => Promise<T>): Promise<T> {
  const terminal = openTerminal();
  try {
    return await work(terminal, stopOnSignal(terminal));
  } finally {
    terminal.close();
  }
}

/** Time in which a repeated SIGTERM or SIGHUP is the same one [ms]: `timeout` and npm send it to the process and to its parents. */
const SAME_SIGNAL = 1000;

/**
 * A signal that Ctrl-C, SIGTERM or SIGHUP (the terminal was closed) aborts. A second one ends the process at once. Under nohup,
 * SIGHUP does nothing.
 */
function stopOnSignal(terminal: Terminal): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (name !== 'SIGINT' && performance.now() - first < SAME_SIGNAL) return;
      terminal.close();
      process.exit(128 + constants.signals[name]);
    }
    terminal.say('stopping; press Ctrl-C again to quit at once');
    first = performance.now();
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, stop);
  process.on('SIGHUP', startedByNohup() ? () => {} : stop);
  return controller.signal;
}
