/**
 * TensorFlow's own input pipeline as a graph: shards are read, shuffled, cut into batches and decoded on its threads,
 * ahead of the training, and no byte of a sample enters JavaScript.
 */
import {
  constantOf,
  createGraph,
  DATA_TYPES,
  type DataTypeName,
  type Graph,
  shapeOf,
} from '../../tensorflow/graph/graph.ts';
import {
  DECODE_BATCH,
  decodeBatch,
  READ_SEGMENT,
  readSegment,
  SEGMENT,
  SERIALIZED,
  SIGNALS,
} from './record-functions.ts';

/** What the graph is fed when a pass starts, by the names of its placeholders. */
export const PASS_INPUTS = {
  /** Of each segment the file, the offset where it begins, records to leave out there, records to take. */
  files: 'string',
  /** As text: a file may be larger than 2 GB. */
  offsets: 'string',
  skips: 'int32',
  takes: 'int32',
  /** Segments that are read in turns. */
  interleaved: 'int32',
  /** Records that the order is drawn from; 1 keeps the order. */
  buffer: 'int32',
  /** [2] */
  seeds: 'int32',
  /** Records that a resumed pass leaves out. */
  done: 'int32',
} as const satisfies Record<string, DataTypeName>;

/** Starts a pass. */
export const STARTED = 'started:0';
/** The next batch: signals [b, 3, 4096] and labels [b] as float32, ids [b]. */
export const BATCH = ['signals:0', 'labels:0', 'ids:0'] as const;

/** Records of one segment before the next one's turn. */
const BLOCK = 16;
/** Batches that are decoded at the same time, and those that wait decoded. */
const DECODERS = 2;
const PREFETCHED = 2;
/** Batches that may have been taken from the shuffle buffer before the training asks for them. */
export const BATCHES_AHEAD = DECODERS + PREFETCHED + 1;

const { float32, int32, int64, string } = DATA_TYPES;

/** @param dtype of the signals in the records. */
export function createRecordGraph(batchSize: number, dtype: 'float16' | 'float32'): Graph {
  const graph = createGraph();
  graph.define(readSegment());
  graph.define(decodeBatch(DATA_TYPES[dtype]));

  const count = (value: number) => graph.constant('int64', [], BigInt64Array.of(BigInt(value)));
  const inputs = new Map(
    Object.entries(PASS_INPUTS).map(([name, type]) => {
      const shape = name === 'seeds' ? [2] : ['interleaved', 'buffer', 'done'].includes(name) ? [] : [-1];
      graph.add(
        'Placeholder',
        [],
        { dtype: { type: DATA_TYPES[type] }, shape: { shape: shapeOf(shape) } },
        name,
      );
      if (name === 'files') return [name, name];
      const wide =
        type === 'string'
          ? graph.add('StringToNumber', [name], { out_type: { type: int64 } })
          : graph.add('Cast', [name], { SrcT: { type: int32 }, DstT: { type: int64 } });
      return [name, wide];
    }),
  );
  const input = (name: keyof typeof PASS_INPUTS) => inputs.get(name)!;
  const seed = (index: number) => {
    const at = (value: number) => graph.constant('int32', [1], Int32Array.of(value));
    return graph.add('StridedSlice', [input('seeds'), at(index), at(index + 1), at(1)], {
      T: { type: int64 },
      Index: { type: int32 },
      shrink_axis_mask: { i: 1 },
      begin_mask: { i: 0 },
      end_mask: { i: 0 },
      ellipsis_mask: { i: 0 },
      new_axis_mask: { i: 0 },
    });
  };

  const segments = graph.add(
    'TensorSliceDataset',
    [input('files'), input('offsets'), input('skips'), input('takes')],
    {
      Toutput_types: { list: { type: SEGMENT.map(({ type }) => type) } },
      output_shapes: { list: { shape: SEGMENT.map(() => shapeOf([])) } },
    },
  );
  const records = graph.add('InterleaveDataset', [segments, input('interleaved'), count(BLOCK)], {
    f: { func: { name: READ_SEGMENT } },
    Targuments: { list: { type: [] } },
    ...SERIALIZED,
  });
  const shuffled = graph.add('ShuffleDataset', [records, input('buffer'), seed(0), seed(1)], {
    reshuffle_each_iteration: { b: false },
    ...SERIALIZED,
  });
  const rest = graph.add('SkipDataset', [shuffled, input('done')], SERIALIZED);
  const dropped = graph.add('Const', [], constantOf('bool', [], Uint8Array.of(0)));
  const batches = graph.add('BatchDatasetV2', [rest, count(batchSize), dropped], {
    output_types: SERIALIZED.output_types,
    output_shapes: { list: { shape: [shapeOf([-1])] } },
  });
  const decoded = graph.add('ParallelMapDatasetV2', [batches, count(DECODERS)], {
    f: { func: { name: DECODE_BATCH } },
    Targuments: { list: { type: [] } },
    deterministic: { s: Buffer.from('true') },
    ...DECODED,
  });
  const ready = graph.add('PrefetchDataset', [decoded, count(PREFETCHED)], DECODED);
  const iterator = graph.add('IteratorV2', [], {
    shared_name: { s: Buffer.from('batches') },
    container: { s: Buffer.alloc(0) },
    ...DECODED,
  });
  const made = graph.add('MakeIterator', [ready, iterator]);
  const done = graph.constant('int32', [], Int32Array.of(0));
  graph.add('Identity', [done, `^${made}`], { T: { type: int32 } }, nodeOf(STARTED));
  const next = graph.add('IteratorGetNext', [iterator], DECODED);
  for (const [i, output] of BATCH.entries())
    graph.add('Identity', [`${next}:${i}`], { T: { type: BATCH_TYPES[i]! } }, nodeOf(output));
  return graph;
}

const nodeOf = (output: string): string => output.replace(/:0$/, '');

const BATCH_TYPES = [float32, float32, string];
const DECODED = {
  output_types: { list: { type: BATCH_TYPES } },
  output_shapes: { list: { shape: [shapeOf(SIGNALS), shapeOf([-1]), shapeOf([-1])] } },
};
