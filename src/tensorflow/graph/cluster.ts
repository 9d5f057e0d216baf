/**
 * Marks a part of a graph for XLA, which compiles it into fused kernels for the shapes at hand. TensorFlow makes a function of
 * the marked nodes before it places and optimizes the graph (tensorflow/compiler/jit/encapsulate_xla_computations_pass.cc).
 */
import type { Graph, Node } from './graph.ts';

/** Nodes with the same value of this attribute are compiled together. */
const CLUSTER = '_xla_compile_id';

/**
 * Marks the nodes that belong to a cluster for XLA, except those that draw random numbers and what these need: XLA draws other
 * numbers from the same seed, and has no gamma distribution. A cluster must read and assign its variables itself.
 */
export function markClusters(graph: Graph): void {
  const work = graph.nodes.filter(({ cluster }) => cluster !== undefined);
  const drawn = listDrawn(work);
  for (const node of work)
    if (!drawn.has(node.name)) graph.annotate(node, CLUSTER, { s: Buffer.from(node.cluster!) });
}

/** Makes the output of a marked node available outside. `type`: see DATA_TYPES. */
export function leaveCluster(graph: Graph, output: string, type: number): string {
  const T = { T: { type } };
  // An output that nothing but a fetch uses is an error of TensorFlow's pass.
  return graph.add('Identity', [graph.add('XlaClusterOutput', [output], T)], T);
}

function listDrawn(work: readonly Node[]): ReadonlySet<string> {
  const byName = new Map(work.map((node) => [node.name, node]));
  const drawn = new Set<string>();
  const visit = (name: string): void => {
    const node = byName.get(name);
    if (node === undefined || drawn.has(name)) return;
    drawn.add(name);
    for (const input of node.input) visit(input.split(':')[0]!);
  };
  for (const { name, op } of work) if (op.startsWith('StatelessRandom')) visit(name);
  return drawn;
}
