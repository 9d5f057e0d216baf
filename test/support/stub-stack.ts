import { setTimeout as sleep } from 'node:timers/promises';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { STAGE_OUTPUTS } from './fake-aws.ts';

/** Creates a stage in the emulator that is nothing but the outputs of its stack. */
export async function createStubStack(stage: string, outputs: Record<string, string>): Promise<void> {
  const template = {
    Resources: { Queue: { Type: 'AWS::SQS::Queue' } },
    Outputs: Object.fromEntries(
      Object.entries({ ...STAGE_OUTPUTS, ...outputs }).map(([name, Value]) => [name, { Value }]),
    ),
  };
  const client = new CloudFormationClient();
  const StackName = `chirpline-${stage}`;
  await client.send(new CreateStackCommand({ StackName, TemplateBody: JSON.stringify(template) }));
  for (;;) {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName }));
    if (Stacks?.[0]?.StackStatus === 'CREATE_COMPLETE') break;
    await sleep(100);
  }
  client.destroy();
}
