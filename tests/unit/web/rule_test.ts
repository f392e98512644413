import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, JsonObject } from '../../../clients/web/src/feed/index.js';
import { boxesOf, filterOf, filterOfAgent, parseFilter, type Boxes } from '../../../clients/web/src/model/filter.js';
import { parseRule, readNumber, RuleError } from '../../../clients/web/src/model/rule.js';

function event(type: string, data: JsonObject, source = 's'): BridgeEvent {
  return { type, data, seq: 1, timestamp: 1, source };
}

const matches = (rule: string, of: BridgeEvent) => parseFilter(rule).matches(of);

function refused(text: string, read: (text: string) => unknown = parseRule): RuleError {
  try {
    read(text);
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
  throw new Error(`${text} is accepted`);
}

test('rule: what is none is refused at its place, with what was expected', () => {
  const bad: [string, number, RegExp][] = [
    ['', 0, /type of events/], ['t where', 7, /field/], ['t where a', 9, /one of = .* is/], ['t where a >', 11, /value/],
    ['t where a > "x"', 12, /a number/], ['t where a ! 5', 10, /one of =/], ['t if a', 2, /where, or the end/],
    ['t where a = 1 b', 14, /and, or, for/], ['t where (a = 1', 14, /and, or, or \)/], ['source asleep', 7, /stalled/],
    ['"t"', 0, /type of events/], ['t where a = "x', 12, /ends with "/], ['t where a is 5', 13, /NaN, null/],
    ['t where a > 1e999', 12, /double/], ['gap for 5s', 4, /nothing but a person/], ['t where a = 1 for 25h', 18, /1s to 24h/],
    ['t where avg(a) > 1', 13, /,/], ['t where sum(a,5m) ~ x', 18, /one of = != > >= < <=$/], ['t where f(a) > 1', 8, /avg/],
    ['count(t) per 5m > x', 18, /a number/], ['t where a = "\\ud800"', 12, /JSON/], ['é where é > "ü"', 0, /type/],
    [`t where ${'('.repeat(40)}`, 40, /32 levels/], [`t where ${'a = 1 and '.repeat(65)}a = 1`, 8 + 64 * 10, /64 comparisons/],
  ];
  for (const [text, at, expected] of bad) {
    const error = refused(text);
    assert.deepEqual([text, error.at], [text, at]);
    assert.match(error.expected, expected, text);
  }
  assert.equal(refused('t where "é" = 1').position, 8);
  assert.equal(refused('t where é > "ü"').position, 13); // bytes
  assert.match(refused('t'.repeat(1025)).message, /1024 bytes, found 1025/);
});

test('rule: numbers as people write them', () => {
  for (const [word, value] of [['1,000', 1000], ['1_000', 1000], ['1,234,567.5', 1234567.5], ['-0.05', -0.05], ['1e-4', 1e-4],
    ['100k', 1e5], ['1.5M', 1.5e6], ['2b', 2e9], ['5%', 0.05], ['007', 7]] as const) assert.equal(readNumber(word), value, word);
  for (const word of ['1,00', '1,0000', '1000,000', '0,123', ',1', '1,', '1__0', '1,000_000', '.5', '5.', '1e', '+1', '0x10', 'k', 'NaN', '1kk']) {
    assert.equal(readNumber(word), undefined, word);
  }
});

test('rule: types, beginnings of types, and fields', () => {
  const trade = event('trade_executed', { profit: 100_001, item: 'Abyssal whip', n: { deep: true } });
  for (const rule of [
    '*', 'trade_*', 'trade_executed', 'trade_executed where profit > 100000', 'trade_executed where profit > 100k',
    'trade_executed where item = "Abyssal whip"', 'trade_executed where item ~ WHIP', 'trade_executed where n.deep = true',
    'trade_executed where source = s', 'trade_executed where not (profit < 5 or item = Coal)',
    'trade_executed where profit < 5 or profit > 6 and item != Coal', 'trade_executed where (profit>=100001)',
    'trade_executed where missing = null', 'trade_executed where missing is null', 'trade_executed where item is not null',
    'trade_executed where missing is not NaN', '* where * ~ "abyssal WHIP"', '* where profit = 100,001',
  ]) assert.equal(matches(rule, trade), true, rule);
  for (const rule of [
    'trade', 'price_*', 'trade_executed where profit > 100.1k', 'trade_executed where missing > 0',
    'trade_executed where item = "abyssal whip"', 'trade_executed where profit = "100001"', 'trade_executed where missing is NaN',
    'trade_executed where toString = 1', 'trade_executed where profit > 5 and item = Coal', 'gap', '* where * = Coal',
  ]) assert.equal(matches(rule, trade), false, rule);
});

test('rule: NaN, shares, contains, and integers beyond 2^53', () => {
  assert.equal(matches('m where p > 5%', event('m', { p: 0.051 })), true);
  for (const [value, nan, none] of [[null, true, true], [Infinity, true, false], [1, false, false], ['NaN', false, false]] as const) {
    assert.equal(matches('m where loss is nan', event('m', { loss: value })), nan, String(value));
    assert.equal(matches('m where loss is NULL', event('m', { loss: value })), none, String(value));
    assert.equal(matches('m where loss > -1', event('m', { loss: value })), value === 1);
  }
  assert.equal(matches('m where n > 9b', event('m', { n: 9223372036854775807n })), true);
  assert.equal(matches('m where n < 1', event('m', { n: -9223372036854775808n })), true);
  // Only A to Z: the sign of Kelvin is no k, and a pattern's signs are themselves.
  assert.equal(matches('m where a ~ k', event('m', { a: '\u212a' })), false);
  assert.equal(matches('m where a ~ "a.b[c]-(d)"', event('m', { a: 'xA.B[C]-(D)' })), true);
  assert.equal(matches('m where a ~ "a.b"', event('m', { a: 'axb' })), false);
  assert.equal(matches('m where a ~ 100k', event('m', { a: 'n100K' })), true);
});

test('rule: only the bridge says how a source is', () => {
  const stalled = { status: 'source_stalled', source: 'trainer-1' };
  assert.equal(matches('source stalled', event('system_status', stalled, 'ppo-bridge')), true);
  assert.equal(matches('source stalled', event('system_status', stalled, 'liar')), false);
  assert.equal(matches('source gone', event('system_status', stalled, 'ppo-bridge')), false);
  assert.equal(matches('run crashed', event('run_ended', { state: 'crashed' })), true);
  assert.equal(matches('gap', event('system_status', { status: 'source_lost' }, 'ppo-bridge')), true);
});

test('filter: what takes more than one event to decide is refused', () => {
  for (const text of ['count(t) per 5m > 1', 't where avg(a, 5m) > 1', 't where a = 1 for 30s', 'source stalled for 30s']) {
    parseRule(text);
    assert.match(refused(text, parseFilter).expected, /one event alone/, text);
  }
});

test('filter: what the bridge is asked for', () => {
  const asked = (text: string) => (({ asked, more }) => ({ asked, more }))(parseFilter(text));
  assert.deepEqual(asked(''), { asked: {}, more: false });
  assert.deepEqual(asked('order_*'), { asked: { type: 'order_*' }, more: false });
  assert.deepEqual(asked('t where agent_id = a and item = "Coal"'), { asked: { type: 't', agent_id: 'a', item: 'Coal' }, more: false });
  assert.deepEqual(asked('t where agent_id = a and agent_id = b'), { asked: { type: 't', agent_id: 'a' }, more: true });
  // Either may be of data: the bridge looks at the event's own only.
  assert.deepEqual(asked('* where source = s and run = r'), { asked: {}, more: true });
  assert.deepEqual(asked('t where item = Coal or item = Shark'), { asked: { type: 't' }, more: true });
  assert.deepEqual(asked('t where not item = Coal and item != 5'), { asked: { type: 't' }, more: true });
  assert.deepEqual(asked('run crashed'), { asked: { type: 'run_ended' }, more: true });
  assert.deepEqual(asked('gap'), { asked: { type: 'system_status' }, more: true });
});

test('filter: boxes write it and read it back', () => {
  const all: Boxes[] = [
    { type: '', agent: '', item: '', text: '' }, { type: 'trade_*', agent: '', item: '', text: '' },
    { type: '', agent: 'trainer-1', item: '', text: '' }, { type: 't', agent: 'trainer-1/agent_0', item: 'a "b" \\', text: 'x and y' },
    { type: '', agent: '/', item: '', text: '' },
  ];
  for (const boxes of all) assert.deepEqual(boxesOf(filterOf(boxes)), { boxes, rest: [] }, filterOf(boxes));
  const { boxes, rest } = boxesOf('t where profit > 5 and (a = 1 or b = 2) and item ~ Coal and item ~ x');
  assert.deepEqual(rest, ['profit > 5', '(a = 1 or b = 2)', 'item ~ x']);
  assert.equal(filterOf({ ...boxes, text: 'z' }, rest), 't where item ~ "Coal" and profit > 5 and (a = 1 or b = 2) and item ~ x and * ~ "z"');
  const either = boxesOf('t where a = 1 or b = 2');
  assert.equal(filterOf({ ...either.boxes, item: 'i' }, either.rest), 't where item ~ "i" and (a = 1 or b = 2)');
  assert.equal(filterOf(boxesOf('* where source ~ s').boxes, boxesOf('* where source ~ s').rest), '* where source ~ "s"');
  refused('gap', boxesOf);
});

test('filter: all events of one agent, whatever it is called', () => {
  const mine = event('t', { agent_id: 'a"\\' }, 'trainer-1');
  assert.equal(matches(filterOfAgent('trainer-1', 'a"\\'), mine), true);
  assert.equal(matches(filterOfAgent('trainer-2', 'a"\\'), mine), false);
  assert.equal(filterOfAgent('', ''), '');
});
