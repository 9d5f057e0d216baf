/** The requests that recorder.mjs has noted, as IAM sees them. */
import { readFileSync } from 'node:fs';
import { ACCOUNT, type IamRequest } from './iam.ts';

interface Recorded {
  /** Name of a function, or `training` or `user`. */
  role: string;
  service: string;
  method: string;
  path: string;
  target?: string;
  body: string;
}

const REGION = 'us-east-1';
const arn = (service: string, name: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${name}`;

/** Different requests of each role. Throws for a request that isn't known here. */
export function readRequests(file: string): Map<string, IamRequest[]> {
  const found = new Map<string, Map<string, IamRequest>>();
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const recorded = JSON.parse(line) as Recorded;
    const known = found.get(recorded.role) ?? new Map<string, IamRequest>();
    found.set(recorded.role, known);
    for (const request of translate(recorded)) {
      // Objects of one folder are alike: one is enough for each action.
      const place = request.resource.replace(/[^/]+$/, '');
      known.set(`${request.action} ${place} ${JSON.stringify(request.context)}`, request);
    }
  }
  return new Map([...found].map(([role, requests]) => [role, [...requests.values()]]));
}

function translate(recorded: Recorded): IamRequest[] {
  const { service, target = '', body } = recorded;
  if (service === 's3') return [translateS3(recorded)];
  if (service === 'batch') return translateBatch(recorded);
  if (service === 'cloudformation') {
    const form = new URLSearchParams(body);
    const stack = arn('cloudformation', `stack/${form.get('StackName')}/5c0d`);
    return [{ action: `cloudformation:${form.get('Action')}`, resource: stack }];
  }
  if (service === 'sns') {
    const form = new URLSearchParams(body);
    return [{ action: `sns:${form.get('Action')}`, resource: form.get('TopicArn')! }];
  }
  const [, operation = ''] = target.split('.');
  if (service === 'servicequotas') return [{ action: `servicequotas:${operation}`, resource: '*' }];
  const input = JSON.parse(body) as Record<string, string>;
  if (service === 'states') {
    // Those with a task token know no resource.
    const resource = input.executionArn ?? input.stateMachineArn ?? '*';
    return [{ action: `states:${operation}`, resource }];
  }
  if (service === 'sqs') {
    const queue = input.QueueUrl!.split('/').at(-1)!;
    return [{ action: `sqs:${operation.replace(/Batch$/, '')}`, resource: arn('sqs', queue) }];
  }
  if (service === 'logs') {
    const stream = `log-group:${input.logGroupName}:log-stream:${input.logStreamName}`;
    return [{ action: `logs:${operation}`, resource: arn('logs', stream) }];
  }
  throw new Error(`unknown request: ${JSON.stringify(recorded)}`);
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
function translateS3({ method, path }: Recorded): IamRequest {
  const { pathname, searchParams: query } = new URL(path, 'http://s3');
  const [, bucket, key] = /^\/([^/]+)\/?(.*)$/.exec(decodeURIComponent(pathname))!;
  const resource = `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`;
  if (key === '' && method === 'GET') return { action: 's3:ListBucket', resource };
  if (method === 'DELETE') {
    const action = query.has('uploadId') ? 's3:AbortMultipartUpload' : 's3:DeleteObject';
    return { action, resource };
  }
  const actions: Record<string, string> = {
    GET: 'GetObject',
    HEAD: 'GetObject',
    PUT: 'PutObject',
    POST: 'PutObject',
  };
  if (key === '' || actions[method] === undefined)
    throw new Error(`unknown request to S3: ${method} ${path}`);
  return { action: `s3:${actions[method]}`, resource };
}

function translateBatch({ path, body }: Recorded): IamRequest[] {
  const operation = path.split('/').at(-1)!;
  const input = JSON.parse(body) as { [name: string]: string } & { tags?: Record<string, string> };
  if (operation === 'describejobs') return [{ action: 'batch:DescribeJobs', resource: '*' }];
  if (operation === 'listjobs') return [{ action: 'batch:ListJobs', resource: '*' }];
  if (operation === 'describejobqueues') return [{ action: 'batch:DescribeJobQueues', resource: '*' }];
  if (operation === 'describecomputeenvironments')
    return [{ action: 'batch:DescribeComputeEnvironments', resource: '*' }];
  if (operation === 'terminatejob') {
    // Jobs get their tags when they are submitted.
    const context = { 'aws:ResourceTag/application': 'chirpline', 'aws:ResourceTag/stage': 'local' };
    return [{ action: 'batch:TerminateJob', resource: arn('batch', `job/${input.jobId}`), context }];
  }
  if (operation !== 'submitjob') throw new Error(`unknown request to Batch: ${path}`);
  const { tags = {} } = input;
  const context = Object.fromEntries(
    Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value]),
  );
  const submitted = [`job-queue/${input.jobQueue}`, `job-definition/${input.jobDefinition}`, 'job/5c0d'];
  return [
    ...submitted.map((name) => ({ action: 'batch:SubmitJob', resource: arn('batch', name) })),
    { action: 'batch:TagResource', resource: arn('batch', 'job/5c0d'), context },
  ];
}
