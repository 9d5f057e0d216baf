/** Sends state changes as events and output as log lines to the emulator, as AWS Batch does on AWS. */
import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { Attempt, Job } from './job.ts';

export interface Reports {
  /** Sends the state of a job. Events are sent in the order of the calls. */
  state(job: Job): void;
  /** Sends the output of an attempt since the last call. */
  output(job: Job, attempt: Attempt): Promise<void>;
  /** Resolves when everything is sent. */
  settled(): Promise<void>;
}

/** Not `aws.batch`: only AWS may use this source, and the emulator refuses it too. */
const SOURCE = 'local.batch';
const LOG_GROUP = 'awslogs-group';
const READ_SIZE = 1 << 16;

export function createReports(report: (error: unknown) => void): Reports {
  const events = new EventBridgeClient({});
  const logs = new CloudWatchLogsClient({});
  const positions = new Map<string, Position>();
  const created = new Set<string>();
  let queue: Promise<void> = Promise.resolve();

  async function createStream(logGroupName: string, logStreamName: string): Promise<void> {
    if (created.has(logStreamName)) return;
    for (const command of [
      new CreateLogGroupCommand({ logGroupName }),
      new CreateLogStreamCommand({ logGroupName, logStreamName }),
    ]) {
      try {
        await logs.send(command as CreateLogStreamCommand);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'ResourceAlreadyExistsException') throw error;
      }
    }
    created.add(logStreamName);
  }

  return {
    state({ detail }) {
      const entry = {
        Source: SOURCE,
        DetailType: 'Batch Job State Change',
        Resources: [detail.jobArn ?? ''],
        Detail: JSON.stringify(detail),
      };
      queue = queue
        .then(async () => {
          const { FailedEntryCount, Entries } = await events.send(new PutEventsCommand({ Entries: [entry] }));
          if (FailedEntryCount) throw new Error(`event refused: ${JSON.stringify(Entries)}`);
        })
        .catch(report);
    },

    async output({ detail }, { log, logStream }) {
      const logGroupName = detail.container?.logConfiguration?.options?.[LOG_GROUP];
      if (logGroupName === undefined) return;
      const position = positions.get(log) ?? { offset: 0, rest: '', decoder: new StringDecoder('utf8') };
      positions.set(log, position);
      const text = position.rest + readFrom(log, position);
      const lines = text.split('\n');
      position.rest = lines.pop() ?? '';
      const messages = lines.filter((line) => line.trim() !== '');
      if (messages.length === 0) return;
      try {
        await createStream(logGroupName, logStream);
        const timestamp = Date.now();
        await logs.send(
          new PutLogEventsCommand({
            logGroupName,
            logStreamName: logStream,
            logEvents: messages.map((message) => ({ message, timestamp })),
          }),
        );
      } catch (error) {
        report(error);
      }
    },

    settled: () => queue,
  };
}

interface Position {
  offset: number;
  /** The start of a line that has no end yet. */
  rest: string;
  /** Keeps the start of a character that has no end yet. */
  decoder: StringDecoder;
}

function readFrom(file: string, position: Position): string {
  const handle = openSync(file, 'r');
  try {
    const parts: Buffer[] = [];
    for (;;) {
      const buffer = Buffer.alloc(READ_SIZE);
      const length = readSync(handle, buffer, 0, READ_SIZE, position.offset);
      if (length === 0) return position.decoder.write(Buffer.concat(parts));
      position.offset += length;
      parts.push(buffer.subarray(0, length));
    }
  } finally {
    closeSync(handle);
  }
}
