/** Turns errors from AWS, or from the network on the way there, into messages that say what to do. */
import { ChirplineError, MachineError } from '../core/errors.ts';
import { ACCOUNT_ADVICE, explainMissingRegion, isConnectionError } from '../storage/s3/s3-errors.ts';

const ADVICE: Record<string, string> = {
  ...ACCOUNT_ADVICE,
  UnrecognizedClientException: 'AWS does not know the access key. Check AWS_ACCESS_KEY_ID',
  InvalidClientTokenId: 'AWS does not know the access key. Check AWS_ACCESS_KEY_ID',
  AccessDenied: 'access denied. Ask for the permissions in infra/user-policy.json',
  AccessDeniedException: 'access denied. Ask for the permissions in infra/user-policy.json',
};

/** A ChirplineError for an error of AWS or the network; any other error is returned unchanged. */
export function explainCloudError(error: unknown, stage: string): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof ChirplineError) {
    // S3's error doesn't know that its endpoint is the emulator.
    const ended = stage === 'local' && isConnectionError(error.cause);
    return ended ? explainCloudError(error.cause, stage) : error;
  }
  const advice = ADVICE[error.name];
  if (advice !== undefined) return new MachineError(`stage ${stage}: ${advice}`, { cause: error });
  if (isConnectionError(error)) {
    const advice = stage === 'local' ? describeLocalCloud(error) : describeNetwork(error);
    return new MachineError(`stage ${stage}: ${advice}`, { cause: error });
  }
  if ('$metadata' in error) {
    return new MachineError(`stage ${stage}: AWS returned ${error.name}: ${error.message}`, { cause: error });
  }
  return explainMissingRegion(`stage ${stage}`, error) ?? error;
}

function describeNetwork(error: Error): string {
  // The SDK's own timeout, for requests without a response, has no error code.
  const cause = codeOf(error) ?? (error.name === 'TimeoutError' ? 'no response in time' : error.message);
  return `AWS can't be reached (${cause}). Check the network`;
}

/** The emulated cloud has two processes. The port of a refused connection tells which of them isn't running. */
function describeLocalCloud(error: Error): string {
  if (codeOf(error) !== 'ECONNREFUSED') {
    return 'the emulator or its job agent does not respond. Restart both: npm run local:down && npm run local:up && npm run local:deploy';
  }
  const [emulator, agent] = [process.env.AWS_ENDPOINT_URL, process.env.AWS_ENDPOINT_URL_BATCH].map(portOf);
  if ('port' in error && error.port === agent && agent !== emulator) {
    return 'the job agent is not running. Start it: npm run local:up';
  }
  return 'the emulator is not running. Start it: npm run local:up && npm run local:deploy';
}

function portOf(url = ''): number | undefined {
  return URL.canParse(url) ? Number(new URL(url).port) : undefined;
}

/** For a host with several addresses Node throws an AggregateError, which has the code too. */
function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
