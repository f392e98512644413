import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../clients/web/src/feed/index.js';
import { compareValues, heldOrder } from '../../../clients/web/src/model/order.js';
import { configColumn, configDiff, flatConfig, keysSeen, listRuns, metricColumn, metricDiff, runsBetween } from '../../../clients/web/src/model/run_list.js';
import type { Run } from '../../../clients/web/src/model/runs.js';

const run = (run_id: string, more: Partial<Run> = {}): Run => ({
  run_id, source: 's', run: 'r', agent: '', name: '', state: 'finished', started: 0, ended: undefined, last_event: 0,
  steps: undefined, reward: undefined, config: {}, metrics: {}, error: '', tags: [], note: '', pinned: false,
  hidden: false, seq: 0, ...more,
});
const usual = { find: '', sort: '', group: '', hidden: false };
const name = { id: 'name', value: ({ run_id }: Run) => run_id };
const steps = { id: 'steps', value: ({ steps: n }: Run) => n };
const shown = (runs: Run[], wish = {}, columns = [name, steps]) =>
  listRuns(runs, { ...usual, ...wish }, columns).groups.flatMap((group) => group.runs.map(({ run_id }) => run_id));

test('runs listed: an expression that cannot be read is told, and all are shown', () => {
  for (const find of ['(', '[a', '*', '(?<', '\\']) {
    const list = listRuns([run('a'), run('b')], { ...usual, find }, []);
    assert.match(list.problem, /./, find);
    assert.equal(list.count, 2);
  }
  assert.equal(listRuns([run('a')], { ...usual, find: '\\-|a' }, []).problem, '');
});

test('runs listed: found by name, note, tag, state and error, in any case', () => {
  const runs = [run('x1'), run('x2', { name: 'PPO again' }), run('x3', { note: 'the good one' }), run('x4', { tags: ['seed-7'] }),
                run('x5', { state: 'crashed', error: 'OutOfMemory' })];
  assert.deepEqual(shown(runs, { find: '^ppo again$' }), ['x2']);
  assert.deepEqual(shown(runs, { find: '^good' }), []);
  assert.deepEqual(shown(runs, { find: 'ppo|good' , sort: 'name' }), ['x2', 'x3']);
  assert.deepEqual(shown(runs, { find: 'SEED-\\d' }), ['x4']);
  assert.deepEqual(shown(runs, { find: 'crashed' }), shown(runs, { find: 'memory' }));
  assert.deepEqual(shown(runs, { find: '^x[12]', sort: 'name' }), ['x1', 'x2']);
});

test('runs listed: trainer-10 after trainer-2, nothing last either way, pinned first, hidden where asked', () => {
  const runs = [run('t-10', { steps: 5 }), run('t-2', { steps: 50 }), run('t-1'), run('t-3', { pinned: true, steps: 7 }), run('t-4', { hidden: true })];
  assert.deepEqual(shown(runs, { sort: 'name' }), ['t-3', 't-1', 't-2', 't-10']);
  assert.deepEqual(shown(runs, { sort: '-steps' }), ['t-3', 't-2', 't-10', 't-1']);
  assert.deepEqual(shown(runs, { sort: 'steps' }), ['t-3', 't-10', 't-2', 't-1']);
  assert.deepEqual(shown(runs, { sort: 'name', hidden: true }), ['t-3', 't-1', 't-2', 't-4', 't-10']);
  assert.deepEqual(shown(runs, { sort: 'no such column' }).length, 4);
  assert.ok(compareValues(9, 10) < 0 && compareValues('a9', 'a10') < 0 && compareValues(undefined, 'a') > 0);
});

test('runs listed: of those that began at once agent_2 stands before agent_10', () => {
  const runs = ['s@r/agent_10', 's@r/agent_2', 's@r/agent_1'].map((id) => run(id, { started: 7 }));
  assert.deepEqual(shown([...runs, run('s@later', { started: 9 })]), ['s@later', 's@r/agent_1', 's@r/agent_2', 's@r/agent_10']);
});

