/** The emulated cloud of one machine: ministack, the job agent beside it, and the same template as on AWS. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BatchClient, CreateJobQueueCommand, RegisterJobDefinitionCommand } from '@aws-sdk/client-batch';
import { MachineError } from '../../src/errors.ts';
import { answers, startService, stopService } from './emulator.ts';
import { describeEmulator, EMULATORS, type EmulatorName } from './emulators.ts';
import { readTrainingJob } from './training-definition.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CloudSettings {
  /** State, logs and process numbers. */
  folder: string;
  port: number;
  agentPort: number;
  runner: 'process' | 'podman' | 'docker';
  image?: string | undefined;
  /** Whether buckets and the deployed stack outlive the emulator. */
  persist: boolean;
  /** Default: ministack. */
  emulator?: EmulatorName;
}

export interface Cloud {
  /** Under which the AWS SDK, osls and chirpline talk to it and to nothing else. */
  readonly env: Record<string, string>;
  /** Resolves to whether something had to be started. */
  up(): Promise<boolean>;
  /** Deploys the stage `local`. Throws MachineError with what osls printed when that fails. */
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
  const env = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_ENDPOINT_URL_BATCH: `http://127.0.0.1:${agentPort}`,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
  const agentFolder = join(folder, 'agent');
  return {
    env,
    async up() {
      mkdirSync(agentFolder, { recursive: true });
      const found = await findEmulator(port);
      if (found !== undefined && found !== program) {
        throw new MachineError(`${found} is up on port ${port}. End it first: npm run local:down`);
      }
      const service = describeEmulator(program, { port, folder, persist });
      const emulator = await startService({
        ...service,
        name: 'emulator',
        folder,
        env: { ...env, ...service.env },
      });
      const agent = await startService({
        name: 'agent',
        folder,
        command: [process.execPath, '--import', 'tsx', join(ROOT, 'infra/local/agent-main.ts')],
        env: {
          ...env,
          AGENT_PORT: String(agentPort),
          AGENT_FOLDER: agentFolder,
          AGENT_RUNNER: runner,
          ...(image !== undefined && { AGENT_IMAGE: image }),
          PATH: `${writeCommand(folder)}:${process.env.PATH}`,
        },
        health: `${env.AWS_ENDPOINT_URL_BATCH}/v1/health`,
      });
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
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      });
      await batch.send(new CreateJobQueueCommand({ jobQueueName: queue, priority: 1 }));
      await batch.send(new RegisterJobDefinitionCommand(definition));
      batch.destroy();
    },
    async down() {
      const agent = await stopService(folder, 'agent');
      return (await stopService(folder, 'emulator')) || agent;
    },
  };
}

/** Which emulator listens there, whoever started it. */
async function findEmulator(port: number): Promise<EmulatorName | undefined> {
  // In this order: ministack answers in LocalStack's place too.
  for (const name of EMULATORS) {
    if (await answers(describeEmulator(name, { port, folder: '', persist: false }).health)) return name;
  }
  return undefined;
}

function runServerless(args: string[], env: Record<string, string>): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/serverless/bin/serverless.js'), ...args],
    { cwd: ROOT, encoding: 'utf8', env: { ...process.env, ...env, ...QUIET }, timeout: DEPLOY_LIMIT },
  );
  if (status !== 0) throw new MachineError(`serverless ${args[0]} failed:\n${stdout}${stderr}`);
}

const QUIET = {
  SLS_TELEMETRY_DISABLED: '1',
  SLS_NOTIFICATIONS_MODE: 'off',
  // Between two looks at the stack [ms]: the emulator makes it in less than the five seconds of the default.
  SLS_AWS_MONITORING_FREQUENCY: '250',
};
const TEMPLATE = 'cloudformation-template-update-stack.json';
const DEPLOY_LIMIT = 300_000;

/**
 * A command `chirpline` for jobs that run as processes, as the container has one; returns its folder. A job of an array
 * trains the fold of its place.
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
