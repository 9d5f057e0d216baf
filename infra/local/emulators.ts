/** The programs that can emulate AWS on this machine. scripts/setup.mjs installs both in .chirpline. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SettingError } from '../../src/core/errors.ts';
import type { ServiceSettings } from './emulator.ts';

export const EMULATORS = ['ministack', 'localstack'] as const;
export type EmulatorName = (typeof EMULATORS)[number];

/** @throws SettingError for an unknown name. */
export function readEmulatorName(text = 'ministack'): EmulatorName {
  const name = EMULATORS.find((known) => known === text);
  if (name === undefined)
    throw new SettingError(`unknown emulator ${text}: needed ${EMULATORS.join(' or ')}`);
  return name;
}

export interface EmulatorPlace {
  port: number;
  /** Folder for its data. */
  folder: string;
  /** Whether buckets and stacks survive a restart; LocalStack's never do. */
  persist: boolean;
}

const INSTALLED = fileURLToPath(new URL('../../.chirpline/', import.meta.url));
/** Starts ministack. LocalStack needs no guard: it refuses requests of pages from other origins. */
const GUARD = fileURLToPath(new URL('ministack-guard.py', import.meta.url));
/** Folder of our plugin for LocalStack. */
const PLUGIN = fileURLToPath(new URL('localstack/', import.meta.url));

/** The command and environment that start the emulator on a port of 127.0.0.1, and the URL of its health check. */
export function describeEmulator(
  name: EmulatorName,
  { port, folder, persist }: EmulatorPlace,
): Pick<ServiceSettings, 'command' | 'health'> & { env: Record<string, string> } {
  const endpoint = `http://127.0.0.1:${port}`;
  if (name === 'ministack') {
    return {
      command: [join(INSTALLED, 'ministack/bin/python'), GUARD],
      env: {
        GATEWAY_PORT: String(port),
        BIND_HOST: '127.0.0.1',
        PERSIST_STATE: persist ? '1' : '0',
        STATE_DIR: join(folder, 'state'),
        S3_PERSIST: persist ? '1' : '0',
        S3_DATA_DIR: join(folder, 's3'),
      },
      health: `${endpoint}/_ministack/health`,
    };
  }
  return {
    command: [join(INSTALLED, 'localstack/bin/python'), '-m', 'localstack.runtime.main'],
    env: {
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      FILESYSTEM_ROOT: join(folder, 'localstack'),
      LOCALSTACK_VOLUME_DIR: join(folder, 'localstack'),
      // No access to the network: no telemetry, no download of a certificate, no DNS server.
      DISABLE_EVENTS: '1',
      SKIP_SSL_CERT_DOWNLOAD: '1',
      DNS_ADDRESS: '0',
      // Our plugin, which runs functions as processes.
      LAMBDA_RUNTIME_EXECUTOR: 'process',
      LAMBDA_NODE: process.execPath,
      PYTHONPATH: PLUGIN,
      PYTHONDONTWRITEBYTECODE: '1',
      TMPDIR: folder,
    },
    health: `${endpoint}/_localstack/health`,
  };
}
