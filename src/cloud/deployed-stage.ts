/** A deployed stage, read from the outputs of its CloudFormation stack. */
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { ConflictError, MachineError } from '../core/errors.ts';
import { CONNECTION } from './connection.ts';
import { useLocalCloud } from './local-stage.ts';

export interface Stage {
  name: string;
  bucket: string;
  /** ARN. */
  stateMachine: string;
  /** URLs of the queues and of their dead-letter queues. The events of jobs arrive without a queue. */
  queues: { name: string; url?: string; deadLetters: string }[];
  /** Undefined if the stage was deployed without training. */
  training?: Training;
}

/** Names in AWS Batch and CloudWatch Logs. */
export interface Training {
  queue: string;
  definition: string;
  logs: string;
}

/** Throws ConflictError when the stage was deployed without training. */
export function requireTraining({ name, training }: Pick<Stage, 'name' | 'training'>): Training {
  if (training !== undefined) return training;
  throw new ConflictError(
    `stage ${name} has no training: set training: 'on' in infra/stages/${name}.yml and deploy it again`,
  );
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
    ...(outputs.has('TrainingQueue') && {
      training: {
        queue: output('TrainingQueue'),
        definition: output('TrainingJob'),
        logs: output('TrainingLogs'),
      },
    }),
  };
}

/** The outputs of the stage's stack; none while its first deployment hasn't succeeded. Throws MachineError if there is no stack. */
export async function readOutputs(name: string): Promise<Map<string, string>> {
  const client = new CloudFormationClient(CONNECTION);
  const region = await client.config.region();
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: `chirpline-${name}` }));
    return new Map(
      (Stacks?.[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
    );
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('does not exist')) throw error;
    const how = name === 'local' ? 'npm run local:deploy' : `npm run deploy -- --stage ${name}`;
    throw new MachineError(`stage ${name} is not deployed in ${region}. Deploy it: ${how}`, { cause: error });
  } finally {
    client.destroy();
  }
}
