/** The command line: its commands, each a file in commands/. */
import { Command, CommanderError } from 'commander';
import { SOFTWARE } from '../core/software.ts';
import { cancelCommand } from './commands/cancel.ts';
import { compareCommand } from './commands/compare.ts';
import { doctorCommand } from './commands/doctor.ts';
import { estimateCommand } from './commands/estimate.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { exportCommand } from './commands/export.ts';
import { inspectCommand } from './commands/inspect.ts';
import { kaggleCommand } from './commands/kaggle.ts';
import { mergeCommand } from './commands/merge.ts';
import { oofCommand } from './commands/oof.ts';
import { predictCommand } from './commands/predict.ts';
import { preprocessCommand } from './commands/preprocess.ts';
import { redriveCommand } from './commands/redrive.ts';
import { runCommand } from './commands/run.ts';
import { simulateCommand } from './commands/simulate.ts';
import { statusCommand } from './commands/status.ts';
import { submitCommand } from './commands/submit.ts';
import { trainCommand } from './commands/train.ts';
import { uploadCommand } from './commands/upload.ts';
import { printError } from './terminal.ts';

const program = new Command('chirpline')
  .configureOutput({ writeErr: printError })
  .description('Turns raw gravitational-wave strain into TFRecord shards and trains a 1D CNN.')
  .version(SOFTWARE.version)
  .exitOverride()
  .showHelpAfterError('(chirpline --help lists the commands)')
  // Without the arguments, the listing fits into 80 columns.
  .configureHelp({ subcommandTerm: (command) => command.name() })
  .addHelpText(
    'after',
    '\nchirpline COMMAND --help shows the arguments and options of a command.' +
      '\nRAW, RECORDS and OUT are folders or s3:// locations.\n\nExample:\n' +
      '  chirpline simulate raw --samples 2000 --seed 1 && chirpline run raw out',
  );
for (const command of [
  simulateCommand(),
  preprocessCommand(),
  trainCommand(),
  oofCommand(),
  predictCommand(),
  evaluateCommand(),
  compareCommand(),
  exportCommand(),
  runCommand(),
  mergeCommand(),
  inspectCommand(),
  doctorCommand(),
  estimateCommand(),
  uploadCommand(),
  submitCommand(),
  statusCommand(),
  cancelCommand(),
  redriveCommand(),
  kaggleCommand(),
]) {
  program.addCommand(
    command
      .configureOutput({ writeErr: printError })
      .exitOverride()
      .showHelpAfterError(`(chirpline ${command.name()} --help shows its options)`),
  );
}

// A reader may close the pipe early: `chirpline inspect FILE | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  printError(`chirpline: cannot write to standard output: ${error.message}\n`);
  process.exit(3);
});
// When progress can't be written (a closed pipe, a full disk under a log), the work still continues.
process.stderr.on('error', () => {});

/** Runs the command that the arguments name, and rethrows its errors. */
export async function runProgram(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander has already printed its message (usage, help, version).
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}
