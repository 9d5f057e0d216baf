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
   * Computes the `fetched` outputs (`node:0`) in one call; `fed` are the values of placeholders. The tensors returned
   * belong to the caller (or tf.tidy).
   */
  run(fed: ReadonlyMap<string, Tensor>, fetched: readonly string[]): Tensor[];
  dispose(): void;
}

/** Loads the graph. The file that TensorFlow loads it from is gone when this returns. */
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

/** Writes a SavedModel into a folder for as long as `use` runs. */
function load(model: Uint8Array, use: (folder: string) => number): number {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'chirpline-graph-'));
    writeFileSync(join(folder, 'saved_model.pb'), model);
    return use(folder);
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw new MachineError(
      `${tmpdir()}: no graph can be written there for TensorFlow to load (${error.message}). TMPDIR chooses another folder`,
      { cause: error },
    );
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}
