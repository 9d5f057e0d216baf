/** Runs jobs, a few at a time. It retries them as their definition says, and ends them on request or timeout. */
import { type Attempt, type Failure, isOver, type Job, mayRetry } from './job.ts';
import type { JobStore } from './job-store.ts';
import type { Reports } from './reports.ts';
import { isOwn, type RunnerSettings, readExit, StartError, signalAttempt, startAttempt } from './runner.ts';

export interface Scheduler {
  submit(job: Job, children: Job[]): void;
  /** Ends a job in any state, with its child jobs. */
  terminate(job: Job, reason: string): void;
  /** Ends a running job as AWS does when it reclaims a spot host. Returns whether the job was running. */
  reclaim(job: Job): boolean;
  stop(): void;
}

export interface SchedulerSettings {
  /** Jobs that run at once; further jobs stay RUNNABLE. */
  slots: number;
  /** Time from SIGTERM to SIGKILL [ms]. AWS gives 30 s, and on a spot host's notice (infra/host/user-data.txt) two minutes. */
  grace: number;
}

/** Polling interval of the running jobs [ms]. */
const INTERVAL = 100;
/** AWS's status reason for a reclaimed spot host; retry rules match its start. */
const RECLAIMED = 'Host EC2 (instance i-local) terminated.';
const ENDED = 'Essential container in task exited';
/** The container's reason gives the details. */
const NOT_STARTED = 'Task failed to start';
const TIMED_OUT = 'Job attempt duration exceeded timeout';

export function createScheduler(
  store: JobStore,
  runner: RunnerSettings,
  reports: Reports,
  { slots, grace }: SchedulerSettings,
): Scheduler {
  let closed = false;

  function change(job: Job, status: Job['detail']['status'], fields: Partial<Job['detail']> = {}): void {
    Object.assign(job.detail, fields, { status });
    store.saveJob(job);
    reports.state(job);
  }

  async function start(job: Job): Promise<void> {
    change(job, 'STARTING');
    let attempt: Attempt;
    try {
      attempt = await startAttempt(runner, job, job.detail.attempts.length + 1);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      const { detail } = job;
      const { message: reason } = error;
      const stoppedAt = Date.now();
      detail.attempts.push({ container: { reason }, stoppedAt, statusReason: NOT_STARTED });
      detail.container = { ...detail.container, reason };
      settle(job, { reason, statusReason: NOT_STARTED }, stoppedAt);
      return;
    }
    job.running = attempt;
    job.detail.container = { ...job.detail.container, logStreamName: attempt.logStream };
    change(job, 'RUNNING', { startedAt: attempt.startedAt });
  }

  /** Sends SIGTERM now, and SIGKILL after the grace period. */
  function end(job: Job, attempt: Attempt, reason: string): void {
    if (attempt.ended !== undefined) return;
    attempt.ended = reason;
    attempt.killAt = Date.now() + grace;
    store.saveJob(job);
    signalAttempt(runner, attempt, 'SIGTERM');
  }

  async function finish(job: Job, attempt: Attempt, exitCode: number): Promise<void> {
    // Await before any change: requests in the meantime see a running attempt, not a half-finished one.
    await reports.output(job, attempt);
    delete job.running;
    const { detail } = job;
    const stoppedAt = Date.now();
    const statusReason = attempt.ended ?? ENDED;
    const container = { exitCode, logStreamName: attempt.logStream };
    detail.attempts.push({ container, startedAt: attempt.startedAt, stoppedAt, statusReason });
    detail.container = { ...detail.container, exitCode };
    if (job.terminated !== undefined) change(job, 'FAILED', { stoppedAt, statusReason: job.terminated });
    else if (exitCode === 0) change(job, 'SUCCEEDED', { stoppedAt, statusReason });
    else settle(job, { exitCode, statusReason }, stoppedAt);
  }

  /** What follows a failed attempt. AWS doesn't retry after a timeout. */
  function settle(job: Job, failure: Failure, stoppedAt: number): void {
    const { statusReason } = failure;
    if (statusReason !== TIMED_OUT && mayRetry(job, failure)) change(job, 'RUNNABLE', { statusReason });
    else change(job, 'FAILED', { stoppedAt, statusReason });
  }

  /** Derives the state of an array job from its child jobs. */
  function updateParent(job: Job): void {
    const children = job.children!.flatMap((id) => store.jobs.get(id) ?? []);
    const statusSummary: Record<string, number> = {};
    for (const { detail } of children) statusSummary[detail.status] = (statusSummary[detail.status] ?? 0) + 1;
    job.detail.arrayProperties = { size: children.length, statusSummary };
    if (!children.every(isOver)) return;
    const { FAILED: failed = 0 } = statusSummary;
    const stoppedAt = Date.now();
    if (failed === 0) change(job, 'SUCCEEDED', { stoppedAt });
    else {
      const statusReason = job.terminated ?? `${failed} of ${children.length} children failed`;
      change(job, 'FAILED', { stoppedAt, statusReason });
    }
  }

  async function poll(): Promise<void> {
    const active = [...store.jobs.values()].filter((job) => !isOver(job));
    for (const job of active) {
      const attempt = job.running;
      if (attempt === undefined) continue;
      const exitCode = readExit(attempt);
      if (exitCode !== undefined) {
        await finish(job, attempt, exitCode);
        continue;
      }
      await reports.output(job, attempt);
      if (attempt.killAt !== undefined && Date.now() > attempt.killAt)
        signalAttempt(runner, attempt, 'SIGKILL');
      const limit = job.detail.timeout?.attemptDurationSeconds;
      if (limit !== undefined && Date.now() - attempt.startedAt > limit * 1000) end(job, attempt, TIMED_OUT);
    }
    for (const job of active) if (job.children !== undefined) updateParent(job);
    let free = slots - active.filter(({ running }) => running !== undefined).length;
    for (const job of active) {
      if (free === 0) break;
      if (job.detail.status !== 'RUNNABLE' || job.running !== undefined) continue;
      await start(job);
      if (job.running !== undefined) free -= 1;
    }
  }

  async function loop(): Promise<void> {
    while (!closed) {
      await poll();
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
  }

  // Jobs of an earlier agent: if the PID now belongs to another process, the attempt ended in a restart of the machine.
  for (const job of store.jobs.values()) {
    if (job.running !== undefined && !isOwn(job.running)) job.running.pid = NO_PROCESS;
    if (
      job.running === undefined &&
      (job.detail.status === 'STARTING' || job.detail.status === 'SUBMITTED')
    ) {
      change(job, 'RUNNABLE');
    }
  }
  void loop();

  return {
    submit(job, children) {
      change(job, 'SUBMITTED');
      change(job, 'PENDING');
      for (const child of children) change(child, 'RUNNABLE');
      if (children.length === 0) change(job, 'RUNNABLE');
    },
    terminate(job, reason) {
      if (isOver(job)) return;
      for (const id of job.children ?? []) {
        const child = store.jobs.get(id);
        if (child !== undefined) this.terminate(child, reason);
      }
      job.terminated = reason;
      if (job.running !== undefined) end(job, job.running, reason);
      else if (job.children === undefined)
        change(job, 'FAILED', { statusReason: reason, stoppedAt: Date.now() });
    },
    reclaim(job) {
      if (job.running === undefined) return false;
      end(job, job.running, RECLAIMED);
      return true;
    },
    stop() {
      closed = true;
    },
  };
}

/** Larger than any PID of Linux or macOS. */
const NO_PROCESS = 2 ** 30;
