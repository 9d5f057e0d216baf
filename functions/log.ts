/** Log lines are one JSON document each, so that CloudWatch Logs Insights finds their fields. */
import { existsSync, readFileSync } from 'node:fs';
import { ChirplineError } from '../src/core/errors.ts';

export function log(fields: Record<string, unknown>): void {
  console.log(JSON.stringify(fields));
}

/** Answers of ours are for people and need no stack trace. */
export function logError(error: unknown, fields: Record<string, unknown> = {}): void {
  const known = error instanceof Error ? error : new Error(String(error));
  const { name, message, stack } = known;
  const detail = known instanceof ChirplineError ? {} : { stack };
  console.error(JSON.stringify({ ...fields, error: name, message, ...detail }));
}

/** Most memory that this process had so far [MB]. */
export function peakMemory(): number {
  // Where Linux tells it: the resource usage counts the process as well that this one was forked from.
  const told = existsSync(STATUS)
    ? /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(STATUS, 'utf8'))?.[1]
    : undefined;
  return Math.round(Number(told ?? process.resourceUsage().maxRSS) / 1024);
}

const STATUS = '/proc/self/status';
