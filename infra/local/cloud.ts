/** The emulated cloud of one machine: an emulator, the job agent, and the same template as on AWS. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BatchClient, CreateJobQueueCommand, RegisterJobDefinitionCommand } from '@aws-sdk/client-batch';
import {
  type LocalStage,
  localEnvironment,
  notePath,
  readLocalStage,
  STATE_VARIABLE,
  withoutAws,
} from '../../src/cloud/local-stage.ts';
import { MachineError } from '../../src/core/errors.ts';
import { answers, startService, stopService } from './emulator.ts';
import { describeEmulator, EMULATORS, type EmulatorName } from './emulators.ts';
import { readTrainingJob } from './training-definition.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CloudSettings {
  /** Folder for state, logs and PID files. */
  folder: string;
  port: number;
  agentPort: number;
  runner: 'process' | 'podman' | 'docker';
  image?: string | undefined;
  /** Whether buckets and the deployed stack survive a restart of the emulator. */
  persist: boolean;
  /** Default: ministack. */
  emulator?: EmulatorName;
}

export interface Cloud {
  /** With this environment the AWS SDK, osls and chirpline use only the emulated cloud. Holds the secret of the job agent. */
  readonly env: Record<string, string>;
  /** Resolves to whether any process had to be started. */
  up(): Promise<boolean>;
  /** Deploys the stage `local`. Throws MachineError with the output of osls when that fails. */
  deploy(variables?: Record<string, string>): Promise<void>;
  down(): Promise<boolean>;
}

export function createCloud({
  folder,
  port,
  agentPort,
  runner,
  image,
  persist,
  emulator: program = 'ministack',
}: CloudSettings): Cloud {
  const stage = findStage(folder, port, agentPort);
  const env = { ...localEnvironment(stage), [STATE_VARIABLE]: folder };
  const agentFolder = join(folder, 'agent');
  return {
    env,
    async up() {
      mkdirSync(agentFolder, { recursive: true });
      const found = await findEmulator(port);
      if (found !== undefined && found !== program) {
        throw new MachineError(`${found} is running on port ${port}. Stop it first: npm run local:down`);
      }
      const own = { ...withoutAws(process.env), ...env };
      const service = describeEmulator(program, { port, folder, persist });
      const emulator = await startService({
        ...service,
        name: 'emulator',
        folder,
        env: { ...own, ...service.env },
      });
      const agent = await startService({
        name: 'agent',
        folder,
        command: [process.execPath, '--import', 'tsx', join(ROOT, 'infra/local/agent-main.ts')],
        env: {
          ...own,
          AGENT_SECRET: secretOf(stage),
          AGENT_PORT: String(agentPort),
          AGENT_FOLDER: agentFolder,
          AGENT_RUNNER: runner,
          ...(image !== undefined && { AGENT_IMAGE: image }),
          PATH: `${writeCommand(folder)}:${process.env.PATH}`,
        },
        health: `${env.AWS_ENDPOINT_URL_BATCH}/v1/health`,
      });
      writeNote(folder, stage);
      return emulator || agent;
    },
    async deploy(variables = {}) {
      const packageFolder = join(folder, 'package');
      for (const command of ['package', 'deploy']) {
        runServerless([command, '--stage', 'local', '--package', packageFolder], { ...env, ...variables });
      }
      const template = readFileSync(join(packageFolder, TEMPLATE), 'utf8');
      const { definition, queue } = readTrainingJob(JSON.parse(template), '/chirpline/local/training');
      const batch = new BatchClient({
        endpoint: env.AWS_ENDPOINT_URL_BATCH,
        region: env.AWS_REGION,
        credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
      });
      await batch.send(new CreateJobQueueCommand({ jobQueueName: queue, priority: 1 }));
      await batch.send(new RegisterJobDefinitionCommand(definition));
      batch.destroy();
    },
    async down() {
      const agent = await stopService(folder, 'agent');
      const emulator = await stopService(folder, 'emulator');
      rmSync(notePath(folder), { force: true });
      return emulator || agent;
    },
  };
}

/** The stage that runs on these ports, or a new one with a new secret. */
function findStage(folder: string, port: number, agentPort: number): LocalStage {
  const [emulator, agent] = [port, agentPort].map((number) => `http://127.0.0.1:${number}`) as [
    string,
    string,
  ];
  const noted = readLocalStage(folder);
  if (noted?.emulator === emulator && new URL(noted.agent).origin === agent) return noted;
  return { emulator, agent: `${agent}/${randomBytes(32).toString('base64url')}` };
}

const secretOf = ({ agent }: LocalStage): string => new URL(agent).pathname.slice(1);

function writeNote(folder: string, stage: LocalStage): void {
  // An existing file would keep its mode.
  rmSync(notePath(folder), { force: true });
  writeFileSync(notePath(folder), JSON.stringify(stage), { mode: 0o600, flag: 'wx' });
}

/** The emulator that listens on the port, no matter who started it. */
async function findEmulator(port: number): Promise<EmulatorName | undefined> {
  // ministack comes first in EMULATORS, since it also responds to LocalStack's health check.
  for (const name of EMULATORS) {
    if (await answers(describeEmulator(name, { port, folder: '', persist: false }).health)) return name;
  }
  return undefined;
}

function runServerless(args: string[], env: Record<string, string>): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/serverless/bin/serverless.js'), ...args],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...withoutAws(process.env), ...env, ...QUIET },
      timeout: DEPLOY_LIMIT,
    },
  );
  if (status !== 0) throw new MachineError(`serverless ${args[0]} failed:\n${stdout}${stderr}`);
}

const QUIET = {
  SLS_TELEMETRY_DISABLED: '1',
  SLS_NOTIFICATIONS_MODE: 'off',
  // Polling interval [ms]. The default is five seconds; the emulator needs less for the whole stack.
  SLS_AWS_MONITORING_FREQUENCY: '250',
  // osls would send even requests to 127.0.0.1 through a proxy.
  proxy: undefined,
  HTTP_PROXY: undefined,
  http_proxy: undefined,
  HTTPS_PROXY: undefined,
  https_proxy: undefined,
};
const TEMPLATE = 'cloudformation-template-update-stack.json';
const DEPLOY_LIMIT = 300_000;

/**
 * Writes a command `chirpline`, like that of the container, for jobs that run as processes; returns its folder. A job of an
 * array trains the fold of its index.
 */
function writeCommand(folder: string): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const file = join(bin, 'chirpline');
  const fold = `\${AWS_BATCH_JOB_ARRAY_INDEX:+--fold "$AWS_BATCH_JOB_ARRAY_INDEX"}`;
  const program = join(ROOT, 'dist/cli/main.js');
  writeFileSync(file, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@" ${fold}\n`);
  chmodSync(file, 0o755);
  return bin;
}
