/**
 * tf.train.Example with the features `signal` (bytes), `label` (int64) and `id` (bytes).
 * https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/feature.proto
 */
import protobuf from 'protobufjs/light.js';
import { InputError } from '../core/errors.ts';

export interface Example {
  /** The sample's id; the reference's records have none. */
  id?: string | undefined;
  label: 0 | 1;
  /** The (3, 4096) array's bytes, little endian. */
  signal: Uint8Array;
}

const FEATURE_MAP: protobuf.IMapField = { keyType: 'string', type: 'Feature', id: 1 };

const SCHEMA = {
  nested: {
    BytesList: { fields: { value: { rule: 'repeated', type: 'bytes', id: 1 } } },
    FloatList: { fields: { value: { rule: 'repeated', type: 'float', id: 1, options: { packed: true } } } },
    Int64List: { fields: { value: { rule: 'repeated', type: 'int64', id: 1, options: { packed: true } } } },
    Feature: {
      oneofs: { kind: { oneof: ['bytesList', 'floatList', 'int64List'] } },
      fields: {
        bytesList: { type: 'BytesList', id: 1 },
        floatList: { type: 'FloatList', id: 2 },
        int64List: { type: 'Int64List', id: 3 },
      },
    },
    Features: { fields: { feature: FEATURE_MAP } },
    Example: { fields: { features: { type: 'Features', id: 1 } } },
  },
};

let known: protobuf.Type | undefined;

/** Made when it is first needed: most commands load this file, and few main threads read or write records. */
function exampleType(): protobuf.Type {
  known ??= protobuf.Root.fromJSON(SCHEMA).lookupType('Example');
  return known;
}

/** The record's bytes. The features' order is id, label, signal, as in TensorFlow's deterministic serialization. */
export function encodeExample({ id, label, signal }: Example): Uint8Array {
  const feature = {
    ...(id !== undefined && { id: { bytesList: { value: [Buffer.from(id)] } } }),
    label: { int64List: { value: [label] } },
    signal: { bytesList: { value: [signal] } },
  };
  return exampleType().encode({ features: { feature } }).finish();
}

/**
 * Decodes a record; the signal is a view of its bytes. Throws InputError, with the record's offset in the object, when
 * it is no Example, or when its signal or label is missing, has another type, or has more or fewer than one value.
 */
export function decodeExample(bytes: Uint8Array, object: string, offset: number): Example {
  const features = readFeatures(bytes, object, offset);
  const refuse = (found: string, needed: string) => new InputError({ object, offset, found, needed });

  function single(name: string, kind: 'bytesList' | 'int64List'): unknown {
    const feature = Object.hasOwn(features, name) ? features[name] : undefined;
    if (feature === undefined) return undefined;
    const values = feature[kind]?.value ?? [];
    if (values.length === 1) return values[0];
    const found = feature[kind] ? `${values.length} values` : `no ${kind}`;
    throw refuse(`${found} in the feature "${name}"`, `one value in its ${kind}`);
  }

  const signal = single('signal', 'bytesList');
  if (!(signal instanceof Uint8Array)) throw refuse(`the features ${list(features)}`, 'a feature "signal"');
  const value = single('label', 'int64List');
  if (value === undefined) throw refuse(`the features ${list(features)}`, 'a feature "label"');
  // protobufjs returns an int64 as a Long, whose text is the value.
  const label = String(value);
  if (label !== '0' && label !== '1') throw refuse(`the label ${label}`, '0 or 1');
  const id = single('id', 'bytesList');
  return {
    ...(id instanceof Uint8Array && { id: readText(id, object, offset) }),
    label: label === '1' ? 1 : 0,
    signal,
  };
}

type Features = Record<
  string,
  Partial<Record<'bytesList' | 'floatList' | 'int64List', { value?: unknown[] }>>
>;

function readFeatures(bytes: Uint8Array, object: string, offset: number): Features {
  try {
    const message: { feature?: Features } | null | undefined = exampleType().decode(bytes).features;
    return message?.feature ?? {};
  } catch (error) {
    const found =
      error instanceof Error
        ? `a record that can't be decoded (${error.message})`
        : "a record that can't be decoded";
    throw new InputError({ object, offset, found, needed: 'a tf.train.Example' }, { cause: error });
  }
}

function readText(bytes: Uint8Array, object: string, offset: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InputError(
      { object, offset, found: 'an id that is not UTF-8', needed: 'UTF-8' },
      { cause: error },
    );
  }
}

function list(features: Features): string {
  const names = Object.keys(features).slice(0, 20);
  return names.length === 0 ? '(none)' : names.map((name) => JSON.stringify(name)).join(', ');
}
