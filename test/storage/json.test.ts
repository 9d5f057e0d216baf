import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { InputError, NotFoundError } from '../../src/core/errors.ts';
import { encodeJson, parseJson, readJson, readJsonIfPresent } from '../../src/storage/json.ts';
import { createMemoryStore } from '../support/memory-store.ts';

const schema = v.object({ name: v.string(), sizes: v.array(v.number()), note: v.optional(v.string()) });
const KEY = '_work/thing.json';

test('a document is written as one line and read back unchanged', async () => {
  const store = createMemoryStore();
  const value = { name: 'ü', sizes: [1, 2.5] };
  await store.write(KEY, encodeJson(value));
  assert.deepEqual(await readJson(store, KEY, schema), value);
  assert.equal(new TextDecoder().decode(await store.read(KEY)), '{"name":"ü","sizes":[1,2.5]}\n');
});

test('a missing document and a broken one raise different errors', async () => {
  const store = createMemoryStore();
  await assert.rejects(readJson(store, KEY, schema), NotFoundError);
  assert.equal(await readJsonIfPresent(store, KEY, schema), undefined);
  await store.write(KEY, new Uint8Array(0));
  for (const reading of [readJson, readJsonIfPresent]) {
    await assert.rejects(reading(store, KEY, schema), (error: unknown) => {
      assert.ok(error instanceof InputError);
      assert.equal(error.fields.object, `${store.location}${KEY}`);
      return true;
    });
  }
});

test('an invalid document is refused with the object, the wrong value, its key and advice', () => {
  const refused = (value: string | Uint8Array) => {
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    try {
      parseJson(bytes, 'a thing', schema, 'Make it again');
    } catch (error) {
      assert.ok(error instanceof InputError);
      assert.match(
        error.message,
        /^a thing: found .*, needed a document that chirpline wrote\. Make it again$/,
      );
      return error.fields.found;
    }
    throw new Error(`${value} was accepted`);
  };
  for (const text of ['', '{', '{"name":"a"', 'NaN', '\0'.repeat(9)])
    assert.equal(refused(text), 'invalid JSON');
  assert.equal(refused(Uint8Array.of(0xff, 0x7b)), 'invalid JSON');
  assert.equal(refused('null'), 'null as the document');
  assert.equal(refused('[]'), 'nothing as name');
  assert.equal(refused('{"name":1,"sizes":[]}'), '1 as name');
  assert.equal(refused('{"sizes":[]}'), 'nothing as name');
  assert.equal(refused('{"name":"a","sizes":[1,"2"]}'), '"2" as sizes.1');
  assert.equal(refused('{"name":"a","sizes":[1,null]}'), 'null as sizes.1');
  assert.ok(refused(JSON.stringify({ name: 'a', sizes: ['x'.repeat(1e6)] })).length < 200);
});

test('unknown keys are ignored, and none becomes a prototype', () => {
  const bytes = new TextEncoder().encode('{"name":"a","sizes":[],"more":1,"__proto__":{"note":"x"}}');
  const value = parseJson(bytes, 'a thing', schema);
  assert.deepEqual(value, { name: 'a', sizes: [] });
  assert.equal(Reflect.get(value, 'note'), undefined);
});

test('numbers survive encoding and parsing unchanged', () => {
  const sizes = [0.1, 1e-323, Number.MAX_SAFE_INTEGER, -1.7976931348623157e308];
  assert.deepEqual(parseJson(encodeJson({ name: '', sizes }), 'a thing', schema).sizes, sizes);
});
