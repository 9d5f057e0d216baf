/**
 * The lease of a state machine's execution, whose functions come and go. It lasts as long as a function may run, and a chunk
 * renews it once half of that has passed. Other executions ask Step Functions whether its holder still runs.
 */
import { ambient } from '../core/ambient.ts';
import { renewLease } from '../preprocess/state/lease.ts';
import type { Lease, Manifest } from '../preprocess/state/manifest.ts';
import type { ObjectStore } from '../storage/store.ts';

/** Lambda's limit of 15 minutes, and one more [ms]. */
const SPAN = 16 * 60_000;

/** @param execution the ARN, which is the lease's token. */
export function executionLease(execution: string): Lease {
  return { token: execution, kind: 'execution', holder: execution, span: SPAN, expires: 0 };
}

/** Renews the lease of a running execution if more than half of it has passed. */
export async function keepLease(records: ObjectStore, { lease }: Manifest): Promise<void> {
  if (lease?.kind !== 'execution' || lease.expires - ambient.now() > SPAN / 2) return;
  // If it is lost, the execution was cancelled. The output of this function is still correct.
  await renewLease(records, lease);
}
