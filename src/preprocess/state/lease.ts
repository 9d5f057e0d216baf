/**
 * The lease on a dataset's records: one run at a time, local or in the state machine, on a folder or a bucket. It is part of the
 * manifest, so taking it is ordered with every other change there. It saves work and shows when raw objects are being listed;
 * the records are right without it.
 *
 * Clocks of two machines may differ. So a holder elsewhere counts as dead when it didn't renew its lease for the lease's whole
 * span, by the watcher's own clock, or when the lease expired long ago by any clock. A process of this machine is looked up.
 * For an execution, Step Functions says whether it is running.
 */
import { hostname } from 'node:os';
import { ambient } from '../../core/ambient.ts';
import { BusyError, StoppedError } from '../../core/errors.ts';
import type { Observer } from '../../core/progress.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { changeManifest, type Lease, type Manifest, readManifest } from './manifest.ts';

/** How long the lease of a process lasts without a renewal, and how often the process renews it [ms]. */
const SPAN = 30_000;
const RENEWAL = 5_000;
/** How long the lease of an execution lasts, whose functions come and go: Lambda's limit of 15 minutes, and one more [ms]. */
const EXECUTION_SPAN = 16 * 60_000;
/** How much the clocks of two machines may differ [ms]. */
const CLOCK_DIFFERENCE = 2 * 3_600_000;
/** Pause between two checks of a lease that somebody else holds [ms]. */
const POLL = 250;

/** Whether the lease expired so long ago that others may take it, however much the clocks differ. */
export function hasExpired(lease: Lease): boolean {
  return ambient.now() > lease.expires + CLOCK_DIFFERENCE;
}

/** A new lease for this process. */
export function processLease(): Lease {
  const pid = ambient.pid();
  return {
    token: ambient.token(),
    kind: 'process',
    holder: `process ${pid} on ${hostname()}`,
    host: ambient.host(),
    pid,
    born: ambient.bornOf(pid),
    span: SPAN,
    expires: 0,
  };
}

/** @param execution the ARN of an execution of the state machine, which is the lease's token. */
export function executionLease(execution: string): Lease {
  return { token: execution, kind: 'execution', holder: execution, span: EXECUTION_SPAN, expires: 0 };
}

/** Whether the holder is a process of this machine that has ended. */
function isDeadHere({ host, pid, born }: Lease): boolean {
  return pid !== undefined && host === ambient.host() && ambient.bornOf(pid) !== born;
}

export interface AcquireOptions {
  /** Whether an execution is running. */
  isRunning?: (execution: string) => Promise<boolean>;
  /**
   * How long to watch a holder that may be dead [ms]; with this limit, a holder known to be alive isn't waited for at all.
   * Default: wait for either as long as it takes.
   */
  patience?: number;
  observer?: Observer;
  signal?: AbortSignal | undefined;
}

/**
 * Takes the lease, and ends what was being planned under an earlier one; waits while another holder is alive. Throws BusyError,
 * which names the holder, when `patience` runs out, and StoppedError when `signal` is aborted.
 */
