import {
  type BatchClient,
  type ComputeEnvironmentDetail,
  DescribeComputeEnvironmentsCommand,
  DescribeJobQueuesCommand,
  type JobQueueDetail,
} from '@aws-sdk/client-batch';
import type { Finding } from '../../core/finding.ts';

/** The queue of the training jobs, and the environments that start their hosts. */
export interface Hosts {
  queue: JobQueueDetail | undefined;
  environments: ComputeEnvironmentDetail[];
  instanceTypes: string[];
}

export async function readHosts(client: BatchClient, name: string): Promise<Hosts> {
  const { jobQueues } = await client.send(new DescribeJobQueuesCommand({ jobQueues: [name] }));
  const queue = jobQueues?.find(({ jobQueueName }) => jobQueueName === name);
  const arns = (queue?.computeEnvironmentOrder ?? []).flatMap(
    ({ computeEnvironment }) => computeEnvironment ?? [],
  );
  // Without names, AWS describes those of the whole account.
  const { computeEnvironments: environments = [] } = await client.send(
    new DescribeComputeEnvironmentsCommand({ computeEnvironments: arns.length > 0 ? arns : [NONE] }),
  );
  const types = environments.flatMap(({ computeResources }) => computeResources?.instanceTypes ?? []);
  return { queue, environments, instanceTypes: [...new Set(types)] };
}

const NONE = 'none';

export function judgeHosts({ queue, environments }: Hosts, stage: string): Finding[] {
  const deploy = `npm run deploy -- --stage ${stage}`;
  const found: Finding[] = [judge('job queue', queue, deploy)];
  for (const environment of environments) {
    const { computeResources: { type, instanceTypes = [], maxvCpus, ec2Configuration } = {} } = environment;
    const name = type === 'SPOT' ? 'hosts, spot' : 'hosts, on demand';
    const finding = judge(name, environment, deploy);
    const detail = `${finding.detail}: ${instanceTypes.join(', ')}, ${maxvCpus} vCPUs at most`;
    const isOld = ec2Configuration?.some(({ batchImageStatus }) => batchImageStatus === 'UPDATE_AVAILABLE');
    if (finding.status === 'ok' && isOld)
      found.push({
        name,
        status: 'warn',
        detail: `${detail}; their operating system and driver are out of date`,
        advice: `any change of the hosts' settings renews them: change jobDisk in infra/stages/${stage}.yml, then ${deploy}`,
      });
    else found.push(finding.status === 'ok' ? { ...finding, detail } : finding);
  }
  return found;
}

/** Of a queue or an environment. */
interface Resource {
  state?: string | undefined;
  status?: string | undefined;
  statusReason?: string | undefined;
}

function judge(name: string, resource: Resource | undefined, deploy: string): Finding {
  if (resource === undefined) return { name, status: 'missing', detail: 'not found', advice: deploy };
  const { state = '', status = '', statusReason } = resource;
  const detail = [`${state}, ${status}`, statusReason].filter((part) => part !== undefined).join(': ');
  if (state !== 'ENABLED')
    return { name, status: 'missing', detail, advice: 'enable it in the console of AWS Batch' };
  if (status === 'VALID') return { name, status: 'ok', detail: `${state}, ${status}` };
  // https://docs.aws.amazon.com/batch/latest/userguide/invalid_compute_environment.html
  if (status === 'INVALID')
    return { name, status: 'missing', detail, advice: `correct what the reason names, then ${deploy}` };
  return { name, status: 'warn', detail, advice: 'it is being changed: wait for the end' };
}
