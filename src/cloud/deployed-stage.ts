/** A deployed stage, read from the outputs of its CloudFormation stack. */
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { MachineError } from '../core/errors.ts';
import { CONNECTION } from './connection.ts';
import { useLocalCloud } from './local-stage.ts';

export interface Stage {
  name: string;
  bucket: string;
  /** ARN. */
  stateMachine: string;
  /** URLs of the queues and of their dead-letter queues. The events of jobs arrive without a queue. */
  queues: { name: string; url?: string; deadLetters: string }[];
  trainingQueue: string;
  trainingJob: string;
  trainingLogs: string;
}

/** Throws MachineError when the stage isn't deployed, or is `local` and isn't running. */
export async function openStage(name: string): Promise<Stage> {
  if (name === 'local') useLocalCloud(process.env);
  // Suppress the SDK's warning about the end of Node 20: chirpline's own package.json says which versions it supports.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const outputs = await readOutputs(name);
  const output = (key: string): string => {
    const value = outputs.get(key);
    if (value === undefined) {
      throw new MachineError(
        `stage ${name}: its stack has no output ${key}. Deploy this version of chirpline to it`,
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
      { name: 'jobs', deadLetters: output('JobDeadLetters') },
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
