/**
 * The command line of the training container: `chirpline train` as everywhere, whose settings may be given by the
 * environment too, since that is what AWS Batch, Kubernetes and `docker run` pass on. Arguments win.
 */
import { type Argument, Command } from 'commander';
import { trainCommand } from '../../src/cli/commands/train.ts';
import { printError } from '../../src/cli/terminal.ts';
import { SOFTWARE } from '../../src/core/software.ts';
import { readLocations, readSettings } from './environment.ts';

/** Runs what the words after the program's name say. Throws ChirplineError, or CommanderError after its message. */
export async function runProgram(words: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const train = trainCommand();
  const program = new Command('chirpline')
    .description(
      'Trains on preprocessed records. A setting is a flag or a variable of its name: --batch-size or BATCH_SIZE. ' +
        'BUCKET and DATASET stand for RECORDS and OUT.',
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
  // Of an option that comes twice the last is taken.
  const all = [command, ...defaults, ...readSettings(train.options, env, given), ...given];
  await program.parseAsync(all, { from: 'user' });
}

function makeOptional(argument: Argument, value: string): void {
  argument.required = false;
  argument.default(value);
}
