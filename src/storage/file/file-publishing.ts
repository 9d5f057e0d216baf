/** Giving a new file its name, on a condition that still holds at that moment. */
import { createHash } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ambient } from '../../core/ambient.ts';
import { MachineError, PreconditionError } from '../../core/errors.ts';
import { isAbsence, systemCode } from './file-errors.ts';
import { describeFile, OWN_PREFIX } from './file-listing.ts';

/** How a file system says that it has no hard links: exFAT, many FUSE and network ones. Node calls EOPNOTSUPP by its other name. */
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];
/** A claim is held for microseconds. One that is held this long [ms] is taken from its writer, who may have been killed. */
const CLAIM_TIME = 500;
const PAUSE = 5;

/**
 * Gives the file at `temporary` the name `path`, in the same folder. Throws PreconditionError when the name is taken. Of several
 * writers, threads or processes, exactly one succeeds.
 */
export async function createOnly(temporary: string, path: string): Promise<void> {
  try {
    // A link, unlike a rename, is refused by the file system when the name is taken.
    linkSync(temporary, path);
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'EEXIST') throw describeTaken(path, error);
    if (!NO_LINKS.includes(code)) throw error;
    await renameByClaim(temporary, path, () => {
      if (isThere(path)) throw describeTaken(path);
    });
  }
}

/** The same in place of the file that has the name, if it is that version; PreconditionError when it is another, or none. */
export async function replaceVersion(temporary: string, path: string, etag: string): Promise<void> {
  await renameByClaim(temporary, path, () => {
    if (describeFile(path, '')?.etag !== etag) throw new PreconditionError(path);
  });
}

/**
 * Renames by a claim on the name: a folder that holds the writer's file. It is made elsewhere and renamed to the claim's name,
 * which fails while another's file is in there. The claim's holder calls `check`, which throws when the condition doesn't
 * hold, and renames the file from the claim to its name.
 *
 * A claim whose writer was killed, or only sleeps, is broken by moving its file back to where it was: a sleeper's
 * rename then finds nothing, and the sleeper begins again. So a file can only get the name while its writer holds the claim.
 */
async function renameByClaim(temporary: string, path: string, check: () => void): Promise<void> {
  const folder = dirname(path);
  const version = createHash('sha256').update(basename(path)).digest('hex');
  const place: Place = {
    temporary,
    path,
    name: basename(temporary),
    own: `${temporary}.claim`,
    claim: join(folder, `${OWN_PREFIX}${version}.claims`),
  };
  let seen = { holder: '', since: 0 };
  try {
    for (;;) {
      check();
      const holder = readHolder(place.claim);
      if (holder === undefined) {
        if (tryClaim(place, check)) return;
      } else if (holder !== seen.holder) seen = { holder, since: ambient.elapsed() };
      else if (ambient.elapsed() - seen.since > CLAIM_TIME) {
        renameIfThere(join(place.claim, holder), join(folder, holder));
        removeIfEmpty(place.claim);
      }
      await ambient.sleep(PAUSE * ambient.random());
    }
  } finally {
    rmSync(place.own, { recursive: true, force: true });
  }
}

interface Place {
  temporary: string;
  path: string;
  /** Of the temporary file. */
  name: string;
  /** Folder that becomes the claim. */
  own: string;
  claim: string;
}

/**
 * False when another writer was first, or broke the claim: the file is at `temporary` again then, as when `check` throws.
 * Synchronous, to hold the claim for microseconds.
 */
function tryClaim({ temporary, path, name, own, claim }: Place, check: () => void): boolean {
  mkdirSync(own);
  renameSync(temporary, join(own, name));
  try {
    renameSync(own, claim);
  } catch (error) {
    renameSync(join(own, name), temporary);
    rmdirSync(own);
    if (!isOccupied(error)) throw error;
    // Some file systems rename no folder over an empty one.
    removeIfEmpty(claim);
    return false;
  }
  try {
    check();
    return renameIfThere(join(claim, name), path);
  } catch (error) {
    renameIfThere(join(claim, name), temporary);
    throw error;
  } finally {
    removeIfEmpty(claim);
  }
}

/** The name of the file in the claim; undefined when nobody holds it. */
function readHolder(claim: string): string | undefined {
  try {
    return readdirSync(claim)[0];
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function renameIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!isAbsence(error) && !isOccupied(error)) throw error;
  }
}

function isOccupied(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '');
}

function describeTaken(path: string, cause?: unknown): Error {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    return new MachineError(
      `cannot write ${path}: a folder stands there. Move it away or choose another folder`,
    );
  }
  return new PreconditionError(path, { cause });
}
