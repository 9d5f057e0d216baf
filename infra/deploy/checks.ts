/** What is checked before a stage is deployed or removed. */
import { ConflictError, SettingError } from '../../src/core/errors.ts';
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

/** The active runs and jobs of a stage. @throws ConflictError if there are any: removing the stage would break them off. */
export function checkIdle(stage: string, runs: readonly string[], jobs: readonly string[]): void {
  const active = [...runs.map((name) => `run ${name}`), ...jobs.map((id) => `job ${id}`)];
  if (active.length === 0) return;
  throw new ConflictError(
    `stage ${stage} is at work: ${active.join(', ')}. Wait for the end (chirpline status --stage ${stage} --watch), or chirpline cancel each`,
  );
}
