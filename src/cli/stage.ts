/** Shared by the commands that work on a deployed stage. */
import { InvalidArgumentError, Option } from 'commander';
import type { Stage } from '../cloud/deployed-stage.ts';

export const stageOption = () =>
  new Option('--stage <stage>', 'the deployed stage: local, dev, prod, ...')
    .default('dev')
    .argParser((text) => {
      if (/^[a-z][a-z0-9-]{0,31}$/.test(text)) return text;
      throw new InvalidArgumentError('needed: 1-32 lower-case letters, digits or -.');
    });

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
