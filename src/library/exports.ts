/**
 * The library: `import { ... } from 'chirpline'`. Every export is documented where it is defined, with an example that a test
 * runs, and the list of exports is a snapshot (test/library/): removing or changing one needs a new major
 * version, or a minor one before 1.0.0.
 */

export {
  BusyError,
  ChirplineError,
  ConflictError,
  InputError,
  type InputErrorFields,
  MachineError,
  NotFoundError,
  PreconditionError,
  SettingError,
  StoppedError,
  TooManyRejectedError,
} from '../core/errors.ts';
export type { Observer, Progress } from '../core/progress.ts';
export {
  DETECTORS,
  type Detector,
  type Psd,
  SAMPLE_LENGTH,
  SAMPLE_RATE,
  SAMPLE_SIZE,
  SPECTRUM_LENGTH,
  type Strain,
} from '../core/strain.ts';
export type { NpyArray } from '../numpy/dtype.ts';
export { encodeNpy, parseNpy } from '../numpy/npy.ts';
export { readNpz, writeNpz } from '../numpy/npz.ts';
export type { RecordDType } from '../records/record-dtype.ts';
export { RECIPE, recipeHash } from '../signal/recipe.ts';
export type { Injection, SimulatedSample } from '../simulate/simulated-sample.ts';
export { type SimulatedDataset, type SimulateSettings, simulateDataset } from '../simulate/simulation-run.ts';
export type { GivenSettings, SimulationSettings } from '../simulate/simulation-settings.ts';
export { createSimulator, type Simulator } from '../simulate/simulator.ts';
export type { Source } from '../simulate/source.ts';
export { openStore } from '../storage/open.ts';
export type {
  ByteRange,
  ListOptions,
  LocalFolder,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
  WriteOptions,
} from '../storage/store.ts';
export { type Prediction, type PredictOptions, predict, type RejectedSample } from './predict-samples.ts';
export { type PreprocessedDataset, type PreprocessOptions, preprocessDataset } from './preprocess-dataset.ts';
export { createPreprocessor } from './preprocess-sample.ts';
export { estimatePsd, readPsd, writePsd } from './psd-file.ts';
export { type RawSample, readSamples } from './raw-samples.ts';
export { type LabelledRecord, readRecords, writeRecords } from './record-file.ts';
