import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, CommandReply, Json, JsonObject } from '../../../clients/web/src/feed/index.js';
import { BridgeStatus } from '../../../clients/web/src/model/bridge_status.js';
import { Commands, outcomeText } from '../../../clients/web/src/model/commands.js';
import { addressesOf, parameterOf, rangeText, readValue, targetsOf, type Parameter } from '../../../clients/web/src/model/targets.js';

async function targets(...sources: JsonObject[]) {
  const status = new BridgeStatus();
  await status.refresh(async (command) =>
    ({ result: command === 'get_sources' ? { sources } : {} } as unknown as CommandReply), false);
  return targetsOf(status.sources, () => undefined);
}

test('bridge status: pages of the bridges that share a log, and nothing else for one', async () => {
  const status = new BridgeStatus();
  const refresh = (cluster: JsonObject | undefined) => status.refresh(async () =>
    ({ result: { ...(cluster && { cluster }) } } as unknown as CommandReply), false);
  await refresh({ pages: ['https://m1:5178', 7, 'javascript:alert(1)', 'http://[::1]:5188', 'https://a/b'] });
  assert.deepEqual(status.pages, ['https://m1:5178', 'http://[::1]:5188']);
  await refresh(undefined);
  assert.deepEqual(status.pages, []);
});

const source = (name: string, more: JsonObject = {}): JsonObject =>
  ({ source: name, run: 'r', agents: ['a'], commands: ['pause'], state: 'live', ...more });

test('targets: in the order of their numbers, the dead ones last and with why', async () => {
  const all = await targets(source('t-10'), source('t-2', { state: 'gone' }), source('t-9', { agents: [], activity: 'paused' }),
                            source('none', { commands: [] }));
  assert.deepEqual(all.map(({ name, dead, state }) => [name, dead, state]),
    [['t-9', '', 'paused'], ['t-10/a', '', 'live'], ['t-2/a', 'it is gone', 'gone']]);
});

test('targets: two live processes of one name are two', async () => {
  const all = await targets(source('t', { agents: ['a', 'b'], runs: [{ run: 'r1' }, { run: 'r2' }] }));
  assert.deepEqual(all.map(({ name }) => name), ['t@r1/a', 't@r1/b', 't@r2/a', 't@r2/b']);
  assert.deepEqual(addressesOf(all.slice(0, 3), all, false), ['t@r1', 't@r2/a']);
  assert.deepEqual(addressesOf(all.slice(2, 3), all, true), ['t@r2']);
});

test('targets: a parameter of one agent is not that of another', async () => {
  const parameters: Json[] = [{ name: 'lr', value: 1, agent_id: 'a' }, { name: 'lr', value: 2, agent_id: 'b' }, { name: 'all', value: 3 }, { name: 7 }, null];
  const all = await targets(source('t', { agents: ['a', 'b'], parameters }));
  assert.deepEqual(all.map((target) => target.parameters.map(({ value }) => value)), [[1, 3], [2, 3]]);
});

const parameter = (more: JsonObject): Parameter => parameterOf({ name: 'p', ...more })!;
const read = (more: JsonObject, text: string) => readValue(parameter(more), text, '.');

test('targets: what is out of range or of another kind is refused, with the range', () => {
  assert.deepEqual(read({ value: 1, min: 0, max: 1 }, '0.25'), { value: 0.25 });
  assert.match(read({ value: 1, min: 0, max: 1 }, '1.01').problem!, /1\.01 is out of range; it must be a number, 0 to 1/);
  assert.match(read({ kind: 'integer', min: 1, unit: 'steps' }, '0').problem!, /a whole number, from 1 steps/);
  assert.match(read({ kind: 'integer' }, '1.5').problem!, /1\.5 is no whole number/);
  assert.deepEqual(read({ kind: 'integer' }, '9223372036854775807'), { value: 9223372036854775807n });
  assert.match(read({ kind: 'integer', max: 100 }, '9223372036854775807').problem!, /out of range/);
  assert.deepEqual(read({ kind: 'choice', choices: [1, 'two'] }, '1'), { value: 1 });
  assert.match(read({ kind: 'choice', choices: [1, 'two'] }, '3').problem!, /one of 1, two/);
  assert.deepEqual(read({ value: true }, 'false'), { value: false });
  assert.match(read({ value: true }, 'yes').problem!, /true or false/);
  assert.deepEqual(read({ value: 'x' }, ' as it is '), { value: ' as it is ' });
  assert.deepEqual([rangeText(parameter({ value: 1, max: 5 })), rangeText(parameter({ value: 1 })), rangeText(parameter({ kind: 'choice' }))],
    ['a number, up to 5', 'a number', 'a number']);
});

const told = (seq: number, data: JsonObject, from = 'ppo-bridge'): BridgeEvent =>
  ({ type: 'command_executed', seq, timestamp: seq, source: from, data: { command: 'pause', ...data } });

test('commands: the newest first, older ones when asked, and only what the bridge tells', async () => {
  const commands = new Commands();
  const events = Array.from({ length: 500 }, (_, i) => told(i + 1, { client_id: `c${i + 1}` }));
  const ask = async (_command: string, { count, before_seq }: { count?: Json; before_seq?: Json } = {}) => {
    const before = events.filter(({ seq }) => seq < Number(before_seq ?? Infinity));
    return { events: before.slice(-Number(count)) as unknown as Json, more: before.length > Number(count), epoch: 'e', seq: 500 };
  };
  assert.deepEqual(await commands.fill({ ask, reason: 'start', position: undefined }), { epoch: 'e', seq: 500 });
  commands.apply(told(501, { client_id: 'new' }));
  commands.apply(told(502, {}, 'liar'));
  commands.apply({ ...told(503, {}), type: 'other' });
  const looked = () => new Promise<void>((done) => commands.look(ask, done));
  await looked();
  commands.look(ask, () => assert.fail('asked once'));
  assert.deepEqual([commands.told.length, commands.told[0]!.by, commands.told[200]!.by, commands.more], [201, 'new', 'c301', true]);
  await Promise.all([commands.lookOlder(ask), commands.lookOlder(ask)]);
  assert.deepEqual([commands.told.length, commands.told[400]!.by], [401, 'c101']);
  await commands.lookOlder(ask);
  assert.deepEqual([commands.told.length, commands.told[500]!.by, commands.more], [501, 'c1', false]);
});

test('commands: what is not known is told as that', () => {
  for (const outcome of ['unknown_outcome', 'timeout', 'disconnected']) {
    assert.equal(outcomeText(outcome, 'why').state, 'unknown');
    assert.match(outcomeText(outcome, 'why').text, /may have been done.*why/);
  }
  for (const outcome of ['unknown_target', 'busy', 'rejected', 'not_connected']) assert.match(outcomeText(outcome, '').text, /not done$/);
  assert.deepEqual(outcomeText('success', ''), { state: 'ok', text: 'done' });
});
