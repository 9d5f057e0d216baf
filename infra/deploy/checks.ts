/** What is checked before a stage is deployed or removed. */
import { ConflictError, MachineError, SettingError } from '../../src/core/errors.ts';
import { isBucketName } from '../../src/storage/open.ts';

export type Settings = Record<string, unknown>;

interface Rule {
  needed: string;
  accepts: (value: unknown) => boolean;
}

const oneOf = (...words: string[]): Rule => ({
  needed: words.map((word) => `'${word}'`).join(' or '),
  accepts: (value) => words.includes(value as string),
});
const orNull = ({ needed, accepts }: Rule): Rule => ({
  needed: `${needed}, or null`,
  accepts: (value) => value === null || accepts(value),
});
const isText = (value: unknown, pattern: RegExp) => typeof value === 'string' && pattern.test(value);
const isPositive = (value: unknown) => Number.isFinite(value) && (value as number) > 0;

/** Settings that choose resources: AWS would report a wrong one late, or the stage would do without. */
const RULES: Record<string, Rule> = {
  training: oneOf('on', 'off'),
  dashboard: oneOf('on', 'off'),
  budget: oneOf('on', 'off'),
  monthlyBudget: { needed: 'a number of dollars', accepts: isPositive },
  rawArchiveDays: orNull({
    needed: 'a whole number of days',
    accepts: (value) => Number.isInteger(value) && isPositive(value),
  }),
  bucket: orNull({
    needed: 'the name of a bucket',
    accepts: (value) => typeof value === 'string' && isBucketName(value),
  }),
  network: oneOf('stage', 'own'),
  vpc: orNull({
    needed: 'the id of a VPC, such as vpc-0a1b2c3d',
    accepts: (value) => isText(value, /^vpc-[0-9a-f]{8,17}$/),
  }),
  subnets: orNull({
    needed: 'a list such as [subnet-0a1b2c3d, subnet-4e5f6a7b]',
    accepts: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((subnet) => isText(subnet, /^subnet-[0-9a-f]{8,17}$/)),
  }),
};

/** @throws SettingError for settings that are wrong or contradict each other. @param file where they are */
export function checkSettings(settings: Settings, file: string): void {
  for (const [name, { needed, accepts }] of Object.entries(RULES)) {
    const value = settings[name];
    if (!accepts(value))
      throw new SettingError(`${file}: ${name} is ${JSON.stringify(value)}: needed ${needed}`);
  }
  const { training, trainAfterRun, budget, alarmEmail, network, vpc, subnets, bucket, rawArchiveDays } =
    settings;
  const contradictions: [boolean, string][] = [
    [
      training === 'off' && String(trainAfterRun) === 'true',
      'trainAfterRun is true, but training is off. Set one of them',
    ],
    [
      budget === 'on' && !String(alarmEmail).includes('@'),
      'budget is on, but alarmEmail has no address that is told',
    ],
    [network === 'own' && (vpc === null || subnets === null), "network is 'own': set vpc and subnets"],
    [
      network === 'stage' && (vpc !== null || subnets !== null),
      "vpc and subnets are set: network must be 'own'",
    ],
    [
      bucket !== null && rawArchiveDays !== null,
      'bucket is your own: give it a lifecycle rule instead of rawArchiveDays',
    ],
  ];
  for (const [found, message] of contradictions) if (found) throw new SettingError(`${file}: ${message}`);
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

/**
 * Throws SettingError for another bucket than the deployed one. The old one would go on sending its events, which the queues then
 * refuse: uploads into it would get lost without a word.
 *
 * @param outputs of the stack
 * @param file where the settings are
 */
export function checkBucketKept(
  stage: string,
  { bucket }: Settings,
  outputs: ReadonlyMap<string, string>,
  file: string,
): void {
  const deployed = outputs.get('Bucket');
  const [, , , region, account] = (outputs.get('StateMachine') ?? '').split(':');
  // As serverless.yml names the stage's own.
  if (deployed === undefined || deployed === (bucket ?? `chirpline-${stage}-${account}-${region}`)) return;
  throw new SettingError(
    `${file}: bucket is ${bucket}, but stage ${stage} works in s3://${deployed}. Set it back, or move the stage: npm run remove -- --stage ${stage}, which keeps the data, then deploy, and copy the data`,
  );
}
