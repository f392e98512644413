import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, JsonObject } from '../../../clients/web/src/feed/index.js';
import { parseRule, RuleError } from '../../../clients/web/src/model/rule.js';

function event(type: string, data: JsonObject, source = 's'): BridgeEvent {
  return { type, data, seq: 1, timestamp: 1, source };
}

function matches(rule: string, of: BridgeEvent): boolean {
  const parsed = parseRule(rule);
  return parsed.kind === 'event' && parsed.matches(of);
}

test('rule: what is none is refused with a reason', () => {
  const bad: [string, RegExp][] = [
    ['', /begins with a type/], ['t where', /ends where a field/], ['t where a', /ends where one of/],
    ['t where a >', /ends where a value/], ['t where a > "x"', /compares with a number/],
    ['t where a ! 5', /cannot read/], ['t if a', /comes `where`/], ['t where a = 1 b', /expected `and`/],
    ['t where (a = 1', /\) is missing/], ['source asleep', /stalled, gone, connected/],
    ['"t"', /no type/], ['t where a = "x', /cannot read/], ['t where a is 5', /comes one of/],
  ];
  for (const [text, reason] of bad) {
    assert.throws(() => parseRule(text), (error: unknown) =>
      error instanceof RuleError && reason.test(error.message), text);
  }
});

test('rule: types, beginnings of types, and fields', () => {
  const trade = event('trade_executed', { profit: 100_001, item: 'Abyssal whip', n: { deep: true } });
  for (const rule of [
    '*', 'trade_*', 'trade_executed', 'trade_executed where profit > 100000', 'trade_executed where profit > 100k',
    'trade_executed where item = "Abyssal whip"', 'trade_executed where item ~ WHIP', 'trade_executed where n.deep = true',
    'trade_executed where source = s', 'trade_executed where not (profit < 5 or item = Coal)',
    'trade_executed where profit < 5 or profit > 6 and item != Coal', 'trade_executed where (profit>=100001)',
  ]) assert.equal(matches(rule, trade), true, rule);
  for (const rule of [
    'trade', 'price_*', 'trade_executed where profit > 100.1k', 'trade_executed where missing > 0',
    'trade_executed where missing = null', 'trade_executed where item = "abyssal whip"', 'trade_executed where profit = "100001"',
    'trade_executed where toString = 1', 'trade_executed where profit > 5 and item = Coal', 'gap',
  ]) assert.equal(matches(rule, trade), false, rule);
});

test('rule: shares, null, and integers beyond 2^53', () => {
  assert.equal(matches('m where p > 5%', event('m', { p: 0.051 })), true);
  assert.equal(matches('m where loss = null', event('m', { loss: null })), true);
  assert.equal(matches('m where n > 9b', event('m', { n: 9223372036854775807n })), true);
  assert.equal(matches('m where n < 1', event('m', { n: -9223372036854775808n })), true);
});

test('rule: only the bridge says how a source is', () => {
  const stalled = { status: 'source_stalled', source: 'trainer-1' };
  assert.equal(matches('source stalled', event('system_status', stalled, 'ppo-bridge')), true);
  assert.equal(matches('source stalled', event('system_status', stalled, 'liar')), false);
  assert.equal(matches('source gone', event('system_status', stalled, 'ppo-bridge')), false);
  const conflict = { status: 'source_conflict', source: 'trainer-1' };
  assert.equal(matches('source conflict', event('system_status', conflict, 'ppo-bridge')), true);
});
