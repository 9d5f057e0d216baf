/** Gives a new file its name, under a condition that is checked atomically. */
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
import { sha256 } from '../../core/sha256.ts';
import { isAbsence, systemCode } from './file-errors.ts';
import { describeFile, OWN_PREFIX } from './file-listing.ts';

/**
 * Errors of file systems without hard links: exFAT, many FUSE and network ones. Node reports EOPNOTSUPP under its other
 * name, ENOTSUP.
 */
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];
/** A claim is held for microseconds. After this time [ms] it is broken: its writer may have been killed. */
const CLAIM_TIMEOUT = 500;
const PAUSE = 5;

/**
 * Renames the file at `temporary` to `path`, in the same folder. Throws PreconditionError when `path` exists. Of several
 * writers, threads or processes, exactly one succeeds.
 */
export async function createOnly(temporary: string, path: string): Promise<void> {
  try {
    // Unlike a rename, a link fails when the name exists.
    linkSync(temporary, path);
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'EEXIST') throw describeTaken(path, error);
    if (!NO_LINKS.includes(code)) throw error;
    await renameByClaim(temporary, path, () => {
      if (pathExists(path)) throw describeTaken(path);
    });
  }
}

/** Renames over an existing file with this etag. Throws PreconditionError when the file has another etag or is missing. */
export async function replaceVersion(temporary: string, path: string, etag: string): Promise<void> {
  await renameByClaim(temporary, path, () => {
    if (describeFile(path, '')?.etag !== etag) throw new PreconditionError(path);
  });
}

/**
 * Renames under a claim on the name. The claim is a folder that holds the writer's file. The writer creates it under another
 * name and renames it to the claim's name, which fails while another writer's file is in there. The holder of the claim
 * calls `check`, which throws when the condition doesn't hold, and then moves the file from the claim to its final name.
 *
 * A claim that is held too long, by a writer that was killed or suspended, is broken by moving its file back. The rename of a
 * suspended writer then fails, and the writer retries. So a file only gets its name while its writer holds the claim.
 */
async function renameByClaim(temporary: string, path: string, check: () => void): Promise<void> {
  const folder = dirname(path);
  const version = sha256(basename(path)).toString('hex');
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
      else if (ambient.elapsed() - seen.since > CLAIM_TIMEOUT) {
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
  /** Name of the temporary file. */
  name: string;
  /** Folder that is renamed to become the claim. */
  own: string;
  claim: string;
}

/**
 * False when another writer was first or broke the claim. The file is back at `temporary` then, and also when `check`
 * throws. Synchronous, so that the claim is held for microseconds.
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
    // Some file systems can't rename a folder over an empty one.
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

/** The name of the file in the claim; undefined when no writer holds the claim. */
function readHolder(claim: string): string | undefined {
  try {
    return readdirSync(claim)[0];
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

function pathExists(path: string): boolean {
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
      `cannot write ${path}: a folder with this name exists. Move it or choose another folder`,
    );
  }
  return new PreconditionError(path, { cause });
}
