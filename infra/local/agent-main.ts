/** The job agent as a process: configured by its environment, ended by SIGTERM. Jobs keep running; the next agent adopts them. */
import { startAgent } from './agent.ts';
import type { RunnerKind } from './runner.ts';

const { AGENT_HOST, AGENT_PORT, AGENT_SECRET, AGENT_FOLDER, AGENT_RUNNER, AGENT_IMAGE } = process.env;
/** Variables with which a job finds the emulator. */
const JOB_VARIABLES = [
  'AWS_ENDPOINT_URL',
  'AWS_REGION',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_EC2_METADATA_DISABLED',
  'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED',
];

if (!/^[\w-]{32,}$/.test(AGENT_SECRET ?? ''))
  throw new Error('AGENT_SECRET: needed at least 32 letters, digits, _ or -. npm run local:up draws one');
const agent = await startAgent({
  host: AGENT_HOST ?? '127.0.0.1',
  port: Number(AGENT_PORT),
  secret: AGENT_SECRET!,
  folder: AGENT_FOLDER ?? '',
  runner: AGENT_RUNNER as RunnerKind,
  image: AGENT_IMAGE,
  // A training uses all cores.
  slots: 1,
  grace: 10_000,
  jobEnv: Object.fromEntries(JOB_VARIABLES.map((name) => [name, process.env[name] ?? ''])),
});
process.once('SIGTERM', () => void agent.stop());
