/** Settings of how this machine is used. They change no result beyond rounding. */
import { choice, requireAccepted, whole } from './setting.ts';

export const WORKERS = whole('worker threads (default: one per core)', 1, 1024);

export const DEVICE = choice('device that TensorFlow uses', ['auto', 'cpu', 'gpu']);

/** Throws SettingError for a number of threads or a device that is given and unacceptable. */
export function checkMachineSettings(given: { workers?: number; device?: string }): void {
  if (given.workers !== undefined) requireAccepted(WORKERS, given.workers, 'workers');
  if (given.device !== undefined) requireAccepted(DEVICE, given.device, 'device');
}
