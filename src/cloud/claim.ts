/**
 * One execution at a time makes a dataset's records, and whether its raw objects are being listed can be told.
 *
 * An object that comes while they are listed is in the list or not, nobody can tell; one that comes before or after is
 * easy. So each call of the plan's function notes itself here before it lists, and takes its note back if it fails. If it
 * succeeds, plan.json is there from then on. Notes are taken by conditional writes: two calls for one execution (a retry
 * beside a call that was only thought lost) don't take each other's. That of a call that was killed runs out.
 */
import { randomUUID } from 'node:crypto';
import { ConflictError, NotFoundError, PreconditionError } from '../errors.ts';
import { changeText } from '../pipeline/change.ts';
import { readJsonIfPresent } from '../pipeline/work.ts';
import type { ObjectStore } from '../storage/store.ts';

export const CLAIM_KEY = '_work/execution.json';

interface Claim {
  /** ARN of the execution. */
  execution: string;
  /** Calls that plan: for each, by a name of its own, when it will have ended for certain [ms since 1970]. */
  planning: Record<string, number>;
}

/** The longest that a function may run (Lambda's limit, 15 min), and a minute for clocks that differ [ms]. */
const LONGEST_CALL = 16 * 60_000;

export interface Planning {
  /** To be called when planning failed: objects that come from now on need not wait for it. */
  giveUp(): Promise<void>;
}

/**
 * Claims the records for an execution, one of whose calls is about to list the raw objects. Throws ConflictError when
 * another execution that still runs has them.
 */
export async function claimRecords(
  records: ObjectStore,
  execution: string,
  isRunning: (execution: string) => Promise<boolean>,
): Promise<Planning> {
  const call = randomUUID();
  await changeClaim(records, async (holder) => {
    if (holder !== undefined && holder.execution !== execution && (await isRunning(holder.execution))) {
      throw new ConflictError(
        `${records.location} is being made by ${holder.execution}. Wait for it (chirpline status), or stop it (chirpline cancel).`,
      );
    }
    // The calls of an execution that was stopped may be at work still.
    return { execution, planning: { ...holder?.planning, [call]: Date.now() + LONGEST_CALL } };
  });
  return {
    giveUp: () =>
      changeClaim(records, async (holder) => {
        if (holder?.planning[call] === undefined) return undefined;
        const { [call]: _, ...others } = holder.planning;
        return { ...holder, planning: others };
      }),
  };
}

/** Whether a call that plans may be at work. */
export async function isPlanning(records: ObjectStore): Promise<boolean> {
  const claim = await readJsonIfPresent<Claim>(records, CLAIM_KEY);
  return Object.values(claim?.planning ?? {}).some((end) => end > Date.now());
}

export async function releaseRecords(records: ObjectStore): Promise<void> {
  await records.remove(CLAIM_KEY);
}

/** Changes the claim; undefined leaves it. */
async function changeClaim(
  records: ObjectStore,
  edit: (holder: Claim | undefined) => Promise<Claim | undefined>,
): Promise<void> {
  try {
    // One that another write is in the way of may be one's own, whose answer got lost: it is read again then.
    await changeText(records, CLAIM_KEY, async (text) => {
      const changed = await edit(text === undefined ? undefined : (JSON.parse(text) as Claim));
      return changed && `${JSON.stringify(changed)}\n`;
    });
  } catch (error) {
    if (!(error instanceof PreconditionError) && !(error instanceof NotFoundError)) throw error;
    throw new ConflictError(`another run of ${records.location} has just started or ended`, { cause: error });
  }
}
