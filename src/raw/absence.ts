/** Objects that were listed, but are missing or overwritten when they are read. */
import { MachineError, NotFoundError, PreconditionError } from '../core/errors.ts';
import { type RetryPolicy, retry } from '../storage/retry.ts';
import type { ObjectStore } from '../storage/store.ts';

const MISSING = 'no such object';
const OVERWRITTEN = 'the object was overwritten after it was listed';

/** Whether a reason says that the object was missing or overwritten: a later read may succeed. */
export function isAbsent(reason: string): boolean {
  return reason === MISSING || reason === OVERWRITTEN;
}

/** The reason, if the error says that the object is missing or was overwritten; otherwise undefined. */
export function reasonOfAbsence(error: unknown): string | undefined {
  if (error instanceof NotFoundError) return MISSING;
  return error instanceof PreconditionError ? OVERWRITTEN : undefined;
}

/** Network file systems and disks may be away for a moment, so a missing object is retried for about two seconds. */
const RETRY: RetryPolicy = { attempts: 5, pause: 400 };
/** Objects that are retried. Once this many stayed missing, further ones are most likely missing for good too. */
const WAITS = 3;

/** Returns the bytes, or the reason if the object is missing or was overwritten. */
export type ReadListed = (read: () => Promise<Uint8Array>) => Promise<Uint8Array | string>;

/** For the objects of one listing. Throws MachineError when the store has become empty. */
export function createListedReader(store: ObjectStore): ReadListed {
  let waits = WAITS;
  return async (read) => {
    try {
      const policy = waits > 0 ? RETRY : { ...RETRY, attempts: 1 };
      return await retry(policy, (error) => error instanceof NotFoundError, read);
    } catch (error) {
      const reason = reasonOfAbsence(error);
      if (reason === undefined) throw error;
      if (reason === MISSING) {
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
    `${store.location} is empty, but held objects when it was listed. Check that its disk or network folder is mounted, then run again`,
  );
}
