/**
 * The command line of the training container: `chirpline train`, which also takes its settings from the environment,
 * since that is what AWS Batch, Kubernetes and `docker run` pass on. Arguments take precedence.
 */
import { type Argument, Command } from 'commander';
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
      'Trains on preprocessed records. Each setting is a flag or an environment variable: --batch-size or BATCH_SIZE. ' +
        'BUCKET and DATASET replace RECORDS and OUT.',
    )
    .version(SOFTWARE.version)
    .configureOutput({ writeErr: printError })
    .exitOverride()
    .addCommand(train.configureOutput({ writeErr: printError }).exitOverride());
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
