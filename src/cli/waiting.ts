/** Why a training job doesn't start, and what to do about it. */

/** @param count how many jobs of an array wait for the same reason. */
export function describeWait(count: number, stage: string): string {
  const verb = count === 1 ? 'waits' : 'wait';
  return stage === 'local'
    ? `${verb} for an earlier job: jobs run one at a time`
    : `${verb} for a host. This takes a few minutes. If it takes longer, check the quota for GPU vCPUs: ${QUOTA}`;
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
    'INSUFFICIENT_INSTANCE_CAPACITY',
    (settings) =>
      `AWS has no free host of these types: wait, add instanceTypes in ${settings}, and check the quota for GPU vCPUs (${QUOTA})`,
  ],
];
