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

/**
 * The dataset that such a name is of; undefined for any other name, as an execution has that somebody started by hand.
 * Names of datasets are short enough to be whole in it.
 */
export function datasetOfExecution(name: string): string | undefined {
  // What AWS itself calls an execution ends like a name of ours.
  if (UUID.test(name)) return undefined;
  return NAME.exec(name)?.[1];
}

const NAME = new RegExp(`^(.+)-[0-9a-f]{${HASH_LENGTH}}$`);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
