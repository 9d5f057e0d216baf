/** One execution at a time makes a dataset's records. */
import { ConflictError, NotFoundError, PreconditionError } from '../errors.ts';
import { readJson } from '../pipeline/work.ts';
import type { ObjectStore } from '../storage/store.ts';

export const CLAIM_KEY = '_work/execution.json';

interface Claim {
  /** ARN of the execution. */
  execution: string;
}

/** Throws ConflictError when another execution that still runs has the records. */
export async function claimRecords(
  records: ObjectStore,
  execution: string,
  isRunning: (execution: string) => Promise<boolean>,
): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify({ execution } satisfies Claim));
  try {
    const found = await records.head(CLAIM_KEY);
    if (found === undefined) {
      await records.write(CLAIM_KEY, bytes, { ifAbsent: true });
      return;
    }
    const holder = await readJson<Claim>(records, CLAIM_KEY);
    // The step may be called twice for one execution.
    if (holder.execution === execution) return;
    if (await isRunning(holder.execution)) {
      throw new ConflictError(
        `${records.location} is being made by ${holder.execution}. Wait for it (chirpline status), or stop it (chirpline cancel).`,
      );
    }
    await records.write(CLAIM_KEY, bytes, { ifMatch: found.etag });
  } catch (error) {
    if (!(error instanceof PreconditionError) && !(error instanceof NotFoundError)) throw error;
    throw new ConflictError(`another run of ${records.location} has just started or ended`, { cause: error });
  }
}

export async function releaseRecords(records: ObjectStore): Promise<void> {
  await records.remove(CLAIM_KEY);
}
