/**
 * TensorBoard event files: TFRecords of tensorflow.Event. The schema has the fields in use from
 * https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/{event,summary}.proto.
 */
import protobuf from 'protobufjs/light.js';
import { frameRecord } from '../records/tfrecord.ts';
import { TENSOR_MESSAGES, type TensorValue } from '../tensorflow/graph/tensor.ts';

/** Has one of fileVersion, sessionLog and summary. */
export interface Event {
  /** Seconds since 1970. */
  wallTime: number;
  step?: number;
  fileVersion?: string;
  sessionLog?: { status: number };
  summary?: { value: readonly SummaryValue[] };
}

export interface SummaryValue {
  tag: string;
  tensor: TensorValue;
  metadata: { pluginData: { pluginName: string }; dataClass: number };
}

/** fileVersion of the first event of each file. */
export const FILE_VERSION = 'brain.Event:2';

/** SessionLog.START: a process starts at this step. TensorBoard ignores what an earlier one logged from this step on. */
export const SESSION_START = 1;

/** The TensorBoard plugin that shows a tag, and the class of its data. */
export const SCALARS = { pluginData: { pluginName: 'scalars' }, dataClass: 1 } as const;
export const HISTOGRAMS = { pluginData: { pluginName: 'histograms' }, dataClass: 2 } as const;

export function encodeEvents(events: readonly Event[]): Uint8Array {
  return Buffer.concat(events.map((event) => frameRecord(EVENT.encode(event).finish())));
}

const EVENT = protobuf.Root.fromJSON({
  nested: {
    Event: {
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
        sessionLog: { type: 'SessionLog', id: 7 },
      },
    },
    SessionLog: { fields: { status: { type: 'int32', id: 1 } } },
    Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
    Value: {
      fields: {
        tag: { type: 'string', id: 1 },
        tensor: { type: 'TensorProto', id: 8 },
        metadata: { type: 'SummaryMetadata', id: 9 },
      },
    },
    SummaryMetadata: {
      fields: { pluginData: { type: 'PluginData', id: 1 }, dataClass: { type: 'int32', id: 4 } },
    },
    PluginData: { fields: { pluginName: { type: 'string', id: 1 } } },
    ...TENSOR_MESSAGES,
  },
}).lookupType('Event');
