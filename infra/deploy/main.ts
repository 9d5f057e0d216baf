/** `npm run deploy -- --stage NAME` and `npm run remove -- --stage NAME`; see docs/operations.md. */
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
import { openStage, readOutputs, type Stage } from '../../src/cloud/deployed-stage.ts';
import { isActive, listJobs } from '../../src/cloud/jobs.ts';
import { listPages } from '../../src/cloud/runs.ts';
import { SettingError } from '../../src/core/errors.ts';
import { quote } from '../../src/core/quote.ts';
import { requireAccepted } from '../../src/core/setting.ts';
import { checkBucket, queueArns, setEvents, stageEvents } from './bucket-events.ts';
import { checkIdle, checkSettings, type Settings } from './checks.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Latest jobs among which active ones are looked for. */
const JOBS = 100;
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

/** Throws SettingError for unknown words, and for a stage that isn't one of AWS. */
function readArguments(args: string[]): { command: 'deploy' | 'remove'; stage: string; verbose: boolean } {
  try {
    const options = { stage: { type: 'string' }, verbose: { type: 'boolean', default: false } } as const;
    const { positionals, values } = parseArgs({ args, allowPositionals: true, options });
    const [command, ...rest] = positionals;
    if ((command !== 'deploy' && command !== 'remove') || rest.length > 0)
      throw new SettingError(`unexpected argument ${quote(rest[0] ?? command ?? '')}`);
    if (values.stage === undefined)
      throw new SettingError(`which stage? For example npm run ${command} -- --stage dev`);
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

/** Returns the stage's settings. */
function checkStage(stage: string): Settings {
  const file = `infra/stages/${stage}.yml`;
  const path = join(ROOT, file);
  if (!existsSync(path))
    throw new SettingError(`there is no ${file}. For a new stage, copy infra/stages/dev.yml and adapt it`);
  // Only the Serverless Framework knows the tags in it.
  const settings: Settings = parse(readFileSync(path, 'utf8'), { logLevel: 'error' }) ?? {};
  checkSettings(settings, file);
  return settings;
}

/** Returns the deployed stage. A stack without outputs is that of a failed first deployment: nothing works there. */
async function checkWork(name: string): Promise<Stage | undefined> {
  try {
    if (!(await readOutputs(name)).has('Bucket')) return undefined;
    const stage = await openStage(name);
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
  const { bucket } = checkStage(stage);
  const region = await findRegion();
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
  const { command, stage, verbose } = readArguments(args);
  await (command === 'deploy' ? deploy : remove)(stage, verbose);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  endWith(error);
}
