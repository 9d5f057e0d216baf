/** The programs that can stand for AWS on this machine. Both are installed below .chirpline by scripts/setup.mjs. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SettingError } from '../../src/core/errors.ts';
import type { ServiceSettings } from './emulator.ts';

export const EMULATORS = ['ministack', 'localstack'] as const;
export type EmulatorName = (typeof EMULATORS)[number];

/** Throws SettingError unless it is the name of one; ministack where none is given. */
export function readEmulatorName(text = 'ministack'): EmulatorName {
  const name = EMULATORS.find((known) => known === text);
  if (name === undefined) throw new SettingError(`no emulator ${text}: needed ${EMULATORS.join(' or ')}`);
  return name;
}

export interface EmulatorPlace {
  port: number;
  /** For what it keeps. */
  folder: string;
  /** Whether its buckets and stacks outlive it; LocalStack's never do. */
  persist: boolean;
}

const INSTALLED = fileURLToPath(new URL('../../.chirpline/', import.meta.url));
/** Starts ministack. LocalStack itself refuses what pages of other origins send. */
const GUARD = fileURLToPath(new URL('ministack-guard.py', import.meta.url));
/** Where LocalStack finds our plugin for it. */
const PLUGIN = fileURLToPath(new URL('localstack/', import.meta.url));

/** How to start the emulator on a port of 127.0.0.1, and where it says that it is ready. */
export function describeEmulator(
  name: EmulatorName,
  { port, folder, persist }: EmulatorPlace,
): Pick<ServiceSettings, 'command' | 'health'> & { env: Record<string, string> } {
  const endpoint = `http://127.0.0.1:${port}`;
  if (name === 'ministack') {
    return {
      command: [join(INSTALLED, 'python/bin/python'), GUARD],
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
      // It is to ask nobody on the network, neither for a certificate nor for names, and to report to nobody.
      DISABLE_EVENTS: '1',
      SKIP_SSL_CERT_DOWNLOAD: '1',
      DNS_ADDRESS: '0',
      // Functions as processes, by our plugin.
      LAMBDA_RUNTIME_EXECUTOR: 'process',
      LAMBDA_NODE: process.execPath,
      PYTHONPATH: PLUGIN,
      PYTHONDONTWRITEBYTECODE: '1',
      TMPDIR: folder,
    },
    health: `${endpoint}/_localstack/health`,
  };
}
