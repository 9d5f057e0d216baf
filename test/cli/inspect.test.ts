import assert from 'node:assert/strict';
import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { chirpline, chirplineIn, chirplineWell } from '../support/command.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';

const { folder, remove } = folderForTests();
const raw = join(folder, 'raw');
const records = join(folder, 'records');
/** The picture of the first sample. */
let own: Buffer;
after(remove);

const files = () =>
  readdirSync(raw, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.npy'))
    .map((path) => join(raw, path));

/** The picture of a file with one sample. */
function plot(file: string, ...more: string[]): Buffer {
  const out = join(folder, 'plot.png');
  const { samples, good } = JSON.parse(chirplineWell('inspect', file, '--plot', out, '--json', ...more)) as {
    samples: number;
    good: number;
  };
  assert.deepEqual([samples, good], [1, 1]);
  return readFileSync(out);
}

before(() => {
  chirplineWell('simulate', raw, '--samples', '4', '--seed', '5', '--snr-median', '20');
  chirplineWell('preprocess', raw, records);
  own = plot(files()[0]!);
});

/** Share of the picture's pixels that aren't its background. */
async function inkOf(png: Uint8Array): Promise<number> {
  const image = await loadImage(png);
  const context = createCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  return pixels.filter((pixel) => pixel !== pixels[0]).length / pixels.length;
}

test('inspect --plot draws the sample, whitened by its own spectrum or by that of the records', async () => {
  const [first, second] = files() as [string, string];
  const ink = await inkOf(own);
  assert.ok(ink > 0.05 && ink < 0.9, `${ink}`);
  assert.notDeepEqual(plot(second), own);
  assert.notDeepEqual(plot(first, '--psd', join(records, 'avg_psd.npz')), own);
});

test('inspect --plot draws a record, which needs no PSD', (t) => {
  const out = join(scratch(t), 'record.png');
  const shard = join(records, readdirSync(records).find((name) => name.endsWith('.tfrecord'))!);
  const id = basename(files()[2]!, '.npy');
  const plot = (...more: string[]) => chirpline('inspect', shard, '--plot', out, ...more);
  assert.equal(plot('--sample', id).status, 0);
  const png = readFileSync(out);
  assert.equal(plot().status, 0);
  assert.notDeepEqual(readFileSync(out), png);
  const psd = plot('--psd', join(records, 'avg_psd.npz'));
  assert.deepEqual([psd.status, /records are whitened already: omit --psd/.test(psd.stderr)], [2, true]);
  const absent = plot('--sample', 'nobody');
  assert.deepEqual([absent.status, /holds no sample nobody/.test(absent.stderr)], [2, true]);
  const metadata = chirpline('inspect', join(records, 'metadata.json'), '--plot', out);
  assert.match(metadata.stderr, /only raw samples \(\.npy, \.npz, \.tar\) and records/);
});

test('a picture that cannot be written is an error of one line, as is a sample that the file does not hold', (t) => {
  const out = scratch(t);
  const [file] = files() as [string];
  mkdirSync(join(out, 'taken.png'));
  const taken = chirpline('inspect', file, '--plot', join(out, 'taken.png'));
  assert.equal(taken.status, 3, taken.stderr);
  assert.match(taken.stderr, /^chirpline: cannot write .*taken\.png: a folder exists where a file is needed/);
  assert.equal(taken.stderr.trim().split('\n').length, 1, taken.stderr);
  const absent = chirpline('inspect', file, '--plot', join(out, 'x.png'), '--sample', 'nobody');
  assert.equal(absent.status, 2, absent.stderr);
  assert.match(absent.stderr, /^chirpline: .*holds no sample nobody/);
  assert.deepEqual(readdirSync(out), ['taken.png']);
});

test('a picture for standard output is all that is there, and /dev/null stays a device', (t) => {
  const [file] = files() as [string];
  const out = join(scratch(t), 'out.png');
  const stream = openSync(out, 'w');
  const { status, stderr } = chirplineIn(
    { stdio: ['ignore', stream, 'pipe'] },
    ...['inspect', file, '--plot', '/dev/stdout'],
  );
  closeSync(stream);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /all is well/);
  assert.deepEqual(readFileSync(out), own);
  assert.match(chirplineWell('inspect', file, '--plot', '/dev/null'), /all is well/);
  assert.ok(lstatSync('/dev/null').isCharacterDevice());
});
