/**
 * The lease on a dataset's records: one run at a time, local or of the state machine, on a folder or a bucket. It stands in the
 * manifest, so that taking it is ordered with every other change there. It saves work and tells when raw objects are being
 * listed; the records are right without it.
 *
 * Clocks of two machines may differ. So a holder elsewhere counts as dead when it didn't renew its lease for as long as the lease
 * lasts, by the watcher's own clock, or when the lease expired long ago by any clock. A process of this machine is looked up.
 */
import { hostname } from 'node:os';
import { ambient } from '../../core/ambient.ts';
import { BusyError, StoppedError } from '../../core/errors.ts';
import type { Observer } from '../../core/progress.ts';
import type { ObjectStore } from '../../storage/store.ts';
import {
  changeManifest,
  type Lease,
  LostLeaseError,
  type Manifest,
  readManifest,
  removePlan,
} from './manifest.ts';

/** How long a process' lease lasts without being renewed, and how often it renews it [ms]. */
const SPAN = 30_000;
const RENEWAL = 5_000;
/** What the clocks of two machines may differ by [ms]. */
const CLOCK_DIFFERENCE = 2 * 3_600_000;
/** Between two looks at a lease that somebody else holds [ms]. */
const LOOK = 250;

/** The lease is free for others to take once it was not renewed until then, whatever their clocks say. */
export function hasExpired(lease: Lease): boolean {
  return ambient.now() > lease.expires + CLOCK_DIFFERENCE;
}

/** A lease for this process. */
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

/** Whether the lease is of a process of this machine that has ended. */
function isDeadHere({ host, pid, born }: Lease): boolean {
  return pid !== undefined && host === ambient.host() && ambient.bornOf(pid) !== born;
}

export interface AcquireOptions {
  /** Tells whether a holder is running; undefined when it can't tell. */
  isRunning?: (lease: Lease) => Promise<boolean | undefined>;
  /**
   * How long to watch a holder that may be dead [ms]; a holder known to be alive is then not waited for at all. Default: wait for
   * either, as long as it takes.
   */
  patience?: number;
  observer?: Observer;
  signal?: AbortSignal | undefined;
}

/**
 * Takes the lease, waiting while another holder is alive. Throws BusyError, which names the holder, when `patience` is over,
 * and StoppedError when `signal` is aborted.
 */
export async function acquireLease(
  records: ObjectStore,
  lease: Lease,
  { isRunning, patience = Number.POSITIVE_INFINITY, observer = {}, signal }: AcquireOptions = {},
): Promise<void> {
  const began = ambient.elapsed();
  let seen: { version: string; since: number } | undefined;
  let said: string | undefined;
  for (;;) {
    let blocker: Lease | undefined;
    let running = false;
    await changeManifest(records, async (manifest) => {
      const other = manifest.lease?.token === lease.token ? undefined : manifest.lease;
      const version = other && `${other.token} ${other.expires}`;
      if (version !== undefined && seen?.version !== version) seen = { version, since: ambient.elapsed() };
      blocker = undefined;
      if (other !== undefined && !isDeadHere(other) && !hasExpired(other)) {
        const known = await isRunning?.(other);
        running = known ?? other.host === ambient.host();
        const unchanged = ambient.elapsed() - (seen?.since ?? 0);
        if (known ?? (running || unchanged < other.span)) blocker = other;
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
      observer.say?.(`${state}: waiting for it to end, or until ${until} should it have died`);
    }
    if (signal?.aborted) throw new StoppedError(`stopped while waiting for ${blocker.holder}`);
    await ambient.sleep(LOOK);
  }
}

function renewed(manifest: Manifest, lease: Lease): Manifest {
  return { ...manifest, lease: { ...lease, expires: ambient.now() + lease.span } };
}

/** Makes the lease last for its span from now on. Throws LostLeaseError when it is another's or nobody's. */
export async function renewLease(records: ObjectStore, lease: Lease): Promise<void> {
  await changeManifest(records, (manifest) => {
    if (manifest.lease?.token !== lease.token) throw new LostLeaseError(records.location);
    return renewed(manifest, lease);
  });
}

/** Gives the lease back, if `token` has it. */
export async function releaseLease(records: ObjectStore, token: string): Promise<void> {
  await freeLease(records, (lease) => lease.token === token);
}

/**
 * Takes the lease from its holder, if `which` says so, and ends the planning under it: objects that arrive from now on count as
 * not listed, so a list made before must not become a plan. Returns the resulting manifest.
 */
export async function freeLease(records: ObjectStore, which: (lease: Lease) => boolean): Promise<Manifest> {
  let former: string | undefined;
  const freed = await changeManifest(records, ({ lease, planning, ...rest }) => {
    const isFree = lease === undefined || !which(lease);
    former = isFree ? undefined : planning;
    return isFree ? undefined : rest;
  });
  if (former !== undefined) await removePlan(records, former);
  return freed;
}

/**
 * Runs `work` under the lease, which is renewed meanwhile. When somebody else takes it over (this process slept for too
 * long), `work` is stopped by its signal, and begins again when the lease can be had.
 */
export async function withLease<T>(
  records: ObjectStore,
  options: AcquireOptions,
  work: (token: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (;;) {
    const lease = processLease();
    await acquireLease(records, lease, options);
    const lost = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, lost.signal]) : lost.signal;
    const ended = new AbortController();
    const renewal = keepRenewing(records, lease, ended.signal, lost);
    try {
      return await work(lease.token, signal);
    } catch (error) {
      // Another holder may have removed what this one worked on, before any renewal told.
      const { lease: now } = await readManifest(records);
      if (options.signal?.aborted || now?.token === lease.token) throw error;
      options.observer?.say?.(`${records.location}: another run has taken over; waiting for it`);
    } finally {
      ended.abort();
      await renewal;
      await releaseLease(records, lease.token).catch((error: unknown) => {
        // It is free as soon as this process has ended.
        const reason = error instanceof Error ? error.message : String(error);
        options.observer?.say?.(`the lease on ${records.location} could not be given back: ${reason}`);
      });
    }
  }
}

/** Renews the lease until `ended` is aborted; aborts `lost` when somebody else has it. */
async function keepRenewing(
  records: ObjectStore,
  lease: Lease,
  ended: AbortSignal,
  lost: AbortController,
): Promise<void> {
  for (;;) {
    await ambient.sleep(RENEWAL, ended);
    if (ended.aborted) return;
    try {
      await renewLease(records, lease);
    } catch (error) {
      // Any other failure may pass. If it doesn't, the lease is taken over and this finds out.
      if (error instanceof LostLeaseError) return lost.abort(error);
    }
  }
}
