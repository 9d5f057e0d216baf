/** `npm run local:up`, `local:deploy` and `local:down`; see docs/local.md. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endWith } from '../../src/cli/terminal.ts';
import { SettingError } from '../../src/core/errors.ts';
import { createCloud, ROOT } from './cloud.ts';
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

/** Throws SettingError for unknown options. */
function readArguments(args: string[]) {
  try {
    const { positionals, values } = parseArgs({
      args,
      allowPositionals: true,
      options: { emulator: { type: 'string' } },
    });
    return { command: positionals.join(' '), emulator: readEmulatorName(values.emulator) };
  } catch (error) {
    if (error instanceof TypeError) throw new SettingError(error.message, { cause: error });
    throw error;
  }
}

async function main(args: string[]): Promise<void> {
  const { command, emulator } = readArguments(args);
  const folder = join(ROOT, '.chirpline/local');
  const cloud = createCloud({
    folder,
    port: PORT,
    agentPort: AGENT_PORT,
    runner: readRunner(),
    image: process.env.CHIRPLINE_IMAGE,
    persist: true,
    emulator,
  });
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  if (command === 'up') {
    const fresh = await cloud.up();
    const state = fresh ? `up after ${seconds()}` : 'already up';
    console.log(`${state}: ${emulator} on 127.0.0.1:${PORT}, jobs on 127.0.0.1:${AGENT_PORT}`);
  } else if (command === 'deploy') {
    await cloud.deploy();
    console.log(`stage local deployed in ${seconds()}. Next: chirpline upload FOLDER --stage local`);
  } else if (command === 'down') {
    console.log((await cloud.down()) ? `down; ministack's data is kept in ${folder}` : 'nothing was running');
  } else throw new SettingError(`command ${JSON.stringify(command)}: needed up, deploy or down`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  endWith(error);
}
