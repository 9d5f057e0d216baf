/** What is checked before a stage is deployed or removed. */
import { ConflictError, MachineError, SettingError } from '../../src/core/errors.ts';

export interface Settings {
  training?: unknown;
  trainAfterRun?: unknown;
  instanceTypes?: unknown;
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

/** The types of hosts that a stage names, without families such as g5; none if it has no training. */
export function hostTypes({ training, instanceTypes }: Settings): string[] {
  if (training !== 'on' || !Array.isArray(instanceTypes)) return [];
  return instanceTypes.filter((type) => typeof type === 'string' && type.includes('.'));
}

/** Throws SettingError for types that the region doesn't have: AWS would undo the whole deployment because of one. */
export function checkHostTypes(
  types: readonly string[],
  offered: readonly string[],
  region: string,
  file: string,
): void {
  const absent = types.filter((type) => !offered.includes(type));
  if (absent.length === 0) return;
  const remedy =
    offered.length > 0 ? `remove from instanceTypes: it has ${offered.join(', ')}` : "set training: 'off'";
  throw new SettingError(
    `${file}: ${region} has no ${absent.join(', ')}: ${remedy}, or choose another region`,
  );
}

/** The active runs and jobs of a stage. @throws ConflictError if there are any: removing the stage would break them off. */
export function checkIdle(stage: string, runs: readonly string[], jobs: readonly string[]): void {
  const active = [...runs.map((name) => `run ${name}`), ...jobs.map((id) => `job ${id}`)];
  if (active.length === 0) return;
  throw new ConflictError(
    `stage ${stage} is at work: ${active.join(', ')}. Wait for the end (chirpline status --stage ${stage} --watch), or chirpline cancel each`,
  );
}

/** Checks that this checkout makes the image that the stage asks for. @param changes files that differ from the commit */
export function checkImageTag(
  stage: string,
  deployed: string,
  here: string,
  changes: readonly string[],
): void {
  if (deployed !== here)
    throw new ConflictError(
      `stage ${stage} was deployed from ${deployed}, this is ${here}. Deploy this first (npm run deploy -- --stage ${stage}), or check out the other`,
    );
  if (changes.length > 0)
    throw new ConflictError(
      `the image's name is its commit, but these files differ from it: ${changes.slice(0, 5).join(', ')}. Commit them, and deploy`,
    );
}

/** Training hosts have CPUs of x86-64, and the image has programs that the build compiles. Throws MachineError. */
export function checkBuilder(platform: string, architecture: string): void {
  if (platform === 'linux' && architecture === 'x64') return;
  throw new MachineError(
    `this machine is ${platform} on ${architecture}, and its image would not start on the training hosts: build it on Linux on x64, for example in CI`,
  );
}

/** Throws ConflictError while another deployment or removal is under way. @param status of the stack */
export function checkFree(stage: string, status: string): void {
  if (!status.endsWith('_IN_PROGRESS')) return;
  throw new ConflictError(
    `stage ${stage} is being changed (${status}), perhaps by somebody else. Wait for the end: chirpline doctor --stage ${stage} shows it`,
  );
}
