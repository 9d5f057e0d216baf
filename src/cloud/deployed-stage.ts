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
  /** `registry/repository:tag` in ECR; undefined if the stage has no repository: in the emulated cloud, or by its setting `image`. */
  image?: string;
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
  useStage(name);
  return readStage(name, (await readStack(name)).outputs);
}

/** Prepares this process for requests to the stage. Throws MachineError when it is `local` and isn't running. */
export function useStage(name: string): void {
  if (name === 'local') useLocalCloud(process.env);
  // Suppress the SDK's warning about the end of Node 20: chirpline's own package.json says which versions it supports.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
}

/** Throws MachineError when another version of chirpline deployed the stack. */
export function readStage(name: string, outputs: ReadonlyMap<string, string>): Stage {
  const output = (key: string): string => requireOutput(name, outputs, key);
  const image = outputs.get('TrainingImage');
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
        ...(image !== undefined && { image }),
      },
    }),
  };
}

/** Throws MachineError when the stack has no such output. */
export function requireOutput(name: string, outputs: ReadonlyMap<string, string>, key: string): string {
  const value = outputs.get(key);
  if (value !== undefined) return value;
  throw new MachineError(
    `stage ${name}: its stack has no output ${key}. Deploy this version of chirpline to it`,
  );
}

export interface Stack {
  /** Of CloudFormation: CREATE_COMPLETE, UPDATE_IN_PROGRESS, ... */
  status: string;
  reason?: string;
  /** Of its last deployment. */
  deployed?: Date;
  /** None while the first deployment hasn't succeeded. */
  outputs: Map<string, string>;
}

/** The stage's stack. Throws MachineError if there is none. */
export async function readStack(name: string): Promise<Stack> {
  const client = new CloudFormationClient(CONNECTION);
  const region = await client.config.region();
  const stack = await findStack(name, client);
  if (stack !== undefined) return stack;
  const how = name === 'local' ? 'npm run local:deploy' : `npm run deploy -- --stage ${name}`;
  throw new MachineError(`stage ${name} is not deployed in ${region}. Deploy it: ${how}`);
}

/** The same; undefined if there is none. */
export async function findStack(
  name: string,
  client = new CloudFormationClient(CONNECTION),
): Promise<Stack | undefined> {
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: `chirpline-${name}` }));
    const { StackStatus, StackStatusReason, CreationTime, LastUpdatedTime, Outputs = [] } = Stacks?.[0] ?? {};
    const deployed = LastUpdatedTime ?? CreationTime;
    return {
      status: StackStatus ?? '',
      ...(StackStatusReason && { reason: StackStatusReason }),
      ...(deployed !== undefined && { deployed }),
      outputs: new Map(Outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue])),
    };
  } catch (error) {
    if (error instanceof Error && error.message.includes('does not exist')) return undefined;
    throw error;
  } finally {
    client.destroy();
  }
}
