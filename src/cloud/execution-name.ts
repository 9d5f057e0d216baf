import { createHash } from 'node:crypto';

/** At most 80 characters: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html */
const LIMIT = 80;
const HASH_LENGTH = 12;

/** The name of an execution that runs a dataset: the same for the same cause, so that AWS starts it only once. */
export function executionName(dataset: string, cause: string): string {
  // Dots and all are allowed in names there, as they are in datasets'.
  const hash = createHash('sha256').update(`${dataset}\n${cause}`).digest('hex').slice(0, HASH_LENGTH);
  return `${dataset.slice(0, LIMIT - HASH_LENGTH - 1)}-${hash}`;
}
