/** Each log line is one JSON document, so CloudWatch Logs Insights finds its fields. */
import { existsSync, readFileSync } from 'node:fs';
import { ChirplineError } from '../src/core/errors.ts';

export function log(fields: Record<string, unknown>): void {
  console.log(JSON.stringify(fields));
}

/** A ChirplineError is a message for the user and needs no stack trace. */
export function logError(error: unknown, fields: Record<string, unknown> = {}): void {
  const known = error instanceof Error ? error : new Error(String(error));
  const { name, message, stack } = known;
  const detail = known instanceof ChirplineError ? {} : { stack };
  console.error(JSON.stringify({ ...fields, error: name, message, ...detail }));
}

/** Peak memory of this process so far [MB]. */
export function peakMemory(): number {
  // From /proc if possible: the resource usage also counts the process that this one was forked from.
  const peak = existsSync(STATUS)
    ? /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(STATUS, 'utf8'))?.[1]
    : undefined;
  return Math.round(Number(peak ?? process.resourceUsage().maxRSS) / 1024);
}

const STATUS = '/proc/self/status';
