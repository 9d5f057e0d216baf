/** Why a training job doesn't start, and what to do about it. */

/** Of a job, or of several in an array that wait alike. */
export function describeWait(count: number, stage: string): string {
  const verb = count === 1 ? 'waits' : 'wait';
  return stage === 'local'
    ? `${verb} for the job before: one runs at a time`
    : `${verb} for a host. It takes some minutes; when it takes longer, it is most often the quota of GPU vCPUs: ${QUOTA}`;
}

/** The remedy for a reason that AWS gives while a job waits, or when it has ended it for that; undefined for others. */
export function adviseOn(reason: string, stage: string): string | undefined {
  const found = REMEDIES.find(([name]) => reason.includes(name));
  return found?.[1](`infra/stages/${stage}.yml`);
}

const QUOTA = 'docs/operations.md, "Deploy", step 2';

/** https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html */
const REMEDIES: [string, (settings: string) => string][] = [
  [
    'COMPUTE_ENVIRONMENT_MAX_RESOURCE',
    (settings) => `it asks for more vCPUs than all hosts may have: raise maxVcpus in ${settings}`,
  ],
  [
    'JOB_RESOURCE_REQUIREMENT',
    (settings) =>
      `no host has so much: lower jobVcpus, jobMemory or jobGpus in ${settings}, or choose larger instanceTypes`,
  ],
  [
    'INSUFFICIENT_INSTANCE_CAPACITY',
    (settings) =>
      `AWS has no such host free: wait, add instanceTypes in ${settings}, and look at the quota of GPU vCPUs (${QUOTA})`,
  ],
];
