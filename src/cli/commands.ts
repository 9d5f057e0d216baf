/** The command line: its commands, each a file in commands/. */
import { Command, CommanderError } from 'commander';
import { SOFTWARE } from '../core/software.ts';
import { printError } from './terminal.ts';

/** Name, what `chirpline --help` says, and the command. Only the one that the arguments name is loaded: all take 0.1 s. */
const COMMANDS: readonly [name: string, description: string, load: () => Promise<Command>][] = [
  [
    'simulate',
    'make G2Net-like samples (signals in noise) with the folders and labels of Kaggle',
    async () => (await import('./commands/simulate.ts')).simulateCommand(),
  ],
  [
    'preprocess',
    'convert raw samples to TFRecord shards',
    async () => (await import('./commands/preprocess.ts')).preprocessCommand(),
  ],
  [
    'train',
    'train a model on records, or resume from a checkpoint',
    async () => (await import('./commands/train.ts')).trainCommand(),
  ],
  [
    'oof',
    'join the validation predictions of all folds, and score them (out-of-fold predictions)',
    async () => (await import('./commands/oof.ts')).oofCommand(),
  ],
  [
    'predict',
    'predict the probability of a signal for each sample',
    async () => (await import('./commands/predict.ts')).predictCommand(),
  ],
  [
    'evaluate',
    'score models on labelled records: AUC, recall at low false-alarm rates, efficiency',
    async () => (await import('./commands/evaluate.ts')).evaluateCommand(),
  ],
  [
    'compare',
    'compare trainings: settings that differ, learning curves, ROC curves, AUC, recall',
    async () => (await import('./commands/compare.ts')).compareCommand(),
  ],
  [
    'export',
    'export a trained model as a SavedModel or an ONNX file',
    async () => (await import('./commands/export.ts')).exportCommand(),
  ],
  [
    'run',
    'preprocess raw samples, train on them, and write all artifacts',
    async () => (await import('./commands/run.ts')).runCommand(),
  ],
  [
    'merge',
    'merge shards into one train.tfrecord for the Python pipeline',
    async () => (await import('./commands/merge.ts')).mergeCommand(),
  ],
  [
    'inspect',
    'show and check a .npy, .npz, .tar, .tfrecord or metadata.json',
    async () => (await import('./commands/inspect.ts')).inspectCommand(),
  ],
  [
    'doctor',
    'check this machine or, with --stage, a stage in the cloud, and say how to fix what is missing',
    async () => (await import('./commands/doctor.ts')).doctorCommand(),
  ],
  [
    'estimate',
    'predict requests, time and cost of a run on AWS, before anything starts',
    async () => (await import('./commands/estimate.ts')).estimateCommand(),
  ],
  [
    'upload',
    'upload raw samples, then the labels, which start the run',
    async () => (await import('./commands/upload.ts')).uploadCommand(),
  ],
  [
    'submit',
    'submit a training job, or with --folds one per fold',
    async () => (await import('./commands/submit.ts')).submitCommand(),
  ],
  [
    'status',
    'show the runs, training jobs and dead letters of a stage',
    async () => (await import('./commands/status.ts')).statusCommand(),
  ],
  [
    'cancel',
    'stop a run with its training job, or a single training job',
    async () => (await import('./commands/cancel.ts')).cancelCommand(),
  ],
  [
    'redrive',
    'resend dead letters, and start new runs to finish failed ones',
    async () => (await import('./commands/redrive.ts')).redriveCommand(),
  ],
  [
    'kaggle',
    'preprocess, train and predict on Kaggle',
    async () => (await import('./commands/kaggle.ts')).kaggleCommand(),
  ],
];

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
  // The command comes first, or after `help`.
  const named = process.argv.slice(2, 4);
  for (const [name, description, load] of COMMANDS) {
    const command = named.includes(name) ? await load() : new Command(name);
    program.addCommand(
      command
        .description(description)
        .configureOutput({ writeErr: printError })
        .exitOverride()
        .showHelpAfterError(`(chirpline ${name} --help shows its options)`),
    );
  }
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander has already printed its message (usage, help, version).
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}
