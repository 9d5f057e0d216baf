import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { after, before, describe, type TestContext, test } from 'node:test';
import { ListMultipartUploadsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { MachineError, PreconditionError } from '../../src/core/errors.ts';
import { catalogDataset } from '../../src/raw/catalog.ts';
import { openStore } from '../../src/storage/open.ts';
import { listInParts } from '../../src/storage/parallel-listing.ts';
import { createS3Store } from '../../src/storage/s3/s3-store.ts';
import type { ObjectInfo } from '../../src/storage/store.ts';
import { assertSameBytes } from '../support/bytes.ts';
import { type Emulator, findPort, setEnvironment, startEmulator } from '../support/emulator.ts';
import { makeBucket } from './bucket.ts';

const NO_AWS = {
  AWS_ACCESS_KEY_ID: undefined,
  AWS_SECRET_ACCESS_KEY: undefined,
  AWS_PROFILE: undefined,
  AWS_REGION: undefined,
  AWS_DEFAULT_REGION: undefined,
  AWS_ENDPOINT_URL: undefined,
  AWS_MAX_ATTEMPTS: undefined,
  AWS_CONFIG_FILE: '/nonexistent',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
};
const KEYS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' };

function environment(t: TestContext, variables: Record<string, string | undefined>): void {
  t.after(setEnvironment({ ...NO_AWS, ...variables }));
}

describe('a bucket', () => {
  let emulator: Emulator;
  let restore: () => void;
  before(async () => {
    emulator = await startEmulator();
    restore = setEnvironment({ ...NO_AWS, ...emulator.env });
    await makeBucket('bucket');
  });
  after(async () => {
    restore();
    await emulator.stop();
  });

  test('lists only objects under the prefix, without placeholders for folders', async () => {
    const client = new S3Client({ forcePathStyle: true });
    for (const Key of ['raw/a/', 'raw/a/1', 'raw', 'raw2/b', 'other', 'raw/']) {
      await client.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: Key.endsWith('/') ? '' : Key }));
    }
    const store = openStore('s3://bucket/raw');
    const found: string[] = [];
    for await (const { key } of store.list('')) found.push(key);
    assert.deepEqual(found, ['a/1']);
    assert.equal(store.location, 's3://bucket/raw/');
    assert.equal(Buffer.from(await store.read('a/1')).toString(), 'raw/a/1');
    assert.deepEqual(await openStore(store.location).head('a/1'), await store.head('a/1'));
  });

  test('lists invalid keys as faults, sequentially and in parts, beside all valid keys', async () => {
    const client = new S3Client({ forcePathStyle: true });
    const odd = ['notes//list.txt', 'notes//x.npy', 'train/..', 'train/./y.npy', '/z', 'train/full/'];
    for (const key of [...odd, 'notes/a.npy', 'train/b.npy', 'notes/'])
      await client.send(
        new PutObjectCommand({ Bucket: 'bucket', Key: `odd/${key}`, Body: key === 'notes/' ? '' : key }),
      );
    const store = openStore('s3://bucket/odd');
    const all: ObjectInfo[] = [];
    for await (const info of store.list('', { faults: true })) all.push(info);
    const parts: ObjectInfo[] = [];
    for await (const part of listInParts(store, () => true)) parts.push(...part);
    assert.deepEqual(parts, all);
    assert.deepEqual(
      all.filter(({ fault }) => fault !== undefined).map(({ key }) => key),
      odd.toSorted(),
    );
    assert.match(all[0]?.fault ?? '', /^found a key with an empty part, needed a relative key/);
    const sound: string[] = [];
    for await (const { key } of store.list('')) sound.push(key);
    assert.deepEqual(sound, ['notes/a.npy', 'train/b.npy']);

    const { refs, faults } = await catalogDataset(store);
    assert.deepEqual(
      refs.map(({ key }) => key),
      ['notes/a.npy', 'train/b.npy'],
    );
    assert.deepEqual(
      faults.map(({ file }) => file),
      ['notes//x.npy', 'train/./y.npy'],
    );
  });

  test('keeps no parts of a failed streamed write', async () => {
    const store = createS3Store({ bucket: 'bucket' });
    const failure = new Error('the source failed');
    async function* source() {
      for (let i = 0; i < 20; i++) yield new Uint8Array(1 << 20);
      throw failure;
    }
    await assert.rejects(store.write('big', source()), failure);
    const client = new S3Client({ forcePathStyle: true });
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'bucket' }));
    assert.deepEqual(Uploads ?? [], []);
  });

  test('that does not exist is reported with its location', async () => {
    const store = openStore('s3://no-such-bucket/x');
    const message =
      /^MachineError: cannot (read|write|list) s3:\/\/no-such-bucket\/x\/.*the bucket does not exist/;
    await assert.rejects(store.read('k'), message);
    await assert.rejects(store.write('k', new Uint8Array(1)), message);
    await assert.rejects(store.list('')[Symbol.asyncIterator]().next(), message);
  });
});

