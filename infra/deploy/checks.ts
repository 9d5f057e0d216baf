/** What is checked before a stage is deployed or removed. */
import { ConflictError, SettingError } from '../../src/core/errors.ts';

interface Settings {
  training?: unknown;
  trainAfterRun?: unknown;
}

const TRAINING = ['on', 'off'];

/** @throws SettingError for settings that contradict each other. @param file where they are */
export function checkSettings({ training, trainAfterRun }: Settings, file: string): void {
  if (!TRAINING.includes(training as string))
    throw new SettingError(
      `${file}: training is ${JSON.stringify(training)}: needed ${TRAINING.join(' or ')}`,
    );
  if (training === 'off' && String(trainAfterRun) === 'true')
    throw new SettingError(`${file}: trainAfterRun is true, but training is off. Set one of them`);
}

/** The active runs and jobs of a stage. @throws ConflictError if there are any: removing the stage would break them off. */
export function checkIdle(stage: string, runs: readonly string[], jobs: readonly string[]): void {
  const active = [...runs.map((name) => `run ${name}`), ...jobs.map((id) => `job ${id}`)];
  if (active.length === 0) return;
  throw new ConflictError(
    `stage ${stage} is at work: ${active.join(', ')}. Wait for the end (chirpline status --stage ${stage} --watch), or chirpline cancel each`,
  );
}
