/** Names and starts the executions of the state machine. */
import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { sha256 } from '../core/sha256.ts';

/** At most 80 characters: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html */
const LIMIT = 80;
const HASH_LENGTH = 12;

/** The name of an execution for a dataset. It is the same for the same cause, so AWS starts it only once. */
export function executionName(dataset: string, cause: string): string {
  // All characters of dataset names, dots too, are allowed in execution names.
  const hash = sha256(`${dataset}\n${cause}`).toString('hex').slice(0, HASH_LENGTH);
  return `${dataset.slice(0, LIMIT - HASH_LENGTH - 1)}-${hash}`;
}

/**
 * The dataset in a name made by executionName; undefined for another name, such as that of an execution started by hand.
 * Dataset names are short enough to be in it completely.
 */
export function datasetOfExecution(name: string): string | undefined {
  // AWS's own names for executions are UUIDs, which end like our names.
  if (UUID.test(name)) return undefined;
  return NAME.exec(name)?.[1];
}

/** Starts an execution with this name and input. Resolves to false when one of that name exists or existed. */
export async function startExecution(
  client: SFNClient,
  stateMachineArn: string,
  name: string,
  input: { dataset: string },
): Promise<boolean> {
  try {
    await client.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }));
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === 'ExecutionAlreadyExists') return false;
    throw error;
  }
}

const NAME = new RegExp(`^(.+)-[0-9a-f]{${HASH_LENGTH}}$`);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
