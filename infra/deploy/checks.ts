/** What is checked before a stage is deployed or removed. */
import { ConflictError, SettingError } from '../../src/core/errors.ts';

export type Settings = Record<string, unknown>;

const oneOf = (...words: string[]) => ({
  needed: words.map((word) => `'${word}'`).join(' or '),
  accepts: (value: unknown) => words.includes(value as string),
});
const text = (needed: string, pattern: RegExp) => ({
  needed,
  accepts: (value: unknown) => typeof value === 'string' && pattern.test(value),
});
const vpc = text('the id of a VPC, such as vpc-0a1b2c3d', /^vpc-[0-9a-f]{8,17}$/);
const subnet = text('the id of a subnet', /^subnet-[0-9a-f]{8,17}$/);
const isPositive = (value: unknown) => Number.isFinite(value) && (value as number) > 0;
const isOff = (value: unknown) => value === null;

/** Settings that choose resources: AWS would report a wrong one late, or do without it. */
const CHECKED: Record<string, { needed: string; accepts: (value: unknown) => boolean }> = {
  training: oneOf('on', 'off'),
  dashboard: oneOf('on', 'off'),
  budget: oneOf('on', 'off'),
  network: oneOf('stage', 'own'),
  monthlyBudget: { needed: 'a number of dollars', accepts: isPositive },
  rawArchiveDays: {
    needed: 'a whole number of days, or null',
    accepts: (value) => isOff(value) || (Number.isInteger(value) && isPositive(value)),
  },
  bucket: {
    needed: 'the name of a bucket, or null',
    accepts: (value) => isOff(value) || text('', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/).accepts(value),
  },
  vpc: { needed: `${vpc.needed}, or null`, accepts: (value) => isOff(value) || vpc.accepts(value) },
  subnets: {
    needed: 'a list such as [subnet-0a1b2c3d, subnet-4e5f6a7b], or null',
    accepts: (value) =>
      isOff(value) || (Array.isArray(value) && value.length > 0 && value.every(subnet.accepts)),
  },
};

/** @throws SettingError for settings that are wrong or contradict each other. @param file where they are */
export function checkSettings(settings: Settings, file: string): void {
  for (const [name, { needed, accepts }] of Object.entries(CHECKED)) {
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

/** The active runs and jobs of a stage. @throws ConflictError if there are any: removing the stage would break them off. */
export function checkIdle(stage: string, runs: readonly string[], jobs: readonly string[]): void {
  const active = [...runs.map((name) => `run ${name}`), ...jobs.map((id) => `job ${id}`)];
  if (active.length === 0) return;
  throw new ConflictError(
    `stage ${stage} is at work: ${active.join(', ')}. Wait for the end (chirpline status --stage ${stage} --watch), or chirpline cancel each`,
  );
}
