/** Graph functions that the input pipeline calls for each segment of records and for each batch. */
import { DETECTORS, SAMPLE_LENGTH } from '../../core/strain.ts';
import {
  type Attribute,
  constantOf,
  DATA_TYPES,
  type GraphFunction,
  type Node,
  shapeOf,
} from '../../tensorflow/graph/graph.ts';

const { float32, int32, int64, string, variant } = DATA_TYPES;

/** Arguments that describe a segment. */
export const SEGMENT = [
  { name: 'file', type: string },
  { name: 'offset', type: int64 },
  { name: 'skip', type: int64 },
  { name: 'take', type: int64 },
] as const;

/** Attributes of a dataset of serialized records. */
export const SERIALIZED = {
  output_types: { list: { type: [string] } },
  output_shapes: { list: { shape: [shapeOf([])] } },
};
/** Shape of a batch's signals, whose bytes are taken as int32 (tensorflow/graph/encoded.ts). */
export const signalsShape = (dtype: 'float16' | 'float32'): number[] => [
  -1,
  DETECTORS.length,
  dtype === 'float16' ? SAMPLE_LENGTH / 2 : SAMPLE_LENGTH,
];
/** Bytes per read. */
const READ_BUFFER = 1 << 20;

export const READ_SEGMENT = 'read_segment';
export const DECODE_BATCH = 'decode_batch';

const constant = (name: string, attr: Record<string, Attribute>): Node => ({
  name,
  op: 'Const',
  input: [],
  attr,
});

/** The serialized records of a segment, as a dataset. */
export function readSegment(): GraphFunction {
  const text = (name: string) => constant(name, constantOf('string', [], [Buffer.alloc(0)]));
  const nodes: Node[] = [
    text('uncompressed'),
    constant('buffer', constantOf('int64', [], BigInt64Array.of(BigInt(READ_BUFFER)))),
    constant('first', constantOf('int32', [], Int32Array.of(0))),
    // TFRecordDatasetV2 takes lists of files and offsets.
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

/** Decodes serialized examples to signals, labels and ids. A signal that doesn't have 3 x 4096 values is an error. */
export function decodeBatch(dtype: 'float16' | 'float32'): GraphFunction {
  const shape = signalsShape(dtype);
  const names = ['id', 'label', 'signal'].map((name) => Buffer.from(name));
  const none = constantOf('string', [0], []);
  const nodes: Node[] = [
    constant('none', none),
    constant('keys', constantOf('string', [names.length], names)),
    // A default makes a feature optional. An empty default makes it required.
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
      attr: { out_type: { type: int32 }, little_endian: { b: true } },
    },
    constant('shape', constantOf('int32', [shape.length], Int32Array.from(shape))),
    {
      name: 'signals',
      op: 'Reshape',
      input: ['numbers:output:0', 'shape:output:0'],
      attr: { T: { type: int32 }, Tshape: { type: int32 } },
    },
  ];
  return {
    name: DECODE_BATCH,
    arguments: [{ name: 'serialized', type: string }],
    results: [
      { name: 'signals', type: int32, from: 'signals:output:0' },
      { name: 'labels', type: float32, from: 'labels:y:0' },
      { name: 'ids', type: string, from: 'parsed:dense_values:0' },
    ],
    nodes,
  };
}
