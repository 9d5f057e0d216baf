/** AWS's answers, given by the test itself. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

/** By the operation as the service names it: its answer as XML, or as an object for services that use JSON. */
export type Answers = Record<string, () => string | object>;

export interface FakeAws {
  readonly url: string;
  /** With it, SDKs and commands ask only this server. */
  readonly env: Record<string, string>;
  /** Operations in the order of their requests. */
  readonly asked: string[];
  readonly requests: { authorization: string; body: string }[];
}

/** Serves the answers until the test ends. A string that has an <Error>, and an object with a __type, are refusals. */
export async function startFakeAws(t: TestContext, answers: Answers): Promise<FakeAws> {
  const asked: string[] = [];
  const requests: { authorization: string; body: string }[] = [];
  const server = createServer(async (request, response) => {
    const { url = '', headers } = request;
    const body = await text(request);
    const target = String(headers['x-amz-target'] ?? '').split('.')[1];
    const operation = target ?? new URLSearchParams(body).get('Action') ?? url.split('/').at(-1)!;
    asked.push(operation);
    requests.push({ authorization: headers.authorization ?? '', body });
    const answer = answers[operation]?.() ?? { __type: 'UnknownOperation', Message: operation };
    const isRefusal = typeof answer === 'string' ? answer.includes('<Error>') : '__type' in answer;
    response.writeHead(isRefusal ? 400 : 200, {
      'content-type': typeof answer === 'string' ? 'text/xml' : 'application/x-amz-json-1.1',
    });
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
  const url = `http://127.0.0.1:${address.port}`;
  const env = {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: 'eu-south-1',
    AWS_ACCESS_KEY_ID: 'KEY',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
  return { url, env, asked, requests };
}

/** CloudFormation's answer for a stack in this state with these outputs. */
export function describeStack(status: string, outputs: Record<string, string> = {}): string {
  const members = Object.entries(outputs).map(
    ([name, value]) => `<member><OutputKey>${name}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  return `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member><StackName>x</StackName><StackStatus>${status}</StackStatus><CreationTime>2026-11-29T00:00:00Z</CreationTime><Outputs>${members.join('')}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`;
}

export const NO_STACK =
  '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id x does not exist</Message></Error></ErrorResponse>';

/** What a stage needs to be opened. */
export const STAGE_OUTPUTS = Object.fromEntries(
  [
    ...['Bucket', 'StateMachine', 'LabelsQueue', 'LabelsDeadLetters', 'ObjectsQueue', 'ObjectsDeadLetters'],
    ...['JobDeadLetters', 'AlarmTopic', 'TrainingQueue', 'TrainingJob', 'TrainingLogs'],
  ].map((name) => [name, name]),
);
