import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decimalOf, readNumberText } from '../../../clients/web/src/model/number_text.js';

const here = (text: string) => readNumberText(text, '.');
const there = (text: string) => readNumberText(text, ','); // Germany, France, Brazil

test('number text: as programs and people write it', () => {
  for (const [text, value] of [
    ['0.0003', 0.0003], ['1e-4', 1e-4], ['-5', -5], ['−5', -5], ['+5', 5], [' 12 ', 12], ['1_000', 1000], ['.5', 0.5],
    ['1 000', 1000], ['1\u202f234\u202f567', 1234567], ["1'000", 1000], ['1.5m', 1_500_000], ['1.1k', 1100], ['2B', 2e9], ['100k', 100_000],
  ] as const) {
    assert.deepEqual(here(text), { value }, text);
    if (text !== '.5') assert.deepEqual(there(text), { value }, text);
  }
  assert.deepEqual(here('9223372036854775807'), { value: 9223372036854775807n });
});

test('number text: 1,000 is a thousand or refused, and never one', () => {
  assert.deepEqual(here('1,000'), { value: 1000 });
  assert.deepEqual(here('1,234,567.25'), { value: 1234567.25 });
  assert.deepEqual(here('1.000'), { value: 1 }); // three digits behind the point
  for (const text of ['1,5', '1,00', '10,0000', '0,001', '1.000,5', '1,000,00', ',5', '1,']) {
    assert.equal(here(text).value, undefined, text);
    assert.ok(here(text).problem, text);
  }
  assert.match(here('1,5').problem!, /1\.5/);
});

test('number text: where a comma stands before the fraction', () => {
  assert.deepEqual(there('0,0003'), { value: 0.0003 });
  assert.deepEqual(there('1,5'), { value: 1.5 });
  assert.deepEqual(there('1.234.567,5'), { value: 1234567.5 });
  assert.deepEqual(there('1.234.567'), { value: 1234567 });
  assert.deepEqual(there('0.0003'), { value: 0.0003 });
  assert.deepEqual(there('0.001'), { value: 0.001 });
  assert.match(there('1,000').problem!, /1000 or 1:/);
  assert.match(there('1.000').problem!, /1000 or 1:/);
  assert.match(there('1.250').problem!, /1250 or 1\.25:/);
  assert.equal(there('1,000.5').value, undefined);
});

test('number text: what is none', () => {
  for (const text of ['', ' ', 'NaN', 'Infinity', '0x10', '1e999', '1..2', '--1', '1 00', '5%', 'e5', '1e', '٣', '.', '-']) {
    assert.equal(here(text).value, undefined, text);
  }
  assert.equal(here('').problem, 'a number is missing');
  assert.deepEqual([decimalOf('en-US'), decimalOf('de-DE')], ['.', ',']);
});
