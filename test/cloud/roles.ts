/** The policies of the roles that a packaged stage creates, as CloudFormation resolves them. */
import { ACCOUNT, type Policy } from '../support/iam.ts';
import type { Template } from './package.ts';

const REGION = 'us-east-1';
const PSEUDO: Record<string, string> = {
  'AWS::AccountId': ACCOUNT,
  'AWS::Region': REGION,
  'AWS::Partition': 'aws',
};
/** Services of the resources whose ARN a policy names, and the property with the name. */
const ARNS: Record<string, [service: string, property: string, kind: string]> = {
  'AWS::SNS::Topic': ['sns', 'TopicName', ''],
  'AWS::SQS::Queue': ['sqs', 'QueueName', ''],
  'AWS::Lambda::Function': ['lambda', 'FunctionName', 'function:'],
};

/** By the name of the function, or `training` for jobs, `host` for their hosts and `run` for the state machine. */
export function rolePolicies(template: Template): Map<string, Policy[]> {
  const found = new Map<string, Policy[]>();
  for (const [id, { Type, Properties }] of Object.entries(template.Resources)) {
    // The Serverless Framework also makes a common role, which nothing uses.
    if (Type !== 'AWS::IAM::Role' || id === 'IamRoleLambdaExecution') continue;
    const own: Record<string, string> = {
      TrainingJobRole: 'training',
      StateMachineRole: 'run',
      HostRole: 'host',
    };
    const name = own[id] ?? id.replace('IamRoleLambdaExecution', '').toLowerCase();
    const policies = (Properties.Policies ?? []) as { PolicyDocument: Policy }[];
    found.set(
      name,
      policies.map(({ PolicyDocument }) => resolve(PolicyDocument, template) as Policy),
    );
  }
  return found;
}

function resolve(value: unknown, template: Template): unknown {
  if (Array.isArray(value)) return value.map((member) => resolve(member, template));
  if (typeof value !== 'object' || value === null) return value;
  const [key, argument] = Object.entries(value)[0] ?? [];
  if (key === 'Fn::Sub')
    return String(argument).replaceAll(/\$\{(AWS::\w+)\}/g, (_, name: string) =>
      requireText(PSEUDO[name], name),
    );
  // Of a topic, this is its ARN.
  if (key === 'Ref') return arnOf(String(argument), template);
  if (key === 'Fn::GetAtt') return arnOf(String((argument as unknown[])[0]), template);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, resolve(member, template)]));
}

function arnOf(id: string, { Resources }: Template): string {
  const { Type, Properties } = Resources[id]!;
  const [service, property, kind] = ARNS[Type] ?? [];
  const name = String(requireText(Properties[property ?? ''], `${id} of type ${Type}`));
  return `arn:aws:${service}:${REGION}:${ACCOUNT}:${kind}${name}`;
}

function requireText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Error(`cannot resolve ${name}`);
  return value;
}
