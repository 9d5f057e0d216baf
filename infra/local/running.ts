/** Recognizes a LocalStack that somebody else started. */
import * as v from 'valibot';
import { MachineError } from '../../src/core/errors.ts';

const INFO_PATH = '/_localstack/info';
const INFO = v.object({ version: v.string(), is_docker: v.boolean() });
/** [ms] */
const TIME_LIMIT = 5_000;

export interface RunningLocalstack {
  version: string;
  /** Whether it runs in a container itself. */
  isDocker: boolean;
}

/** What LocalStack says of itself at this origin; undefined for any other program. Throws when nothing answers. */
async function readLocalstack(origin: string): Promise<RunningLocalstack | undefined> {
  const answer = await fetch(origin + INFO_PATH, { signal: AbortSignal.timeout(TIME_LIMIT) });
  const text = await answer.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  const { success, output } = v.safeParse(INFO, body);
  return success ? { version: output.version, isDocker: output.is_docker } : undefined;
}

/** Throws MachineError if LocalStack isn't there. */
export async function requireLocalstack(origin: string): Promise<RunningLocalstack> {
  let found: RunningLocalstack | undefined;
  try {
    found = await readLocalstack(origin);
  } catch (error) {
    throw new MachineError(
      `nothing answers at ${origin}. Start LocalStack there, or give its URL: npm run local:up -- --attach URL`,
      { cause: error },
    );
  }
  if (found === undefined)
    throw new MachineError(
      `the program at ${origin} is not LocalStack: ${INFO_PATH} doesn't describe one. Give LocalStack's URL: npm run local:up -- --attach URL`,
    );
  return found;
}
