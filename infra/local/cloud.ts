/** The emulated cloud of one machine: an emulator, the job agent, and the same template as on AWS. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
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
import { answers, isRunning, startService, stopService } from './emulator.ts';
import { describeEmulator, EMULATORS, type EmulatorName } from './emulators.ts';
import { type RunningLocalstack, requireLocalstack } from './running.ts';
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
  emulator?: EmulatorName | undefined;
  /** Origin of a LocalStack that runs already: it is used in place of an emulator on `port`, and never stopped. */
  attach?: string | undefined;
  /**
   * Name or address by which functions reach the job agent. Default: 127.0.0.1, or if LocalStack runs in a container,
   * host.docker.internal. The agent listens on 127.0.0.1 only, unless this is another address.
   */
  agentHost?: string | undefined;
  /** The secret of an agent that runs already. Default: that of the folder, which is drawn once. */
  secret?: string | undefined;
}

/** What `up` found and did. */
interface Started {
  /** Whether any process had to be started. */
  fresh: boolean;
  /** The LocalStack that somebody else started. */
  attached?: RunningLocalstack;
  agentHost: string;
}

export interface Cloud {
  /** With this environment the AWS SDK, osls and chirpline use only the emulated cloud. Holds the secret of the job agent. */
  readonly env: Record<string, string>;
  up(): Promise<Started>;
  deploy(variables?: Record<string, string>): Promise<void>;
  down(): Promise<boolean>;
}

const LOOPBACK = '127.0.0.1';

export function createCloud(settings: CloudSettings): Cloud {
  const { folder, port, agentPort, runner, image, persist, attach } = settings;
  const program = settings.emulator ?? 'ministack';
  const emulator = attach ?? `http://${LOOPBACK}:${port}`;
  const agentFolder = join(folder, 'agent');
  const secret = settings.secret ?? readSecret(agentFolder) ?? randomBytes(32).toString('base64url');
  const agentAt = (host: string) => `http://${host}:${agentPort}/${secret}`;
  const env = environmentOf(folder, { emulator, agent: agentAt(LOOPBACK) });
  const own = { ...withoutAws(process.env), ...env };

  async function startEmulator(): Promise<boolean> {
    const service = describeEmulator(program, { port, folder, persist });
    // Functions have the agent's address from their deployment.
    const env = { ...own, AWS_ENDPOINT_URL_BATCH: undefined, ...service.env };
    return startService({ ...service, name: 'emulator', folder, env });
  }

  /** An agent with this secret may also run in a container: see compose.yml. */
  async function startAgent(agentHost: string): Promise<boolean> {
    const health = `${env.AWS_ENDPOINT_URL_BATCH}/v1/health`;
    if (await answers(health)) return false;
    return startService({
      name: 'agent',
      folder,
      command: [process.execPath, '--import', 'tsx', join(ROOT, 'infra/local/agent-main.ts')],
      env: {
        ...own,
        AGENT_SECRET: secret,
        AGENT_HOST: agentHost,
        AGENT_PORT: String(agentPort),
        AGENT_FOLDER: agentFolder,
        AGENT_RUNNER: runner,
        ...(image !== undefined && { AGENT_IMAGE: image }),
        PATH: `${writeCommand(folder)}:${process.env.PATH}`,
      },
      health,
    });
  }

  return {
    env,
    async up() {
      mkdirSync(agentFolder, { recursive: true });
      const attached =
        attach === undefined ? await findRunning(folder, port, program) : await attachTo(folder, attach);
      const freshEmulator = attached === undefined && (await startEmulator());
      const agentHost = settings.agentHost ?? (attached?.isDocker ? 'host.docker.internal' : LOOPBACK);
      const stage = { emulator, agent: agentAt(LOOPBACK), agentForFunctions: agentAt(agentHost) };
      // An agent knows its own name and the emulator, so it can't serve another stage.
      if (!isDeepStrictEqual(readLocalStage(folder) ?? stage, stage)) await stopService(folder, 'agent');
      writePrivate(secretPath(agentFolder), secret);
      const freshAgent = await startAgent(agentHost);
      writePrivate(notePath(folder), JSON.stringify(stage));
      return { fresh: freshEmulator || freshAgent, agentHost, ...(attached !== undefined && { attached }) };
    },
    deploy: (variables) => deployStage(folder, variables),
    down: () => stopCloud(folder),
  };
}

/** Deploys the stage `local` to the emulated cloud that runs. Throws MachineError with the output of osls when that fails. */
export async function deployStage(folder: string, variables: Record<string, string> = {}): Promise<void> {
  const stage = readLocalStage(folder);
  if (stage === undefined)
    throw new MachineError('the emulated cloud is not running. Start it: npm run local:up');
  const env = environmentOf(folder, stage);
  const packageFolder = join(folder, 'package');
  for (const command of ['package', 'deploy']) {
    runServerless([command, '--stage', 'local', '--package', packageFolder], {
      ...env,
      CHIRPLINE_AGENT: stage.agentForFunctions,
      CHIRPLINE_ARCHITECTURE: process.arch === 'arm64' ? 'arm64' : 'x86_64',
      ...variables,
    });
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
}

/** Stops what `up` started; resolves to false when nothing was running. A LocalStack that was running before is left alone. */
export async function stopCloud(folder: string): Promise<boolean> {
  const agent = await stopService(folder, 'agent');
  const emulator = await stopService(folder, 'emulator');
  rmSync(notePath(folder), { force: true });
  return emulator || agent;
}

const environmentOf = (folder: string, stage: Pick<LocalStage, 'emulator' | 'agent'>) => ({
  ...localEnvironment(stage),
  [STATE_VARIABLE]: folder,
});

/** The secret outlives a restart, since deployed functions have it. */
const secretPath = (agentFolder: string): string => join(agentFolder, 'secret');

function readSecret(agentFolder: string): string | undefined {
  const path = secretPath(agentFolder);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Writes a file that only its owner can read. */
function writePrivate(path: string, text: string): void {
  // An existing file would keep its mode.
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
}

async function attachTo(folder: string, origin: string): Promise<RunningLocalstack> {
  if (isRunning(folder, 'emulator'))
    throw new MachineError('an emulator is running that local:up started. Stop it first: npm run local:down');
  return requireLocalstack(origin);
}

/**
 * The LocalStack that somebody else started on the port; undefined if an emulator may be started there, or was by us. Throws
 * MachineError if another emulator than `program` is running.
 */
async function findRunning(
  folder: string,
  port: number,
  program: EmulatorName,
): Promise<RunningLocalstack | undefined> {
  // ministack comes first in EMULATORS, since it also responds to LocalStack's health check.
  for (const found of EMULATORS) {
    if (!(await answers(describeEmulator(found, { port, folder: '', persist: false }).health))) continue;
    const isOwn = isRunning(folder, 'emulator');
    if (found === 'localstack' && program === 'localstack' && !isOwn)
      return requireLocalstack(`http://${LOOPBACK}:${port}`);
    if (found === program) return undefined;
    const stop = isOwn ? 'Stop it first: npm run local:down' : 'Stop it, or choose another port: --port PORT';
    const use = found === 'localstack' && !isOwn ? '. Or use it: npm run local:up -- --attach' : '';
    throw new MachineError(`${found} is running on port ${port}. ${stop}${use}`);
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
