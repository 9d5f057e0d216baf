import type { Rejection } from '../../preprocess/state/rejected.ts';
import type { RunConfig } from '../config.ts';
import type { Results } from '../results.ts';

export interface ReportData extends Results {
  /** Name from runName. */
  run: string;
  /** When the training ended. */
  date: Date;
  config: RunConfig;
  data: {
    dataset: string;
    /** Number of raw samples: written + rejected. */
    input: number;
    written: number;
    rejected: number;
    training: number;
    validation: number;
    dtype: string;
  };
  /** The rejected samples, or only the first of them; data.rejected counts all. */
  rejected: readonly Pick<Rejection, 'id' | 'file' | 'reason'>[];
  /** Programs and their versions, in display order: `{ chirpline: '0.1.0' }`. */
  versions: Readonly<Record<string, string>>;
  /** Device that trained the model: `CPU, 2 threads`. */
  device: string;
  /** A caveat for the reader: `Simulated data with loud signals.` */
  note?: string;
}
