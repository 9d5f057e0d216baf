/**
 * TensorFlow's own input pipeline as a graph. It reads, shuffles, batches and decodes the records on its own threads, ahead
 * of the training, so no byte of a sample enters JavaScript. It is a session of its own, whose batches are fed to the
 * graph of a step by reference: the step needs to know nothing of files, and the short last batch can go to another graph.
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
  signalsShape,
} from './record-functions.ts';

/** Inputs that start a pass, by the names of their placeholders. */
export const PASS_INPUTS = {
  /** For each segment: its file, its offset there, the number of records to skip, the number to take. */
  files: 'string',
  /** As text, since tfjs has no int64 and a file may be larger than 2 GB. */
  offsets: 'string',
  skips: 'int32',
  takes: 'int32',
  /** Number of segments that are interleaved. */
  interleaved: 'int32',
  /** Size of the shuffle buffer [records]; 1 keeps the order. */
  buffer: 'int32',
  /** [2] */
  seeds: 'int32',
  /** Number of records that a resumed pass skips. */
  done: 'int32',
} as const satisfies Record<string, DataTypeName>;

/** Output that starts a pass. */
export const STARTED = 'started:0';
/** Outputs of the next batch: signals as int32 (signalsShape), labels [b] as float32, ids [b]. */
export const BATCH = ['signals:0', 'labels:0', 'ids:0'] as const;

/** Records that are read from one segment before the next one has its turn. */
const BLOCK = 16;
/** Batches that are decoded in parallel, and decoded batches that wait. */
const DECODERS = 2;
const PREFETCHED = 2;
/** Most batches that can have left the shuffle buffer before the training requests them. */
export const BATCHES_AHEAD = DECODERS + PREFETCHED + 1;

const { float32, int32, int64, string } = DATA_TYPES;

/**
 * tensorflow.data.Options, serialized: autotune_options { enabled: false }. There is nothing to tune, but the tuning
 * thread may stay asleep when a pass ends, and the next pass waits for it: as long as the last pass took, up to a minute.
 */
const WITHOUT_AUTOTUNE = Buffer.from([0x3a, 2, 0x08, 0]);

/** @param dtype Type of the signals in the records. */
export function createRecordGraph(batchSize: number, dtype: 'float16' | 'float32'): Graph {
  const graph = createGraph();
  graph.define(readSegment());
  graph.define(decodeBatch(dtype));
  const decodedTypes = {
    output_types: { list: { type: BATCH_TYPES } },
    output_shapes: { list: { shape: [shapeOf(signalsShape(dtype)), shapeOf([-1]), shapeOf([-1])] } },
  };

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
    ...decodedTypes,
  });
  const ready = graph.add('PrefetchDataset', [decoded, count(PREFETCHED)], decodedTypes);
  const untuned = graph.add('OptionsDataset', [ready], {
    serialized_options: { s: WITHOUT_AUTOTUNE },
    ...decodedTypes,
  });
  const iterator = graph.add('IteratorV2', [], {
    shared_name: { s: Buffer.from('batches') },
    container: { s: Buffer.alloc(0) },
    ...decodedTypes,
  });
  const made = graph.add('MakeIterator', [untuned, iterator]);
  const done = graph.constant('int32', [], Int32Array.of(0));
  graph.add('Identity', [done, `^${made}`], { T: { type: int32 } }, nodeOf(STARTED));
  const next = graph.add('IteratorGetNext', [iterator], decodedTypes);
  for (const [i, output] of BATCH.entries())
    graph.add('Identity', [`${next}:${i}`], { T: { type: BATCH_TYPES[i]! } }, nodeOf(output));
  return graph;
}

const nodeOf = (output: string): string => output.replace(/:0$/, '');

const BATCH_TYPES = [int32, float32, string];
