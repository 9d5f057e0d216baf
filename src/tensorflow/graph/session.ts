import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-node-gpu';
import { MachineError } from '../../core/errors.ts';
import { nodeBackend, type TF } from './bind.ts';
import { type Graph, TAG } from './graph.ts';

/** A graph that TensorFlow has loaded, with its variables. */
export interface Session {
  /**
   * Computes the `fetched` outputs (`node:0`) in one call. `fed` holds the values of the placeholders. The caller (or
   * tf.tidy) disposes of the returned tensors.
   */
  run(fed: ReadonlyMap<string, Tensor>, fetched: readonly string[]): Tensor[];
  dispose(): void;
}

/** Loads the graph through a temporary file, which is removed before this returns. */
export function openSession(tf: TF, graph: Graph): Session {
  const backend = nodeBackend(tf);
  const id = load(graph.encode(), (folder) => backend.loadSavedModelMetaGraph(folder, TAG));
  return {
    run: (fed, fetched) => {
      const placeholders = [...fed].map(([name, { dtype }]) => ({ name: `${name}:0`, dtype }));
      return backend.runSavedModel(id, [...fed.values()], placeholders, [...fetched]);
    },
    dispose: () => backend.deleteSavedModel(id),
  };
}

/** Writes a SavedModel to a temporary folder, which exists while `use` runs. */
function load(model: Uint8Array, use: (folder: string) => number): number {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'chirpline-graph-'));
    writeFileSync(join(folder, 'saved_model.pb'), model);
    return use(folder);
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw new MachineError(
      `${tmpdir()}: cannot write the graph that TensorFlow loads (${error.message}). Set TMPDIR to another folder`,
      { cause: error },
    );
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}
