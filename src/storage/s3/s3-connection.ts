import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { SettingError } from '../../core/errors.ts';

export interface S3Connection {
  sdk: typeof import('@aws-sdk/client-s3');
  client: S3Client;
}

/** Longest wait for a connection, and for the next byte on it [ms], so that a stuck socket can't block a run forever. */
const CONNECTION_TIMEOUT = 5_000;
const SOCKET_TIMEOUT = 60_000;

/** Concurrent connections: more than a worker needs to prefetch raw samples. */
const SOCKETS = 128;

/** Loads the SDK. Creates a client unless one is given. */
export async function openConnection(
  client: S3Client | undefined,
  settings: S3ClientConfig | undefined,
): Promise<S3Connection> {
  // The SDK warns under Node 20 to choose another SDK version; here the lockfile chooses it.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  return { sdk, client: client ?? new sdk.S3Client({ ...defaultSettings(), ...settings }) };
}

/** The endpoint that replaces S3's own, and the environment variable that sets it. */
export function findEndpoint(): { variable: string; url: string } | undefined {
  const variable = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'].find(
    (name) => process.env[name] !== undefined,
  );
  return variable === undefined ? undefined : { variable, url: process.env[variable]! };
}

const protocolOf = (url: string) => (URL.canParse(url) ? new URL(url).protocol : '');

function defaultSettings(): S3ClientConfig {
  const env = process.env;
  const endpoint = findEndpoint();
  if (endpoint !== undefined && !/^https?:$/.test(protocolOf(endpoint.url))) {
    throw new SettingError(
      `${endpoint.variable} is ${JSON.stringify(endpoint.url)}: needed a URL such as http://127.0.0.1:4566`,
    );
  }
  return {
    // Two more than the SDK's default, since one run makes more than half a million requests.
    ...(env.AWS_MAX_ATTEMPTS === undefined && { maxAttempts: 5 }),
    // Emulators and S3-compatible services have no host name per bucket. The SDK reads the endpoint from the environment itself.
    ...(endpoint !== undefined && { forcePathStyle: true }),
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT,
      socketTimeout: SOCKET_TIMEOUT,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
    },
  };
}
