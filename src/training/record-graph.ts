/**
 * TensorFlow's own input pipeline as a graph: shards are read, shuffled, cut into batches and decoded on its threads,
 * ahead of the training, and no byte of a sample enters JavaScript.
 */
import { DETECTORS, SAMPLE_LENGTH } from '../strain.ts';
import {
  type Attribute,
  constantOf,
  createGraph,
  DATA_TYPES,
  type DataTypeName,
  type Graph,
  type Node,
  shapeOf,
} from '../tensorflow/graph.ts';

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

const { float32, int32, int64, string, variant } = DATA_TYPES;
/** Bytes that are read at once. */
const READ_BUFFER = 1 << 20;

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

const SEGMENT = [
  { name: 'file', type: string },
  { name: 'offset', type: int64 },
  { name: 'skip', type: int64 },
  { name: 'take', type: int64 },
] as const;

const SERIALIZED = {
  output_types: { list: { type: [string] } },
  output_shapes: { list: { shape: [shapeOf([])] } },
};
const BATCH_TYPES = [float32, float32, string];
const SIGNALS = [-1, DETECTORS.length, SAMPLE_LENGTH];
const DECODED = {
  output_types: { list: { type: BATCH_TYPES } },
  output_shapes: { list: { shape: [shapeOf(SIGNALS), shapeOf([-1]), shapeOf([-1])] } },
};

const READ_SEGMENT = 'read_segment';
const DECODE_BATCH = 'decode_batch';

const constant = (name: string, attr: Record<string, Attribute>): Node => ({
  name,
  op: 'Const',
  input: [],
  attr,
});

/** The serialized records of a segment, as a dataset. */
function readSegment() {
  const text = (name: string) => constant(name, constantOf('string', [], [Buffer.alloc(0)]));
  const nodes: Node[] = [
    text('uncompressed'),
    constant('buffer', constantOf('int64', [], BigInt64Array.of(BigInt(READ_BUFFER)))),
    constant('first', constantOf('int32', [], Int32Array.of(0))),
    // The reader takes lists.
    {
      name: 'files',
      op: 'ExpandDims',
      input: ['file', 'first:output:0'],
      attr: { T: { type: string }, Tdim: { type: int32 } },
    },
    {
      name: 'offsets',
      op: 'ExpandDims',
      input: ['offset', 'first:output:0'],
      attr: { T: { type: int64 }, Tdim: { type: int32 } },
    },
    {
      name: 'records',
      op: 'TFRecordDatasetV2',
      input: ['files:output:0', 'uncompressed:output:0', 'buffer:output:0', 'offsets:output:0'],
      attr: {},
    },
    { name: 'skipped', op: 'SkipDataset', input: ['records:handle:0', 'skip'], attr: SERIALIZED },
    { name: 'taken', op: 'TakeDataset', input: ['skipped:handle:0', 'take'], attr: SERIALIZED },
  ];
  return {
    name: READ_SEGMENT,
    arguments: SEGMENT,
    results: [{ name: 'dataset', type: variant, from: 'taken:handle:0' }],
    nodes,
  };
}

/** Signals, labels and ids of serialized examples. A length other than that of 3 x 4096 numbers is an error. */
function decodeBatch(dtype: number) {
  const names = ['id', 'label', 'signal'].map((name) => Buffer.from(name));
  const none = constantOf('string', [0], []);
  const nodes: Node[] = [
    constant('none', none),
    constant('keys', constantOf('string', [names.length], names)),
    // What a record may lack has a default; an empty one says that it must be there.
    constant('no_id', constantOf('string', [], [Buffer.alloc(0)])),
    constant('no_label', constantOf('int64', [0], new BigInt64Array(0))),
    constant('no_signal', none),
    {
      name: 'parsed',
      op: 'ParseExampleV2',
      input: [
        'serialized',
        'none:output:0',
        'none:output:0',
        'keys:output:0',
        'none:output:0',
        'no_id:output:0',
        'no_label:output:0',
        'no_signal:output:0',
      ],
      attr: {
        Tdense: { list: { type: [string, int64, string] } },
        dense_shapes: { list: { shape: names.map(() => shapeOf([])) } },
        num_sparse: { i: 0 },
        sparse_types: { list: { type: [] } },
        ragged_value_types: { list: { type: [] } },
        ragged_split_types: { list: { type: [] } },
      },
    },
    {
      name: 'labels',
      op: 'Cast',
      input: ['parsed:dense_values:1'],
      attr: { SrcT: { type: int64 }, DstT: { type: float32 } },
    },
    {
      name: 'numbers',
      op: 'DecodeRaw',
      input: ['parsed:dense_values:2'],
      attr: { out_type: { type: dtype }, little_endian: { b: true } },
    },
    constant('shape', constantOf('int32', [SIGNALS.length], Int32Array.from(SIGNALS))),
    {
      name: 'shaped',
      op: 'Reshape',
      input: ['numbers:output:0', 'shape:output:0'],
      attr: { T: { type: dtype }, Tshape: { type: int32 } },
    },
    {
      name: 'signals',
      op: 'Cast',
      input: ['shaped:output:0'],
      attr: { SrcT: { type: dtype }, DstT: { type: float32 } },
    },
  ];
  return {
    name: DECODE_BATCH,
    arguments: [{ name: 'serialized', type: string }],
    results: [
      { name: 'signals', type: float32, from: 'signals:y:0' },
      { name: 'labels', type: float32, from: 'labels:y:0' },
      { name: 'ids', type: string, from: 'parsed:dense_values:0' },
    ],
    nodes,
  };
}
