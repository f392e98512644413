import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonText, parseJson } from '../../../clients/web/src/feed/index.js';

test('json: what is no JSON is refused, long integers or not', () => {
  for (const text of ['', '{', '[1,]', '{"a":12345678901234567890', '01', 'NaN']) {
    assert.throws(() => parseJson(text), SyntaxError, text);
  }
});

test('json: integers keep every digit', () => {
  const text = '{"a":9007199254740993,"b":-9223372036854775808,"c":[18446744073709551615,1]}';
  assert.deepEqual(parseJson(text),
    { a: 9007199254740993n, b: -9223372036854775808n, c: [18446744073709551615n, 1] });
  assert.equal(jsonText(parseJson(text)), text);
});

test('json: an integer beyond all doubles is infinite, as it is with an exponent', () => {
  assert.equal(parseJson(`1${'0'.repeat(309)}`), Infinity);
  assert.equal(parseJson(`-${'9'.repeat(1_000_000)}`), -Infinity);
  assert.equal(parseJson('1e400'), Infinity);
  assert.equal(parseJson(`1${'0'.repeat(308)}`), 10n ** 308n);
});

test('json: what a double holds stays a number', () => {
  assert.equal(parseJson('9007199254740991'), 9007199254740991);
  assert.equal(parseJson('0.12345678901234567890'), 0.12345678901234567890);
  assert.equal(parseJson('1234567890123456.5'), 1234567890123456.5);
  assert.equal(parseJson('12345678901234567890e2'), 12345678901234567890e2);
});

test('json: the exact reader reads all that JSON.parse reads', () => {
  const long = '1234567890123456789';
  const texts = [
    `[${long}, true, false, null, "", "a\\"b\\\\", "\\u00e9\\n", {}, [], -0.5e-3 ]`,
    ` { "a" : { "b" : [ [ ] , { } ] } , "c\\\\" : ${long} } `,
    `{"text":"${long}","quote":"\\\\\\"","n":${long}}`,
  ];
  for (const text of texts) {
    const exact = jsonText(parseJson(text)).replaceAll(long, '0');
    assert.equal(exact, JSON.stringify(JSON.parse(text.replaceAll(long, '0'))));
  }
});

test('json: a key called __proto__ is a key like any other', () => {
  const value = parseJson('{"__proto__":{"x":1},"n":12345678901234567890}') as object;
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.deepEqual(Object.keys(value), ['__proto__', 'n']);
});

test('json: indented text has one member a line', () => {
  assert.equal(jsonText({ a: [1, 2n], b: {} }, 2), '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {}\n}');
});
