/** Why a training job doesn't start, and what to do about it. */
import type { GpuQuotas } from '../cloud/doctor/quotas.ts';

/** @param count how many jobs of an array wait for the same reason. */
export function describeWait(count: number, stage: string, quota?: GpuQuotas, vcpus?: number): string {
  const verb = count === 1 ? 'waits' : 'wait';
  if (stage === 'local') return `${verb} for an earlier job: jobs run one at a time`;
  if (quota === undefined || vcpus === undefined)
    return `${verb} for a host. This takes a few minutes. If it takes longer, check the quota for GPU vCPUs: ${QUOTA}`;
  const allowed = `${quota.spot} GPU vCPUs on spot hosts and ${quota['on demand']} on demand`;
  return Math.max(quota.spot, quota['on demand']) < vcpus
    ? `${verb} in vain: the account's quota is ${allowed}, the job needs ${vcpus}. chirpline doctor --stage ${stage} has the command to request more`
    : `${verb} for a host. This takes a few minutes, or until other jobs leave enough of the account's quota: ${allowed}`;
}

/** The remedy for the reason that AWS gives for a waiting or terminated job; undefined if the reason is unknown. */
export function adviseOn(reason: string, stage: string): string | undefined {
  const found = REMEDIES.find(([name]) => reason.includes(name));
  return found?.[1](`infra/stages/${stage}.yml`);
}

const QUOTA = 'docs/operations.md, "Deploy", step 2';

/** https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html */
const REMEDIES: [string, (settings: string) => string][] = [
  [
    'COMPUTE_ENVIRONMENT_MAX_RESOURCE',
    (settings) => `the job needs more vCPUs than all hosts together may have: raise maxVcpus in ${settings}`,
  ],
  [
    'JOB_RESOURCE_REQUIREMENT',
    (settings) =>
      `no instance type is large enough: lower jobVcpus, jobMemory or jobGpus in ${settings}, or choose larger instanceTypes`,
  ],
  [
    'EC2_INSTANCE_CONFIGURATION_UNSUPPORTED',
    (settings) => `the stage's zones have none of its hosts: choose other instanceTypes in ${settings}`,
  ],
  ['UNDETERMINED', () => `AWS doesn't know why. Most often it is the quota for GPU vCPUs: ${QUOTA}`],
  [
    'INSUFFICIENT_INSTANCE_CAPACITY',
    (settings) =>
      `AWS has no free host of these types: wait, add instanceTypes in ${settings}, and check the quota for GPU vCPUs (${QUOTA})`,
  ],
];
