import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatState, parseState, usualState } from '../../../clients/web/src/state/ui_state.js';

const views = ['overview', 'training', 'tape'];

test('ui state: what is as usual is not in the address', () => {
  assert.equal(formatState(usualState('overview')), '#/overview');
  assert.deepEqual(parseState('', views), usualState('overview'));
  assert.deepEqual(parseState('#/nonsense?view=tape', views), usualState('overview'));
});

test('ui state: each value comes back from the address', () => {
  const state = {
    ...usualState('training'), runs: ['a@r/agent_0', 'with, comma@é/%', ''], from: 1700000000.25, to: 1700000100,
    x: 'time' as const, x0: -5, x1: 1e15, smooth: 0.6, log: true, tags: 'loss & more=?', item: 'trainer-1/Rune "axe"#',
    filter: 'trade_executed where profit > 100k', seq: 812,
  };
  assert.deepEqual(parseState(formatState(state), views), state);
});

test('ui state: what is out of its range or cannot be read is as usual', () => {
  const text = '#/tape?x=sideways&smooth=1&from=abc&seq=0&x0=&x1=NaN&log=yes&runs=%25E0%25A4%25A&candle=2m&constructor=1&__proto__=1';
  assert.deepEqual(parseState(text, views), usualState('tape'));
});

test('ui state: lists and texts are bounded', () => {
  const runs = Array.from({ length: 1000 }, (_, i) => `r${i}`);
  assert.equal(parseState(formatState({ ...usualState('tape'), runs }), views).runs.length, 64);
  assert.equal(parseState(`#/tape?filter=${'x'.repeat(5000)}`, views).filter.length, 512);
});
