import { InputError, NotFoundError } from '../core/errors.ts';
import { initialWeights, type Weights } from '../model/weights.ts';
import { type PsdFile, readPsd } from '../preprocess/average-psd.ts';
import { PSD_KEY } from '../preprocess/state/record-keys.ts';
import { createTemplateBank } from '../simulate/template-bank.ts';
import type { RecordSet } from '../training/input/records.ts';
import type { Settings } from '../training/settings.ts';

/**
 * Random weights; but the filters of `matched` are templates, whitened by the PSD of the records. Throws InputError when that isn't
 * beside them.
 */
export async function firstWeights({ preset, seed }: Settings, set: RecordSet): Promise<Weights> {
  const weights = initialWeights(preset, seed);
  if (preset !== 'matched') return weights;
  const { psd } = await readOwnPsd(set);
  const bank = weights.get('bank')!;
  return weights.set('bank', { ...bank, data: createTemplateBank(psd, seed) });
}

async function readOwnPsd({ store, metadata }: RecordSet): Promise<PsdFile> {
  const refuse = (found: string, cause?: unknown) =>
    new InputError(
      {
        object: `${store.location}${PSD_KEY}`,
        found,
        needed: 'the PSD that the records were whitened by, for the filters of the preset matched',
        advice: 'Copy it from where the records were made, or choose another preset',
      },
      { cause },
    );
  try {
    const file = await readPsd(store, PSD_KEY);
    if (metadata?.psd_sha256 === undefined || metadata.psd_sha256 === file.sha256) return file;
    throw refuse(`a PSD ${file.sha256.slice(0, 12)}, metadata.json has ${metadata.psd_sha256.slice(0, 12)}`);
  } catch (error) {
    throw error instanceof NotFoundError ? refuse('no such file', error) : error;
  }
}
