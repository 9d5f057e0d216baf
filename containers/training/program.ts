/**
 * The command line of the container and of Kaggle: `chirpline train`, which also takes its settings from the environment, since
 * that is what AWS Batch, Kubernetes and `docker run` pass on (arguments take precedence), and what comes before and after it.
 */
import { type Argument, Command } from 'commander';
import { oofCommand } from '../../src/cli/commands/oof.ts';
import { predictCommand } from '../../src/cli/commands/predict.ts';
import { preprocessCommand } from '../../src/cli/commands/preprocess.ts';
import { trainCommand } from '../../src/cli/commands/train.ts';
import { printError } from '../../src/cli/terminal.ts';
import { SOFTWARE } from '../../src/core/software.ts';
import { readLocations, readSettings } from './environment.ts';

/**
 * Runs the words after the program's name. Throws ChirplineError, or CommanderError after Commander has printed its
 * message.
 */
export async function runProgram(words: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const train = trainCommand();
  const program = new Command('chirpline')
    .description(
      'Each setting of train is a flag or an environment variable: --batch-size or BATCH_SIZE. BUCKET and DATASET replace its ' +
        'RECORDS and OUT.',
    )
    .version(SOFTWARE.version)
    .configureOutput({ writeErr: printError })
    .exitOverride();
  for (const command of [preprocessCommand(), train, oofCommand(), predictCommand()])
    program.addCommand(command.configureOutput({ writeErr: printError }).exitOverride());
  const [command, ...given] = words;
  if (command !== train.name()) {
    await program.parseAsync(words, { from: 'user' });
    return;
  }
  const defaults: string[] = [];
  const locations = readLocations(env);
  const [records, out] = train.registeredArguments;
  if (locations && records && out) {
    makeOptional(records, locations.records);
    makeOptional(out, locations.models);
    defaults.push(`--checkpoints=${locations.checkpoints}`);
  }
  // If an option occurs twice, the last one counts.
  const all = [command, ...defaults, ...readSettings(train.options, env, given), ...given];
  await program.parseAsync(all, { from: 'user' });
}

function makeOptional(argument: Argument, value: string): void {
  argument.required = false;
  argument.default(value);
}
