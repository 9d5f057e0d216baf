/** Objects that a listing had and that aren't there as listed when they are read. */
import { MachineError, NotFoundError, PreconditionError } from '../core/errors.ts';
import { type RetryPolicy, retry } from '../storage/retry.ts';
import type { ObjectStore } from '../storage/store.ts';

const GONE = 'no such object';
const CHANGED = 'the object was changed after the plan';

/** Whether a reason says that the sample could not be looked at, which may be otherwise the next time. */
export function isAbsent(reason: string): boolean {
  return reason === GONE || reason === CHANGED;
}

/** Why a sample isn't there as planned; undefined when the error says something else. */
export function reasonOfAbsence(error: unknown): string | undefined {
  if (error instanceof NotFoundError) return GONE;
  return error instanceof PreconditionError ? CHANGED : undefined;
}

/** Network file systems and disks may be away for a moment: an object is asked for again for some two seconds. */
const AGAIN: RetryPolicy = { attempts: 5, pause: 400 };
/** Objects that are waited for so. When as many were gone for good, others are most likely too. */
const WAITS = 3;

/** Returns the bytes, or the reason in place of an object that isn't there as planned. */
export type ReadListed = (read: () => Promise<Uint8Array>) => Promise<Uint8Array | string>;

/** For the objects of one listing. Throws MachineError when nothing at all is in the store any more. */
export function createListedReader(store: ObjectStore): ReadListed {
  let waits = WAITS;
  return async (read) => {
    try {
      const policy = waits > 0 ? AGAIN : { ...AGAIN, attempts: 1 };
      return await retry(policy, (error) => error instanceof NotFoundError, read);
    } catch (error) {
      const reason = reasonOfAbsence(error);
      if (reason === undefined) throw error;
      if (reason === GONE) {
        waits -= 1;
        await requireAny(store);
      }
      return reason;
    }
  };
}

async function requireAny(store: ObjectStore): Promise<void> {
  for await (const _ of store.list('')) return;
  throw new MachineError(
    `${store.location} is empty, but was listed a while ago. Bring it back (is a disk or network folder away?) and run again`,
  );
}