test('runs listed: grouped by a key of config, numbers in order, those without it last', () => {
  const of = (id: string, config: JsonObject) => run(id, { config });
  const runs = [of('a', { lr: 0.1 }), of('b', { lr: 0.003 }), of('c', {}), of('d', { lr: 0.1 }), of('e', { lr: 'auto' }), of('f', { net: { lr: 1 } })];
  const { groups } = listRuns(runs, { ...usual, group: 'lr', sort: 'name' }, [name]);
  assert.deepEqual(groups.map(({ key, runs: all }) => [key, all.map(({ run_id }) => run_id).join('')]),
                   [['lr = 0.003', 'b'], ['lr = 0.1', 'ad'], ['lr = auto', 'e'], ['no lr', 'cf']]);
  assert.deepEqual(listRuns(runs, { ...usual, group: 'net.lr' }, []).groups.map(({ key }) => key), ['net.lr = 1', 'no net.lr']);
});

test('runs listed: keys seen, flat, bounded, whatever a config holds', () => {
  const deep: JsonObject = { a: { b: { c: { d: { e: { f: { g: 1 } } } } } }, list: [1, { x: 2 }], nothing: null, empty: {} };
  assert.deepEqual([...flatConfig(deep).keys()], ['a.b.c.d.e.f', 'list', 'nothing', 'empty']);
  const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i]));
  assert.equal(flatConfig(wide).size, 256);
  const seen = keysSeen([run('a', { config: { k10: 1, k2: 1 }, metrics: { loss: 1 } }), run('b', { config: { k2: 2 } })]);
  assert.deepEqual(seen, { config: [['k2', 2], ['k10', 1]], metrics: [['loss', 1]] });
  assert.equal(configColumn('constructor').value(run('a')), undefined);
  assert.equal(metricColumn('constructor').value(run('a')), undefined);
});

test('runs compared: what differs first, a key that one lacks differs', () => {
  const diff = configDiff([run('a', { config: { seed: 1, lr: 0.1, env: 'x', only: null } }), run('b', { config: { seed: 2, lr: 0.1, env: 'x' } })]);
  assert.deepEqual(diff.map(({ key, differs }) => [key, differs]), [['only', true], ['seed', true], ['env', false], ['lr', false]]);
  assert.deepEqual(diff[0]!.values, [null, undefined]);
});

test('runs listed: under the pointer the order stays, what comes is last', () => {
  assert.deepEqual(heldOrder(['a', 'b', 'c'], ['d', 'c', 'a', 'e'], (row) => row), ['a', 'c', 'd', 'e']);
});

test('runs listed: of a stretch of time, as they were at its end', () => {
  const runs = [run('before', { started: 10, ended: 20, last_event: 20, steps: 1 }), run('over', { started: 15, ended: 45, last_event: 45, steps: 9, error: 'x', state: 'crashed' }),
                run('behind', { started: 42, ended: 44, last_event: 44 }), run('on', { started: 25, state: 'running', last_event: 60, steps: 5 }),
                run('still', { started: 26, state: 'running', last_event: 35, steps: 5 })];
  const at = runsBetween(runs, 21, 40);
  assert.deepEqual(at.map(({ run_id, state, steps, error }) => [run_id, state, steps, error]),
                   [['over', 'running', undefined, ''], ['on', 'running', undefined, ''], ['still', 'running', 5, '']]);
  assert.deepEqual(runsBetween(runs, undefined, undefined), runs);
  assert.deepEqual(runsBetween(runs, 46, undefined).map(({ run_id }) => run_id), ['on', 'still']);
});

test('runs compared: by the last value of each curve, NaN and nothing told apart', () => {
  const runs = [run('a', { metrics: { 'loss/10': 1, 'loss/2': undefined } }), run('b', { metrics: { 'loss/10': 1 } })];
  assert.deepEqual(metricDiff(runs), [
    { tag: 'loss/2', values: [NaN, undefined], differs: true }, { tag: 'loss/10', values: [1, 1], differs: false }]);
});
