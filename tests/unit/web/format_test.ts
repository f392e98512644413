import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameText, outside, visible } from '../../../clients/web/src/ui/format.js';

test('format: what cannot be seen is made visible, and all else stays as it is', () => {
  for (const [text, shown] of [
    ['a\0b\x1b[31m\x7f', 'a␀b␛[31m␡'], ['\u202egpj.exe', '[U+202E]gpj.exe'], ['a\u2066b\u2067c', 'a[U+2066]b[U+2067]c'],
    ['zero\u200bwidth\ufeff', 'zero[U+200B]width[U+FEFF]'], ['\ud800 alone', '\ufffd alone'], ['tag\u{e0041}', 'tag[U+E0041]'],
    ['line\u2028end\u0085', 'line[U+2028]end[U+0085]'], ['a\u3164b', 'a[U+3164]b'],
  ] as const) assert.equal(visible(text), shown);
  for (const text of ['Imperial rosé', 'שלום עולם', 'می‌خواهم', '👩‍🚀❤️', 'two\nlines\tand a tab', '\ufffd', '日本語']) {
    assert.equal(visible(text), text);
  }
});

test('format: the direction of a name ends with the name', () => {
  assert.equal(outside('Coal'), 'Coal');
  assert.equal(`sell 5 × ${outside('שלום')} at 200`, 'sell 5 × \u2068שלום\u2069 at 200');
  assert.equal(outside('out\u2069 of it שלום'), '\u2068out[U+2069] of it שלום\u2069');
});

test('format: a long name is cut in the middle, never within a character', () => {
  assert.equal(nameText('trainer-1'), 'trainer-1');
  assert.equal(nameText('a'.repeat(40)), 'a'.repeat(40));
  const cut = nameText(`${'a'.repeat(100)}${'z'.repeat(100)}`);
  assert.equal(cut, `${'a'.repeat(20)}…${'z'.repeat(19)}`);
  assert.equal([...nameText('👩'.repeat(200), 5)].join(''), '👩👩…👩👩');
});
