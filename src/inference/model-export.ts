/** Exports a trained model to formats that other programs run. */
import { ConflictError, PreconditionError } from '../core/errors.ts';
import { sha256 } from '../core/sha256.ts';
import { foldFilters } from '../export/filters.ts';
import { foldNetwork } from '../export/network.ts';
import { encodeOnnx } from '../export/onnx-model.ts';
import { encodeSavedModel } from '../export/saved-model.ts';
import { isConvolutional, type Preset } from '../model/presets.ts';
import type { ObjectStore } from '../storage/store.ts';
import { readModel } from './model-file.ts';
import { readPreprocessing } from './model-recipe.ts';

export const EXPORT_FORMATS = ['savedmodel', 'onnx'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** The only file in a SavedModel's folder. */
export const SAVED_MODEL_KEY = 'saved_model.pb';

export interface Exported {
  preset: Preset;
  /** Size of the file. */
  bytes: number;
  sha256: string;
}

/**
 * Exports the model with weights file `key` in `models` to `outKey` in `out`. Idempotent: the same model gives the same
 * bytes.
 *
 * Throws NotFoundError or InputError when `key` is not a model's weights, and ConflictError when `outKey` exists with other
 * bytes, or the folder of a SavedModel holds another file: TensorFlow reads that whole folder as one model.
 */
export async function exportModel(
  models: ObjectStore,
  key: string,
  format: ExportFormat,
  out: ObjectStore,
  outKey: string,
): Promise<Exported> {
  const { preset, weights } = await readModel(models, key);
  const network = isConvolutional(preset) ? foldNetwork(preset, weights) : foldFilters(weights);
  let bytes: Uint8Array;
  if (format === 'onnx') {
    const preprocessing = await readPreprocessing(models, key);
    bytes = encodeOnnx(network, {
      preset,
      ...(preprocessing && {
        recipe_hash: preprocessing.recipeHash,
        psd_sha256: preprocessing.psdSha256,
      }),
    });
  } else {
    bytes = encodeSavedModel(network);
    for await (const { key: found } of out.list('')) if (found !== outKey) throw occupied(out, found);
  }
  await publish(out, outKey, bytes);
  return { preset, bytes: bytes.length, sha256: sha256(bytes).toString('hex') };
}

/** Writes the file, unless it already exists with the same bytes. */
async function publish(out: ObjectStore, key: string, bytes: Uint8Array): Promise<void> {
  try {
    await out.write(key, bytes, { ifAbsent: true });
  } catch (error) {
    if (!(error instanceof PreconditionError)) throw error;
    const existing = await out.head(key);
    if (existing?.size !== bytes.length || Buffer.compare(await out.read(key), bytes) !== 0) {
      throw occupied(out, key, error);
    }
  }
}

function occupied(out: ObjectStore, key: string, cause?: unknown): ConflictError {
  return new ConflictError(
    `${out.location}${key} already exists and is not this model. Choose another path with --out, or remove it`,
    { cause },
  );
}
