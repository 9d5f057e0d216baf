/** `npm run deploy`, `remove` and `container:push`, each with `-- --stage NAME`; see docs/operations.md. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BatchClient } from '@aws-sdk/client-batch';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { SFNClient } from '@aws-sdk/client-sfn';
import { parse } from 'yaml';
import { STAGE } from '../../src/cli/stage.ts';
import { endWith } from '../../src/cli/terminal.ts';
import { explainCloudError } from '../../src/cloud/aws-errors.ts';
import { CONNECTION } from '../../src/cloud/connection.ts';
import { findStack, openStage, readStack, readStage, type Stage } from '../../src/cloud/deployed-stage.ts';
import { isActive, listJobs } from '../../src/cloud/jobs.ts';
import { listPages } from '../../src/cloud/runs.ts';
import { SettingError } from '../../src/core/errors.ts';
import { quote } from '../../src/core/quote.ts';
import { requireAccepted } from '../../src/core/setting.ts';
import { checkBucket, queueArns, setEvents, stageEvents } from './bucket-events.ts';
import {
  checkBucketKept,
  checkFree,
  checkHostTypes,
  checkIdle,
  checkSettings,
  hostTypes,
  type Settings,
} from './checks.ts';
import { findInstanceTypes } from './instance-types.ts';
import { pushImage } from './push.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Latest jobs among which active ones are looked for. */
const JOBS = 100;
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

const COMMANDS = ['deploy', 'remove', 'push'] as const;
type Command = (typeof COMMANDS)[number];

/** Throws SettingError for unknown words, and for a stage that isn't one of AWS. */
function readArguments(args: string[]): { command: Command; stage: string; verbose: boolean } {
  try {
    const options = { stage: { type: 'string' }, verbose: { type: 'boolean', default: false } } as const;
    const { positionals, values } = parseArgs({ args, allowPositionals: true, options });
    const [word, ...rest] = positionals;
    const command = COMMANDS.find((name) => name === word);
    if (command === undefined || rest.length > 0)
      throw new SettingError(`unexpected argument ${quote(rest[0] ?? word ?? '')}`);
    const script = command === 'push' ? 'container:push' : command;
    if (values.stage === undefined)
      throw new SettingError(`which stage? For example npm run ${script} -- --stage dev`);
    const stage = requireAccepted(STAGE, values.stage, '--stage');
    if (stage === 'local')
      throw new SettingError('the stage local is not for AWS: npm run local:up && npm run local:deploy');
    return { command, stage, verbose: values.verbose };
  } catch (error) {
    if (error instanceof TypeError) throw new SettingError(error.message, { cause: error });
    throw error;
  }
}

/** Where the commands look for stages. The Serverless Framework is told, since it would read other variables. */
async function findRegion(): Promise<string> {
  const client = new CloudFormationClient();
  try {
    return await client.config.region();
  } catch (error) {
    throw new SettingError(
      'no AWS region is set. Set it for this and for the commands: export AWS_REGION=eu-central-1',
      { cause: error },
    );
  } finally {
    client.destroy();
  }
}

const settingsFile = (stage: string): string => `infra/stages/${stage}.yml`;

function readSettings(stage: string): Settings {
  const file = settingsFile(stage);
  const path = join(ROOT, file);
  if (!existsSync(path))
    throw new SettingError(`there is no ${file}. For a new stage, copy infra/stages/dev.yml and adapt it`);
  // Only the Serverless Framework knows the tags in it.
  const settings: Settings = parse(readFileSync(path, 'utf8'), { logLevel: 'error' }) ?? {};
  checkSettings(settings, file);
  return settings;
}

/** Whether the stage can be deployed now, there, and with these settings. */
async function checkDeployment(stage: string, settings: Settings, region: string): Promise<void> {
  const types = hostTypes(settings);
  try {
    const stack = await findStack(stage);
    checkFree(stage, stack?.status ?? '');
    if (stack !== undefined) checkBucketKept(stage, settings, stack.outputs, settingsFile(stage));
    if (types.length === 0) return;
    checkHostTypes(types, await findInstanceTypes(types, region), region, settingsFile(stage));
  } catch (error) {
    throw explainCloudError(error, stage);
  }
}

/** Returns the deployed stage. A stack without outputs is that of a failed first deployment: nothing works there. */
async function checkWork(name: string): Promise<Stage | undefined> {
  try {
    const { status, outputs } = await readStack(name);
    checkFree(name, status);
    if (!outputs.has('Bucket')) return undefined;
    const stage = readStage(name, outputs);
    const { stateMachine, training } = stage;
    const page = await listPages(new SFNClient(CONNECTION), stateMachine).next();
    const runs = page.done ? [] : page.value;
    const jobs = training && (await listJobs(new BatchClient(CONNECTION), training.queue, JOBS));
    checkIdle(
      name,
      runs.filter(({ state }) => state === 'RUNNING').map((run) => run.name),
      (jobs ?? []).filter(isActive).map(({ id }) => id),
    );
    return stage;
  } catch (error) {
    throw explainCloudError(error, name);
  }
}

function runServerless(command: string, stage: string, region: string, verbose: boolean): number {
  const program = join(ROOT, 'node_modules/serverless/bin/serverless.js');
  const words = [program, command, '--stage', stage, ...(verbose ? ['--verbose'] : [])];
  const env = { ...process.env, AWS_REGION: region };
  return spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit', env }).status ?? 1;
}

async function deploy(stage: string, verbose: boolean): Promise<void> {
  const settings = readSettings(stage);
  const region = await findRegion();
  await checkDeployment(stage, settings, region);
  const { bucket } = settings;
  if (typeof bucket === 'string') await checkBucket(bucket);
  process.exitCode = runServerless('deploy', stage, region, verbose);
  if (process.exitCode !== 0 || typeof bucket !== 'string') return;
  const queues = queueArns((await openStage(stage)).stateMachine);
  await setEvents(bucket, queues, stageEvents(ROOT, queues));
  console.log(`s3://${bucket} sends the events of raw/ to this stage.`);
}

async function remove(name: string, verbose: boolean): Promise<void> {
  const region = await findRegion();
  const stage = await checkWork(name);
  process.exitCode = runServerless('remove', name, region, verbose);
  if (process.exitCode !== 0 || stage === undefined) return;
  const { bucket, stateMachine } = stage;
  // Or the next stage that uses the bucket is refused, because the queues of this one don't exist.
  await setEvents(bucket, queueArns(stateMachine), []);
  console.log(`The data is kept in s3://${bucket}. docs/operations.md, "Remove", says how to delete it.`);
}

async function main(args: string[]): Promise<void> {
  // What follows a second -- is for the build of the image.
  const end = args[0] === 'push' ? args.indexOf('--') : -1;
  const { command, stage, verbose } = readArguments(args.slice(0, end < 0 ? undefined : end));
  if (command === 'deploy') await deploy(stage, verbose);
  else if (command === 'remove') await remove(stage, verbose);
  else process.exitCode = await push(stage, end < 0 ? [] : args.slice(end + 1));
}

async function push(stage: string, options: string[]): Promise<number> {
  await findRegion();
  try {
    return await pushImage(stage, ROOT, options);
  } catch (error) {
    throw explainCloudError(error, stage);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  endWith(error);
}
