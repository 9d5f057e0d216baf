/** Shared by the commands that work on a deployed stage. */
import type { Stage } from '../cloud/deployed-stage.ts';
import { pattern } from '../core/setting.ts';
import { settingOption } from '../options/command-options.ts';

/**
 * Longer names would make the names of buckets and roles too long in some regions. With a hyphen, the rights for stage `a` would
 * include those for `a-b`: policies name resources as `chirpline-a-*`.
 */
export const STAGE = pattern(
  'the deployed stage: local, dev, prod, ...',
  'name',
  /^[a-z][a-z0-9]{0,19}$/,
  '1-20 lower-case letters or digits, the first a letter',
);

export const stageOption = () => settingOption('stage', STAGE, 'dev');

/** Calls `work` with the stage. Errors from AWS become errors that say what to do. */
export async function withStage<T>(name: string, work: (stage: Stage) => Promise<T>): Promise<T> {
  const [{ openStage }, { explainCloudError }] = await Promise.all([
    import('../cloud/deployed-stage.ts'),
    import('../cloud/aws-errors.ts'),
  ]);
  try {
    return await work(await openStage(name));
  } catch (error) {
    throw explainCloudError(error, name);
  }
}
