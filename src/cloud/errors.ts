/** What to tell a person about what AWS, or the way there, answers. */
import { ChirplineError, MachineError, SettingError } from '../errors.ts';

const ADVICE: Record<string, string> = {
  CredentialsProviderError:
    'no AWS credentials found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run aws sso login',
  UnrecognizedClientException: 'the access key is unknown there. Check AWS_ACCESS_KEY_ID',
  InvalidClientTokenId: 'the access key is unknown there. Check AWS_ACCESS_KEY_ID',
  ExpiredToken: 'the credentials have expired. Fetch new ones',
  ExpiredTokenException: 'the credentials have expired. Fetch new ones',
  AccessDenied: 'access denied. infra/deployer-policy.json lists the rights that are needed',
  AccessDeniedException: 'access denied. infra/deployer-policy.json lists the rights that are needed',
};

const CONNECTION_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT']);

/** The error as an answer of ours, where it comes from AWS or the way there; otherwise the same. */
export function explainCloudError(error: unknown, stage: string): unknown {
  if (!(error instanceof Error) || error instanceof ChirplineError) return error;
  const advice = ADVICE[error.name];
  if (advice !== undefined) return new MachineError(`stage ${stage}: ${advice}`, { cause: error });
  if (error.message.includes('Region is missing')) {
    return new SettingError(`stage ${stage}: no AWS region is set. Set AWS_REGION`, { cause: error });
  }
  if (connectionCode(error) !== undefined) {
    const advice =
      stage === 'local'
        ? 'the emulator is not running. Start it: npm run local:up && npm run local:deploy'
        : `AWS can't be reached (${connectionCode(error)}). Check the network`;
    return new MachineError(`stage ${stage}: ${advice}`, { cause: error });
  }
  if ('$metadata' in error) {
    return new MachineError(`stage ${stage}: AWS answered ${error.name}: ${error.message}`, { cause: error });
  }
  return error;
}

/** Node reports a host with several addresses as one error that holds the others. */
function connectionCode(error: Error): string | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code !== undefined && CONNECTION_CODES.has(code) ? code : undefined;
}
