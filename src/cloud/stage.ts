/** A deployed stage: what its stack made, by the outputs of the stack. */
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { MachineError } from '../errors.ts';
import { CONNECTION } from './connection.ts';

export interface Stage {
  name: string;
  bucket: string;
  /** ARN. */
  stateMachine: string;
  /** URLs of the queues, and of the dead letters of each. */
  queues: { name: string; url: string; deadLetters: string }[];
  trainingQueue: string;
  trainingJob: string;
  trainingLogs: string;
}

/** Where the emulated cloud of this machine listens, unless the environment says otherwise. */
export const LOCAL_ENVIRONMENT = {
  AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
  AWS_ENDPOINT_URL_BATCH: 'http://127.0.0.1:4570',
  AWS_REGION: 'us-east-1',
} as const;

/** Turns this process to the emulated cloud, so that nothing of stage `local` ever reaches AWS. */
export function useLocalCloud(env: NodeJS.ProcessEnv): void {
  for (const [name, value] of Object.entries(LOCAL_ENVIRONMENT)) env[name] ??= value;
  env.AWS_ACCESS_KEY_ID = 'test';
  env.AWS_SECRET_ACCESS_KEY = 'test';
  delete env.AWS_SESSION_TOKEN;
  delete env.AWS_PROFILE;
}

/** Throws MachineError when the stage isn't deployed. */
export async function openStage(name: string): Promise<Stage> {
  // The SDK warns of Node 20's end; which Nodes chirpline runs on is its own package's to say.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  if (name === 'local') useLocalCloud(process.env);
  const outputs = await readOutputs(name);
  const output = (key: string): string => {
    const value = outputs.get(key);
    if (value === undefined) {
      throw new MachineError(
        `stage ${name}: its stack has no output ${key}. Deploy this version of chirpline there`,
      );
    }
    return value;
  };
  return {
    name,
    bucket: output('Bucket'),
    stateMachine: output('StateMachine'),
    queues: [
      { name: 'labels', url: output('LabelsQueue'), deadLetters: output('LabelsDeadLetters') },
      { name: 'objects', url: output('ObjectsQueue'), deadLetters: output('ObjectsDeadLetters') },
    ],
    trainingQueue: output('TrainingQueue'),
    trainingJob: output('TrainingJob'),
    trainingLogs: output('TrainingLogs'),
  };
}

async function readOutputs(name: string): Promise<Map<string, string>> {
  const client = new CloudFormationClient(CONNECTION);
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: `chirpline-${name}` }));
    return new Map(
      (Stacks?.[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
    );
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('does not exist')) throw error;
    const how = name === 'local' ? 'npm run local:deploy' : `npx serverless deploy --stage ${name}`;
    throw new MachineError(`stage ${name} is not deployed. Deploy it: ${how}`, { cause: error });
  } finally {
    client.destroy();
  }
}
