import { MachineError, NotFoundError, PreconditionError } from '../../core/errors.ts';

/** What to do about what S3, or the way there, answers; by the error's name or system code. */
const ADVICE = new Map(
  Object.entries({
    CredentialsProviderError:
      'no AWS credentials found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run aws sso login',
    NoSuchBucket: 'there is no such bucket. Make it, or correct the location',
    AccessDenied: 'access denied. Give these credentials the right to it',
    Forbidden: 'access denied. Give these credentials the right to it',
    InvalidAccessKeyId: 'the access key is unknown there. Check AWS_ACCESS_KEY_ID',
    SignatureDoesNotMatch: 'the secret key does not fit the access key. Check AWS_SECRET_ACCESS_KEY',
    ExpiredToken: 'the credentials have expired. Fetch new ones',
    ExpiredTokenException: 'the credentials have expired. Fetch new ones',
    PermanentRedirect: 'the bucket lies in another region. Set AWS_REGION to it',
    AuthorizationHeaderMalformed: 'the bucket lies in another region. Set AWS_REGION to it',
    RequestTimeTooSkewed: "this machine's clock is wrong. Set it",
    SlowDown:
      'S3 asks to slow down, and did so after every retry. Use fewer workers or set AWS_MAX_ATTEMPTS higher',
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

/** HTTP status of an answer of S3 that was an error; undefined when there was no answer. */
export function httpStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** True when the connection failed or was cut, so that the same request may succeed the next time. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error) || httpStatus(error) !== undefined) return false;
  if (error.name === 'TimeoutError' || error.message === 'aborted') return true;
  return 'code' in error && typeof error.code === 'string' && CONNECTION_CODES.has(error.code);
}

/** True when S3 says that another conditional write to the key is under way: its outcome isn't known yet. */
export function isWriteConflict(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConditionalRequestConflict';
}

/**
 * What to throw for something that a call of the SDK threw: NotFoundError, PreconditionError, a MachineError that
 * says what to do, or the same thing when it came neither from S3 nor from the way there.
 */
export function explainS3Error(
  error: unknown,
  action: 'read' | 'list' | 'write' | 'remove',
  object: string,
): unknown {
  if (!(error instanceof Error)) return error;
  const absent = error.name === 'NoSuchKey' || error.name === 'NotFound';
  // A write is only told that there is no such object when it was to replace a certain version of it.
  if (httpStatus(error) === 412 || isWriteConflict(error) || (absent && action === 'write')) {
    return new PreconditionError(object, { cause: error });
  }
  if (absent) return new NotFoundError(object, { cause: error });

  const start = `cannot ${action} ${object}`;
  const advice = ADVICE.get(error.name);
  if (advice !== undefined) return new MachineError(`${start}: ${advice}`, { cause: error });
  if (isConnectionError(error)) {
    const code = 'code' in error ? String(error.code) : error.name;
    const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
    const check = endpoint === undefined ? 'the network' : `the network and AWS_ENDPOINT_URL (${endpoint})`;
    return new MachineError(`${start}: S3 can't be reached (${code}). Check ${check}`, { cause: error });
  }
  if (error.message.startsWith('Checksum mismatch')) {
    return new MachineError(`${start}: the bytes that arrived don't fit their checksum. Try again`, {
      cause: error,
    });
  }
  if (error.message.includes('Region is missing')) {
    return new MachineError(`${start}: no AWS region is set. Set AWS_REGION`, { cause: error });
  }
  const status = httpStatus(error);
  if (status === undefined) return error;
  return new MachineError(`${start}: S3 answered ${status} ${error.name}: ${error.message}`, {
    cause: error,
  });
}
