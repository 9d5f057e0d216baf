import type { Rejection } from '../../preprocess/state/rejected.ts';
import type { RunConfig } from '../config.ts';
import type { Results } from '../results.ts';

export interface ReportData extends Results {
  /** As runName gives it. */
  run: string;
  /** When the run ended. */
  date: Date;
  config: RunConfig;
  data: {
    dataset: string;
    /** Raw samples: as many as written and rejected together. */
    input: number;
    written: number;
    rejected: number;
    training: number;
    validation: number;
    dtype: string;
  };
  /** The rejected samples; the first of them are enough, data.rejected counts all. */
  rejected: readonly Pick<Rejection, 'id' | 'file' | 'reason'>[];
  /** Programs and their versions, in the order in which they are to be shown: `{ chirpline: '0.1.0' }`. */
  versions: Readonly<Record<string, string>>;
  /** What the model was trained on: `CPU, 2 threads`. */
  device: string;
  /** What a reader must know before trusting any number: `Simulated data with loud signals.` */
  note?: string;
}
