/** Answers a run that waits for a training job. */
import { SendTaskFailureCommand, SendTaskSuccessCommand, SFNClient } from '@aws-sdk/client-sfn';
import { CONNECTION } from '../src/cloud/connection.ts';
import type { JobStatus } from '../src/cloud/job-status.ts';
import { logError } from './log.ts';

/** Tells the run that waits with this token how its job ended. */
export type AnswerRun = (
  token: string,
  status: Pick<JobStatus, 'job' | 'state' | 'reason' | 'exitCode'>,
) => Promise<void>;

const client = new SFNClient(CONNECTION);

/** The run may have ended long ago (stopped, or out of time). Then nobody waits for the answer. */
const NOBODY_WAITS = new Set(['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken']);

export const answerRun: AnswerRun = async (taskToken, { job, state, reason = '', exitCode }) => {
  try {
    if (state === 'SUCCEEDED') {
      await client.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify({ job }) }));
    } else {
      const cause = `training job ${job} failed${exitCode === undefined ? '' : ` with exit code ${exitCode}`}: ${reason}`;
      await client.send(new SendTaskFailureCommand({ taskToken, error: 'TrainingFailed', cause }));
    }
  } catch (error) {
    if (!(error instanceof Error) || !NOBODY_WAITS.has(error.name)) throw error;
    logError(error, { job, answer: 'no run waits for this job any more' });
  }
};
