// The bridge's alerts on the page: what is asked when, and what is told once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, Json, JsonObject } from '../../../clients/web/src/feed/index.js';
import { Alerts, waitingOf } from '../../../clients/web/src/model/alerts.js';
import { eventSummary } from '../../../clients/web/src/ui/summary.js';

function told(seq: number, type = 'alert_raised', source = 'ppo-bridge'): BridgeEvent {
  return { type, source, seq, timestamp: seq, data: { alert_id: 3, rule: 'x where y is NaN', source: 's', agent_id: 'a', value: null } };
}

function setUp() {
  const asked: [string, JsonObject | undefined][] = [];
  const raised: number[] = [];
  const world = { now_ms: 0, visible: true, list: [] as Json[], refuse: '', from: undefined as number | undefined };
  const alerts = new Alerts({
    ask: async (command, params) => {
      asked.push([command, params]);
      if (world.refuse !== '') throw new Error(world.refuse);
      const answer: JsonObject = command === 'list_alerts' ? { alerts: world.list, complete: true }
        : { events: [told(1), told(2, 'alert_cleared')] as unknown as Json[] };
      return answer;
    },
    now_ms: () => world.now_ms,
    changed: () => {},
    visible: () => world.visible,
    between: () => ({ from: world.from, to: undefined }),
  });
  alerts.onRaised = ({ seq }) => raised.push(seq);
  const commands = () => asked.splice(0).map(([command]) => command);
  return { alerts, world, raised, asked, commands };
}

test('alerts: one that was raised before the page is not told, one after it once', async () => {
  const { alerts, raised } = setUp();
  alerts.onLive('e', 10);
  alerts.apply([told(9), told(10), told(11), told(12, 'alert_cleared'), told(13, 'alert_raised', 'liar')]);
  alerts.apply([told(11)]); // fetched again
  assert.deepEqual(raised, [11]);
  alerts.onLive('e', 20); // connected again: what was raised meanwhile is told
  alerts.apply([told(11), told(15)]);
  assert.deepEqual(raised, [11, 15]);
  alerts.onLive('f', 4); // another numbering
  alerts.apply([told(4), told(5)]);
  assert.deepEqual(raised, [11, 15, 5]);
});

test('alerts: are asked for after each change and now and then, and not while nobody looks', async () => {
  const { alerts, world, commands, asked } = setUp();
  await alerts.tick();
  await new Promise((done) => setTimeout(done));
  assert.deepEqual(commands(), ['list_alerts', 'get_recent_events']);
  assert.deepEqual(alerts.history.map(({ seq }) => seq), [2, 1]);
  world.now_ms = 4000;
  await alerts.tick();
  assert.deepEqual(commands(), []);
  world.now_ms = 5000; // others acknowledge, and no event tells
  await alerts.tick();
  assert.deepEqual(commands(), ['list_alerts']);
  alerts.apply([told(11, 'alert_cleared')]);
  world.visible = false;
  world.now_ms = 6000;
  await alerts.tick();
  assert.deepEqual(commands(), []);
  world.visible = true;
  await alerts.tick();
  assert.deepEqual(commands(), ['list_alerts']); // the event that came is added to the others
  assert.deepEqual(alerts.history.map(({ seq }) => seq), [11, 2, 1]);
  world.from = 500;
  world.now_ms = 7000;
  await alerts.tick();
  assert.equal(asked[1]![1]!.from_time, 500);
  commands();
  await alerts.create({ rule: 'gap' });
  assert.deepEqual(commands(), ['create_alert', 'list_alerts', 'get_recent_events']);
});

test('alerts: after a refusal the last answer stays, and why is said', async () => {
  const { alerts, world } = setUp();
  world.list = [{ alert_id: 3, name: null, rule: 'gap', action: null, last_action: null, raised: [{ seq: 1, since: 1, source: 's', acknowledged: false }] }];
  await alerts.tick();
  world.refuse = 'no time';
  world.now_ms = 9000;
  await alerts.tick();
  assert.deepEqual([alerts.waiting, alerts.problem], [1, 'no time']);
  await assert.rejects(alerts.create({ rule: 'x' }), /no time/);
  world.refuse = '';
  world.now_ms = 10_000;
  await alerts.tick();
  assert.equal(alerts.problem, '');
});

test('alerts: what is raised and not acknowledged waits, whatever stands in the answer', async () => {
  const { alerts, world } = setUp();
  const raised = (acknowledged: boolean, value?: Json) => ({ seq: 4, since: 2, source: 's', run: 'r', agent_id: 'a', acknowledged, ...(value !== undefined && { value }) });
  world.list = [
    { alert_id: 1, name: 'kl', rule: 't where kl is NaN', action: { command: 'pause', webhook: 'http://h' }, raised: [raised(false, null), raised(true, 7)],
      last_action: { outcome: 'failed', message: 'no way' } },
    { alert_id: 2, rule: 't where x = null', raised: [raised(false, null)], action: { command: 'pause', target: 'a' } },
    { alert_id: 3, rule: 'gap', raised: ['t-10', 't-2'].map((source) => ({ seq: 1, source, acknowledged: true })) },
    7, null, { raised: 'x', name: {}, rule: [] },
  ];
  await alerts.tick();
  assert.equal(alerts.waiting, 2);
  assert.deepEqual(alerts.all.map(waitingOf), [1, 1, 0, 0, 0, 0]);
  assert.deepEqual(alerts.all[2]!.raised.map(({ source }) => source), ['t-2', 't-10']);
  assert.deepEqual(alerts.all[0]!.raised.map(({ value, acknowledged }) => [value, acknowledged]), [[null, false], [7, true]]);
  assert.deepEqual(alerts.all.slice(0, 2).map(({ title, action, lastAction }) => [title, action, lastAction]), [
    ['kl', 'pause → whatever raised it, POST http://h', 'failed: no way'], ['t where x = null', 'pause → a', '']]);
});

test('alerts: their events in one line', () => {
  assert.equal(eventSummary(told(1)), 'x where y is NaN: s/a: NaN');
  const value = (value: Json, rule: string) => eventSummary({ ...told(1), data: { rule, value } });
  assert.deepEqual([value(null, 't where x = null'), value(0.06149, 'r'), value(123456, 'r'), value('\u202eoom', 'r')],
    ['t where x = null: null', 'r: 0.0615', 'r: 123,456', 'r: [U+202E]oom']);
  const cleared = { ...told(2, 'alert_cleared'), data: { alert_id: 3, name: 'kl', rule: 'gap', reason: 'over', source: 's' } };
  assert.equal(eventSummary(cleared), 'kl: s over');
  const acted = { ...told(2, 'alert_action'), data: { alert_id: 3, action: 'webhook', outcome: 'failed', message: 'no connection' } };
  assert.equal(eventSummary(acted), '3: webhook failed: no connection');
  const said = (type: string, data: JsonObject) => eventSummary({ ...told(1), type, data });
  assert.deepEqual([said('price_update', { item: 'Coal', price: 150 }), said('scalar', { tag: 'loss', value: null, step: 1200 }),
                    said('span', { name: 'rollout', duration_ms: 150 }), said('run_ended', { state: 'crashed', error: 'E: no' })],
                   ['Coal 150', 'loss = NaN at step 1,200', 'rollout took 150 ms', 'crashed: E: no']);
});
