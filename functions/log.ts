/** Log lines are one JSON document each, so that CloudWatch Logs Insights finds their fields. */
import { ChirplineError } from '../src/errors.ts';

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
  return Math.round(process.resourceUsage().maxRSS / 1024);
}