export async function acquireLease(
  records: ObjectStore,
  lease: Lease,
  { isRunning, patience = Number.POSITIVE_INFINITY, observer = {}, signal }: AcquireOptions = {},
): Promise<void> {
  const began = ambient.elapsed();
  let seen = { version: '', since: began };
  let said = '';
  for (;;) {
    let blocker: Lease | undefined;
    let running = false;
    await changeManifest(records, async ({ planning: _, ...manifest }) => {
      blocker = undefined;
      const { lease: other } = manifest;
      if (other !== undefined && other.token !== lease.token && !isDeadHere(other) && !hasExpired(other)) {
        const version = `${other.token} ${other.expires}`;
        if (seen.version !== version) seen = { version, since: ambient.elapsed() };
        const known = other.kind === 'execution' ? await isRunning?.(other.token) : undefined;
        running = known ?? other.host === ambient.host();
        const mayLive = ambient.elapsed() - seen.since < other.span;
        if (known ?? (running || mayLive)) blocker = other;
      }
      return blocker === undefined ? renewed(manifest, lease) : undefined;
    });
    if (blocker === undefined) return;
    const until = new Date(ambient.now() + blocker.span).toTimeString().slice(0, 8);
    const state = `${records.location} is being written by ${blocker.holder}`;
    if (patience < Number.POSITIVE_INFINITY && (running || ambient.elapsed() - began >= patience)) {
      throw new BusyError(`${state}. Wait for it, or stop it.`);
    }
    if (said !== blocker.token) {
      said = blocker.token;
      observer.say?.(`${state}: waiting for it to end, or until ${until} if it has died`);
    }
    if (signal?.aborted) throw new StoppedError(`stopped while waiting for ${blocker.holder}`);
    await ambient.sleep(POLL);
  }
}

function renewed(manifest: Manifest, lease: Lease): Manifest {
  return { ...manifest, lease: { ...lease, expires: ambient.now() + lease.span } };
}

/** Extends the lease to its full span from now, if it is still held. Resolves to whether it is. */
export async function renewLease(records: ObjectStore, lease: Lease): Promise<boolean> {
  const isHeld = (manifest: Manifest) => manifest.lease?.token === lease.token;
  return isHeld(
    await changeManifest(records, (found) => (isHeld(found) ? renewed(found, lease) : undefined)),
  );
}

/** Renews the lease of a running execution if more than half of it has passed. */
export async function keepLease(records: ObjectStore, { lease }: Manifest): Promise<void> {
  if (lease?.kind !== 'execution' || lease.expires - ambient.now() > lease.span / 2) return;
  // If it is lost, the execution was cancelled. The output of the function that calls this is still correct.
  await renewLease(records, lease);
}

/**
 * Removes the lease if `token` holds it, and ends the planning under it: objects that arrive from now on count as not listed, so a
 * list made before must not become a plan. Returns the resulting manifest.
 */
export function releaseLease(records: ObjectStore, token: string): Promise<Manifest> {
  return changeManifest(records, ({ lease, planning: _, ...rest }) =>
    lease?.token === token ? rest : undefined,
  );
}

/**
 * Runs `work` under the lease and renews the lease meanwhile. When another holder takes the lease over (this process slept for
 * too long), `work` is stopped by its signal, and starts again when the lease is available.
 */
export async function withLease<T>(
  records: ObjectStore,
  options: AcquireOptions,
  work: (token: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (;;) {
    const lease = processLease();
    await acquireLease(records, lease, options);
    const over = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, over.signal]) : over.signal;
    const renewal = keepRenewing(records, lease, over);
    try {
      return await work(lease.token, signal);
    } catch (error) {
      // Another holder may have removed the files that `work` uses before a renewal noticed the takeover.
      const { lease: now } = await readManifest(records);
      if (options.signal?.aborted || now?.token === lease.token) throw error;
      options.observer?.say?.(`${records.location}: another run has taken over; waiting for it to end`);
    } finally {
      over.abort();
      await renewal;
      // If it fails, others can take the lease as soon as this process has ended.
      await releaseLease(records, lease.token).catch((error: Error) =>
        options.observer?.say?.(`the lease on ${records.location} could not be released: ${error.message}`),
      );
    }
  }
}

/** Renews the lease until `over` is aborted. Aborts it when the lease was taken over. */
async function keepRenewing(records: ObjectStore, lease: Lease, over: AbortController): Promise<void> {
  for (;;) {
    await ambient.sleep(RENEWAL, over.signal);
    if (over.signal.aborted) return;
    // A failure may be temporary. If it isn't, the lease is taken over, and a later renewal notices.
    const isHeld = await renewLease(records, lease).catch(() => true);
    if (!isHeld) over.abort();
  }
}
