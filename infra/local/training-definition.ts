/** Converts the training job of the packaged template for the Batch API, as CloudFormation does on AWS. */
import type { RegisterJobDefinitionCommandInput } from '@aws-sdk/client-batch';

interface Template {
  Resources: Record<string, { Properties?: Record<string, unknown> }>;
}

/** @param logGroup the name of the log group that the template refers to. */
export function readTrainingJob(
  template: Template,
  logGroup: string,
): { definition: RegisterJobDefinitionCommandInput; queue: string } {
  const { JobDefinitionName, ContainerProperties, Timeout, RetryStrategy } = requireProperties(
    template,
    'TrainingJob',
  );
  const { Command, User, ResourceRequirements, LogConfiguration } = ContainerProperties as Record<
    string,
    unknown
  >;
  const { LogDriver } = LogConfiguration as Record<string, unknown>;
  const queue = requireProperties(template, 'TrainingQueue').JobQueueName;
  const definition = lowerKeys({
    JobDefinitionName,
    Type: 'container',
    Timeout,
    RetryStrategy,
    // The runner chooses the image.
    ContainerProperties: { Image: 'local', Command, User, ResourceRequirements },
  }) as RegisterJobDefinitionCommandInput;
  definition.timeout!.attemptDurationSeconds = Number(definition.timeout!.attemptDurationSeconds);
  definition.containerProperties!.logConfiguration = {
    logDriver: LogDriver as 'awslogs',
    options: { 'awslogs-group': logGroup },
  };
  return { definition, queue: String(queue) };
}

function requireProperties({ Resources }: Template, name: string): Record<string, unknown> {
  const properties = Resources[name]?.Properties;
  if (properties === undefined) throw new Error(`the template has no resource ${name}`);
  return properties;
}

/** CloudFormation's keys start with a capital letter, the API's with a lower-case one. */
function lowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key[0]!.toLowerCase() + key.slice(1), lowerKeys(member)]),
  );
}
