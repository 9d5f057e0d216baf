import { MachineError, NotFoundError, PreconditionError, SettingError } from '../../core/errors.ts';
import { findEndpoint } from './s3-connection.ts';

/** Reason and advice for errors of any AWS service, by the error's name. */
export const ACCOUNT_ADVICE: Readonly<Record<string, string>> = {
  CredentialsProviderError:
    'no AWS credentials found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run aws sso login',
  ExpiredToken: 'the credentials have expired. Get new ones',
  ExpiredTokenException: 'the credentials have expired. Get new ones',
};

/** The same for errors of S3. */
const ADVICE = new Map(
  Object.entries({
    ...ACCOUNT_ADVICE,
    NoSuchBucket: 'the bucket does not exist. Create it or correct the location',
    AccessDenied: 'access denied. Grant these credentials access',
    Forbidden: 'access denied. Grant these credentials access',
    InvalidAccessKeyId: 'the access key is unknown. Check AWS_ACCESS_KEY_ID',
    SignatureDoesNotMatch: 'the secret key does not match the access key. Check AWS_SECRET_ACCESS_KEY',
    PermanentRedirect: "the bucket is in another region. Set AWS_REGION to the bucket's region",
    AuthorizationHeaderMalformed: "the bucket is in another region. Set AWS_REGION to the bucket's region",
    RequestTimeTooSkewed: "this machine's clock is wrong. Correct it",
    SlowDown: 'S3 still throttles after all retries. Use fewer workers or raise AWS_MAX_ATTEMPTS',
  }),
);

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
]);

/** HTTP status of an error response of S3; undefined when there was no response. */
export function httpStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** True when the connection failed or was cut, so a retry may succeed. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error) || httpStatus(error) !== undefined) return false;
  if (error.name === 'TimeoutError' || error.message === 'aborted') return true;
  return 'code' in error && typeof error.code === 'string' && CONNECTION_CODES.has(error.code);
}

/** What to throw for the SDK's error when no region is set; undefined for any other error. */
export function explainMissingRegion(start: string, error: Error): SettingError | undefined {
  if (!error.message.includes('Region is missing')) return undefined;
  return new SettingError(`${start}: no AWS region is set. Set AWS_REGION`, { cause: error });
}

/** True when S3 reports a concurrent conditional write to the key, whose outcome is not known yet. */
export function isWriteConflict(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConditionalRequestConflict';
}

/**
 * The error to throw for an error of an SDK call: NotFoundError, PreconditionError, or a MachineError with advice. An error
 * that comes neither from S3 nor from the connection is returned unchanged.
 */
export function explainS3Error(
  error: unknown,
  action: 'read' | 'list' | 'write' | 'remove',
  object: string,
): unknown {
  if (!(error instanceof Error)) return error;
  const absent = error.name === 'NoSuchKey' || error.name === 'NotFound';
  // A write only gets "no such object" when it has ifMatch and the object is missing.
  if (httpStatus(error) === 412 || isWriteConflict(error) || (absent && action === 'write')) {
    return new PreconditionError(object, { cause: error });
  }
  if (absent) return new NotFoundError(object, { cause: error });

  const start = `cannot ${action} ${object}`;
  const advice = ADVICE.get(error.name);
  if (advice !== undefined) return new MachineError(`${start}: ${advice}`, { cause: error });
  if (isConnectionError(error)) {
    const code = 'code' in error ? String(error.code) : error.name;
    const endpoint = findEndpoint();
    const check =
      endpoint === undefined ? 'the network' : `the network and ${endpoint.variable} (${endpoint.url})`;
    return new MachineError(`${start}: S3 can't be reached (${code}). Check ${check}`, { cause: error });
  }
  if (error.message.startsWith('Checksum mismatch')) {
    return new MachineError(`${start}: the received bytes do not match their checksum. Try again`, {
      cause: error,
    });
  }
  const status = httpStatus(error);
  if (status === undefined) return explainMissingRegion(start, error) ?? error;
  return new MachineError(`${start}: S3 returned ${status} ${error.name}: ${error.message}`, {
    cause: error,
  });
}