describe('when S3 is not reachable', () => {
  test('an endpoint that does not respond is named in one line', async (t) => {
    const endpoint = `http://127.0.0.1:${await findPort()}`;
    environment(t, { ...KEYS, AWS_ENDPOINT_URL: endpoint });
    const store = openStore('s3://bucket/raw');
    const isExplained = (error: unknown) =>
      error instanceof MachineError &&
      /^cannot \w+ s3:\/\/bucket\/raw\/k?: S3 can't be reached \(ECONNREFUSED\)/.test(error.message) &&
      error.message.includes(endpoint) &&
      !error.message.includes('\n');
    await assert.rejects(store.head('k'), isExplained);
    await assert.rejects(store.read('k'), isExplained);
    await assert.rejects(store.write('k', new Uint8Array(1)), isExplained);
    await assert.rejects(store.list('')[Symbol.asyncIterator]().next(), isExplained);
    await assert.rejects(store.remove('k'), isExplained);
  });

  test('missing credentials are reported with the variables to set', async (t) => {
    environment(t, { AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:9' });
    await assert.rejects(
      openStore('s3://bucket').read('k'),
      /^MachineError: .*no AWS credentials.*AWS_ACCESS_KEY_ID/,
    );
  });

  test('a missing region is reported', async (t) => {
    environment(t, { ...KEYS, AWS_REGION: undefined });
    await assert.rejects(openStore('s3://bucket').read('k'), /^SettingError: .*Set AWS_REGION/);
  });
});

describe('when requests to S3 fail', () => {
  type Answer = (request: IncomingMessage, response: ServerResponse) => void;

  /** A store whose requests get these answers, one after another; and the requests that were received. */
  async function scripted(t: TestContext, answers: Answer[]) {
    const requests: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      requests.push(request);
      request.resume();
      request.on('end', () => (answers.shift() ?? refuse(500, 'NoMoreAnswers'))(request, response));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    environment(t, { ...KEYS, AWS_ENDPOINT_URL: `http://127.0.0.1:${address.port}` });
    return { store: createS3Store({ bucket: 'bucket' }), requests };
  }

  const refuse =
    (status: number, code: string): Answer =>
    (_request, response) => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(
        `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} it is</Message></Error>`,
      );
    };

  const whole = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);

  /** Sends the bytes from `start` on, and cuts the connection at `cut`. */
  const send =
    (start: number, cut = whole.length, etag = '"v1"', headers = {}): Answer =>
    (_request, response) => {
      response.writeHead(start === 0 ? 200 : 206, {
        ...headers,
        etag,
        'content-length': whole.length - start,
      });
      response.write(whole.subarray(start, cut), () => {
        if (cut === whole.length) response.end();
        // Leave time for the bytes to arrive.
        else setTimeout(() => response.destroy(), 50);
      });
    };

  test('a read whose connection is cut resumes at the next byte of the same version', async (t) => {
    const { store, requests } = await scripted(t, [send(0, 70_000), send(70_000, 120_000), send(120_000)]);
    assertSameBytes(await store.read('k'), whole);
    assert.deepEqual(
      requests.map(({ headers }) => [headers.range, headers['if-match']]),
      [
        [undefined, undefined],
        ['bytes=70000-', '"v1"'],
        ['bytes=120000-', '"v1"'],
      ],
    );
  });

  test('a read that is cut while the object is overwritten does not mix both versions', async (t) => {
    const { store } = await scripted(t, [send(0, 70_000), refuse(412, 'PreconditionFailed')]);
    await assert.rejects(store.read('k'), PreconditionError);
  });

  test('bytes that do not match their checksum are refused', async (t) => {
    const { store } = await scripted(t, [
      send(0, whole.length, '"v1"', { 'x-amz-checksum-crc32': 'AAAAAA==' }),
    ]);
    await assert.rejects(store.read('k'), /^MachineError: cannot read s3:\/\/bucket\/k: .*checksum/);
  });

  test('throttled requests are retried', async (t) => {
    const { store, requests } = await scripted(t, [
      refuse(503, 'SlowDown'),
      refuse(500, 'InternalError'),
      send(0),
    ]);
    assertSameBytes(await store.read('k'), whole);
    assert.equal(requests.length, 3);
  });

  test('a write that meets a concurrent write is retried until the outcome is known', async (t) => {
    const conflict = refuse(409, 'ConditionalRequestConflict');
    const stored: Answer = (_request, response) => response.writeHead(200, { etag: '"mine"' }).end();
    const first = await scripted(t, [conflict, stored]);
    assert.equal((await first.store.write('k', whole, { ifAbsent: true })).etag, '"mine"');
    const second = await scripted(t, [conflict, refuse(412, 'PreconditionFailed')]);
    await assert.rejects(second.store.write('k', whole, { ifAbsent: true }), PreconditionError);
    assert.deepEqual(
      second.requests.map(({ method, headers }) => [method, headers['if-none-match']]),
      [
        ['PUT', '*'],
        ['PUT', '*'],
      ],
    );
    assert.ok(first.requests.every(({ headers }) => headers['x-amz-checksum-crc32'] !== undefined));
  });

  test("an error of S3 is reported with advice, or with S3's own message", async (t) => {
    const { store } = await scripted(t, [
      refuse(403, 'AccessDenied'),
      refuse(403, 'InvalidAccessKeyId'),
      refuse(400, 'ExpiredToken'),
      refuse(400, 'SomethingNew'),
    ]);
    await assert.rejects(store.read('k'), /^MachineError: cannot read s3:\/\/bucket\/k: access denied/);
    await assert.rejects(store.write('k', whole), /^MachineError: cannot write .*the access key is unknown/);
    await assert.rejects(store.remove('k'), /^MachineError: cannot remove .*have expired/);
    await assert.rejects(
      store.read('k'),
      /^MachineError: .*S3 returned 400 SomethingNew: SomethingNew it is$/,
    );
  });
});
