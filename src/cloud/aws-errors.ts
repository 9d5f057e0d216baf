/** What to tell a person about what AWS, or the way there, answers. */
import { ChirplineError, MachineError, SettingError } from '../core/errors.ts';
import { isConnectionError } from '../storage/s3/s3-errors.ts';

const ADVICE: Record<string, string> = {
  CredentialsProviderError:
    'no AWS credentials found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run aws sso login',
  UnrecognizedClientException: 'the access key is unknown there. Check AWS_ACCESS_KEY_ID',
  InvalidClientTokenId: 'the access key is unknown there. Check AWS_ACCESS_KEY_ID',
  ExpiredToken: 'the credentials have expired. Fetch new ones',
  ExpiredTokenException: 'the credentials have expired. Fetch new ones',
  AccessDenied: 'access denied. infra/user-policy.json lists the rights that are needed',
  AccessDeniedException: 'access denied. infra/user-policy.json lists the rights that are needed',
};

/** The error as an answer of ours, where it comes from AWS or the way there; otherwise the same. */
export function explainCloudError(error: unknown, stage: string): unknown {
  if (!(error instanceof Error) || error instanceof ChirplineError) return error;
  const advice = ADVICE[error.name];
  if (advice !== undefined) return new MachineError(`stage ${stage}: ${advice}`, { cause: error });
  if (error.message.includes('Region is missing')) {
    return new SettingError(`stage ${stage}: no AWS region is set. Set AWS_REGION`, { cause: error });
  }
  if (isConnectionError(error)) {
    const advice = stage === 'local' ? describeLocalCloud(error) : describeNetwork(error);
    return new MachineError(`stage ${stage}: ${advice}`, { cause: error });
  }
  if ('$metadata' in error) {
    return new MachineError(`stage ${stage}: AWS answered ${error.name}: ${error.message}`, { cause: error });
  }
  return error;
}

function describeNetwork(error: Error): string {
  // When nothing comes back at all, the SDK itself gives up.
  const what = codeOf(error) ?? (error.name === 'TimeoutError' ? 'no answer in time' : error.message);
  return `AWS can't be reached (${what}). Check the network`;
}

/** The emulated cloud is two processes; whose port it was says which of them is away. */
function describeLocalCloud(error: Error): string {
  if (codeOf(error) !== 'ECONNREFUSED') {
    return 'the emulator or its job agent does not answer. Restart both: npm run local:down && npm run local:up && npm run local:deploy';
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

/** Node reports a host with several addresses as one error that holds the others, and has their code. */
function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
