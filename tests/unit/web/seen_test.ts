import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeenEvents } from '../../../clients/web/src/feed/seen.js';

test('seen: agrees with a plain set on numbers in any order', () => {
  const seen = new SeenEvents();
  const plain = new Set<string>();
  let random = 7;
  for (let i = 0; i < 20_000; ++i) {
    random = (random * 1103515245 + 12345) % 2147483648;
    const run = `r${random % 3}`;
    const n = (random >> 8) % 5000;
    const key = `${run}/${n}`;
    assert.equal(seen.insert('s', run, n), !plain.has(key), key);
    plain.add(key);
  }
});

test('seen: numbers beyond 2^53 count like others', () => {
  const seen = new SeenEvents();
  const last = Number.MAX_SAFE_INTEGER;
  assert.equal(seen.insert('s', 'r', last), true);
  assert.equal(seen.insert('s', 'r', BigInt(last) + 1n), true);
  assert.equal(seen.insert('s', 'r', BigInt(last) + 1n), false);
  assert.equal(seen.insert('s', 'r', last), false);
  assert.equal(seen.insert('s', 'r', 2n ** 64n), true);
});

test('seen: forgets the run that was untouched for longest', () => {
  const seen = new SeenEvents();
  for (let run = 0; run < 1030; ++run) seen.insert('s', `r${run}`, 1);
  assert.equal(seen.size, 1024);
  assert.equal(seen.insert('s', 'r1029', 1), false);
  assert.equal(seen.insert('s', 'r0', 1), true);
});
