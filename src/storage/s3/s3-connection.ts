import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { SettingError } from '../../core/errors.ts';

export interface S3Connection {
  sdk: typeof import('@aws-sdk/client-s3');
  client: S3Client;
}

/** Time to wait for a connection, and for the next byte on one [ms]: no stuck socket holds up a run for good. */
const CONNECTION_TIMEOUT = 5_000;
const SOCKET_TIMEOUT = 60_000;

/** Connections at once: what a worker's prefetching of raw samples may ask for, and some. */
const SOCKETS = 128;

/** Loads the SDK and makes a client, or takes the one given. */
export async function openConnection(
  client: S3Client | undefined,
  settings: S3ClientConfig | undefined,
): Promise<S3Connection> {
  // Its note to users of Node 20 is for those who may choose its version; the lockfile does here.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  return { sdk, client: client ?? new sdk.S3Client({ ...defaultSettings(), ...settings }) };
}

function defaultSettings(): S3ClientConfig {
  const env = process.env;
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  if (endpoint !== undefined && !/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) {
    throw new SettingError(
      `AWS_ENDPOINT_URL is ${JSON.stringify(endpoint)}: needed a URL such as http://127.0.0.1:4566`,
    );
  }
  return {
    // Two more than the SDK's own, since one run makes more than half a million requests.
    ...(env.AWS_MAX_ATTEMPTS === undefined && { maxAttempts: 5 }),
    // Emulators and other makes of S3 have no host name a bucket. The SDK itself finds the endpoint in the environment.
    ...(endpoint !== undefined && { forcePathStyle: true }),
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT,
      socketTimeout: SOCKET_TIMEOUT,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
    },
  };
}
