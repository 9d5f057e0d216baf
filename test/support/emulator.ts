import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeEmulator, readEmulatorName } from '../../infra/local/emulators.ts';

export interface Emulator {
  /** Value of AWS_ENDPOINT_URL. */
  readonly endpoint: string;
  /** Environment variables that make the AWS SDK and tools use this emulator only. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const START_LIMIT = 60_000;
/** The emulator sometimes ignores SIGTERM. */
const STOP_GRACE = 1_000;

/**
 * Starts an empty AWS emulator on a free port of this machine. Stop it in `after`. The environment variable
 * CHIRPLINE_TEST_EMULATOR selects the emulator; default ministack.
 */
export async function startEmulator(
  name = readEmulatorName(process.env.CHIRPLINE_TEST_EMULATOR),
): Promise<Emulator> {
  const port = await findPort();
  const endpoint = `http://127.0.0.1:${port}`;
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
  const folder = mkdtempSync(join(tmpdir(), 'chirpline-emulator-'));
  const program = describeEmulator(name, { port, folder, persist: false });
  // Not a pipe: nobody reads it while a test waits for a command, and a full pipe would block the emulator.
  const logFile = join(folder, 'log');
  const log = openSync(logFile, 'w');
  const child = spawn(program.command[0]!, program.command.slice(1), {
    env: { ...process.env, ...env, ...program.env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = once(child, 'exit');
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);

  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    const timer = setTimeout(kill, STOP_GRACE);
    if (child.exitCode === null && child.signalCode === null) await ended;
    clearTimeout(timer);
    process.removeListener('exit', kill);
    rmSync(folder, { recursive: true, force: true });
  }

  const deadline = Date.now() + START_LIMIT;
  while (!(await answers(program.health))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      const output = readFileSync(logFile, 'utf8').slice(-10_000);
      await stop();
      throw new Error(`the emulator did not start: ${output}`);
    }
    await sleep(50);
  }
  return { endpoint, env, stop };
}

/** Sets environment variables; the returned function restores them. */
export function setEnvironment(variables: Readonly<Record<string, string | undefined>>): () => void {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  assign(variables);
  return () => assign(before);
}

function assign(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

/** A port that is free now. */
export async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('found no free port');
  return address.port;
}
