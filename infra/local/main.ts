/** `npm run local:up`, `local:deploy` and `local:down`; see docs/local.md. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endWith } from '../../src/cli/terminal.ts';
import { emulatorOrigin } from '../../src/cloud/local-stage.ts';
import { SettingError } from '../../src/core/errors.ts';
import { quote } from '../../src/core/quote.ts';
import { createCloud, deployStage, ROOT, stopCloud } from './cloud.ts';
import { readEmulatorName } from './emulators.ts';

const PORT = 4566;
const AGENT_PORT = 4570;
const RUNNERS = ['process', 'podman', 'docker'] as const;

function readRunner(): (typeof RUNNERS)[number] {
  const wanted = process.env.CHIRPLINE_RUNNER ?? 'process';
  const runner = RUNNERS.find((name) => name === wanted);
  if (runner === undefined)
    throw new SettingError(`CHIRPLINE_RUNNER is ${wanted}: needed ${RUNNERS.join(', ')}`);
  return runner;
}

// Suppress the SDK's warning about the end of Node 20: chirpline's own package.json says which versions it supports.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

/** Throws SettingError for unknown options and values. */
function readArguments(args: string[]) {
  try {
    const { positionals, values } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        emulator: { type: 'string' },
        attach: { type: 'boolean' },
        port: { type: 'string' },
        'agent-port': { type: 'string' },
        'agent-host': { type: 'string' },
      },
    });
    const [command = '', url, ...rest] = positionals;
    if (rest.length > 0 || (url !== undefined && !(command === 'up' && values.attach)))
      throw new SettingError(`unexpected argument ${quote(rest[0] ?? url!)}`);
    const given = Object.keys(values);
    if (command !== 'up' && given.length > 0)
      throw new SettingError(`--${given[0]} is an option of local:up`);
    if (values.attach && (values.port ?? values.emulator) !== undefined)
      throw new SettingError('--attach uses the LocalStack that is running: omit --port and --emulator');
    return { command, values, url };
  } catch (error) {
    if (error instanceof TypeError) throw new SettingError(error.message, { cause: error });
    throw error;
  }
}

function readPort(name: string, text: string | undefined, otherwise: number): number {
  const port = Number(text ?? otherwise);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new SettingError(`--${name} ${text}: needed a port, 1-65535`);
  return port;
}

function readOrigin(url: string): string {
  const origin = emulatorOrigin(url);
  if (origin === undefined)
    throw new SettingError(`${quote(url)}: needed the URL of an emulator, such as http://127.0.0.1:${PORT}`);
  return origin;
}

function readHost(host: string | undefined): string | undefined {
  if (host !== undefined && !/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(host))
    throw new SettingError(`--agent-host ${quote(host)}: needed a host name or an IPv4 address`);
  return host;
}

async function up(folder: string, values: ReturnType<typeof readArguments>['values'], url?: string) {
  const port = readPort('port', values.port, PORT);
  const agentPort = readPort('agent-port', values['agent-port'], AGENT_PORT);
  const emulator = readEmulatorName(values.emulator);
  const attach = values.attach
    ? readOrigin(url ?? process.env.AWS_ENDPOINT_URL ?? `http://127.0.0.1:${PORT}`)
    : undefined;
  const { fresh, attached, agentHost } = await createCloud({
    ...{ folder, port, agentPort, persist: true, emulator, attach },
    runner: readRunner(),
    image: process.env.CHIRPLINE_IMAGE,
    agentHost: readHost(values['agent-host']),
    secret: process.env.AGENT_SECRET,
  }).up();
  const where = attach ?? `http://127.0.0.1:${port}`;
  const program =
    attached === undefined
      ? `${emulator} on ${where}`
      : `attached to LocalStack ${attached.version} at ${where}`;
  return `${fresh ? 'up' : 'already up'}: ${program}, jobs on ${agentHost}:${agentPort}`;
}

async function main(args: string[]): Promise<void> {
  const { command, values, url } = readArguments(args);
  const folder = join(ROOT, '.chirpline/local');
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  if (command === 'up') console.log(await up(folder, values, url));
  else if (command === 'deploy') {
    await deployStage(folder);
    console.log(`stage local deployed in ${seconds()}. Next: chirpline upload FOLDER --stage local`);
  } else if (command === 'down') {
    console.log((await stopCloud(folder)) ? `down; the state is kept in ${folder}` : 'nothing was running');
  } else throw new SettingError(`command ${quote(command)}: needed up, deploy or down`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  endWith(error);
}
