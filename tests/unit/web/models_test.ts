import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, CommandReply, Json, JsonObject } from '../../../clients/web/src/feed/index.js';
import { Agents, type Agent } from '../../../clients/web/src/model/agents.js';
import { BridgeStatus } from '../../../clients/web/src/model/bridge_status.js';
import { Ring } from '../../../clients/web/src/model/ring.js';
import { Series } from '../../../clients/web/src/model/series.js';
import { Store } from '../../../clients/web/src/model/store.js';
import { Tallies } from '../../../clients/web/src/model/tallies.js';
import { taxOf } from '../../../clients/web/src/model/tax.js';
import { compact, digits, duration, full } from '../../../clients/web/src/ui/format.js';

let seq = 0;
function event(type: string, data: JsonObject, fields: Partial<BridgeEvent> = {}): BridgeEvent {
  ++seq;
  return { type, data, seq, timestamp: seq, source: 's', ...fields };
}

function setUp() {
  let now_ms = 0;
  const store = new Store(() => now_ms);
  const apply = (events: BridgeEvent[]) => store.parts.forEach((part) => events.forEach((each) => part.apply(each)));
  return { store, apply, pass: (ms: number) => { now_ms += ms; } };
}

test('format: numbers as in the game', () => {
  assert.deepEqual([0, 999, 9_999, 10_000, 100_000, 999_999, 1_670_794, 2_147_483_647, -28_600_000].map(compact),
    ['0', '999', '9,999', '10k', '100k', '1m', '1.67m', '2.15b', '−28.6m']);
  assert.equal(full(9223372036854775807n), '9,223,372,036,854,775,807');
  assert.deepEqual([0, 0.000_012, -0.25, 1.5, 123_456].map(digits), ['0', '1.20e-5', '−0.25', '1.5', '1.23e+5']);
  assert.deepEqual([0.0021, 12, 600, 9000].map(duration), ['2 ms', '12 s', '10 min', '3 h']);
});

test('tax: two per cent, rounded down, none below 50 gp or on bonds, at most 5m', () => {
  assert.deepEqual([49, 50, 99, 100, 1_600_000, 250_000_000, 2_147_483_647].map((price) => taxOf('Coal', price)),
    [0, 1, 1, 2, 32_000, 5_000_000, 5_000_000]);
  assert.equal(taxOf('Old school bond', 5_000_000), 0);
});

test('ring: keeps the newest', () => {
  const ring = new Ring<number>(3);
  for (let i = 1; i <= 5; ++i) ring.push(i);
  assert.deepEqual([...ring], [3, 4, 5]);
  assert.deepEqual([...ring.newestFirst()], [5, 4, 3]);
  assert.equal(ring.numbered(1), undefined);
  assert.equal(ring.numbered(2), 3);
  assert.equal(ring.pushed, 5);
});

test('series: bounded, reaches back to its beginning, and a hole stays a hole', () => {
  const series = new Series(1, 100);
  for (let x = 0; x < 10_000; ++x) series.push(x, [x === 9_999 ? null : x]);
  assert.ok(series.length < 100);
  assert.equal(series.x[0], 0);
  assert.equal(series.x[series.length - 1], 9_999);
  assert.equal(series.columns[0]![series.length - 1], null);
  const steps = series.x.slice(1, -2).map((x, i) => series.x[i + 2]! - x);
  assert.ok(Math.max(...steps) <= 2 * Math.min(...steps), steps.join());
  series.push(5, [1]);
  assert.equal(series.x[series.length - 1], 5);
  assert.ok(series.x.every((x, i) => i === 0 || x > series.x[i - 1]!));
});

test('agents: profit, wins, and how they are', () => {
  const { store, apply } = setUp();
  const of = (data: JsonObject) => ({ agent_id: 'a', ...data });
  const status = (data: JsonObject, source: string) => event('system_status', data, { source });
  apply([
    event('trade_executed', of({ action_type: 'buy', profit: 0 })),
    event('trade_executed', of({ action_type: 'sell', profit: 30 })),
    event('trade_executed', of({ action_type: 'sell', profit: 0 })),
    event('trade_executed', of({ action_type: 'SELL', profit: -10 })),
    event('trade_executed', of({ action_type: 'sell', profit: null })),
  ]);
  const agent = store.agents.all.get('s\na')!;
  assert.deepEqual([agent.profit, agent.trades, agent.closed, agent.wins], [20, 5, 4, 1]);
  apply([event('trade_executed', of({ profit: 1.7e308 })), event('trade_executed', of({ profit: 1.7e308 }))]);
  assert.deepEqual([agent.profit, agent.trades], [undefined, 7]);
  const state = () => store.agents.state(agent);
  assert.equal(state(), 'live');
  apply([status({ status: 'paused', message: 'a paused at step 7' }, 's')]);
  assert.equal(state(), 'paused');
  apply([status({ status: 'source_stalled', source: 's' }, 'ppo-bridge')]);
  assert.equal(state(), 'stalled');
  // Only the bridge says how a source is.
  apply([status({ status: 'source_gone', source: 's' }, 'liar')]);
  assert.equal(state(), 'stalled');
  apply([status({ status: 'source_gone', source: 's' }, 'ppo-bridge')]);
  assert.equal(state(), 'gone');
  apply([status({ status: 'source_connected', source: 's' }, 'ppo-bridge')]);
  assert.equal(state(), 'live');
});

test('market: the margin is what is left after tax', () => {
  const { store, apply } = setUp();
  apply([event('margin_update', { item: 'Abyssal whip', buy_price: 1_500_000, sell_price: 1_600_000 }),
               event('margin_update', { item: 'Coal', buy_price: null, sell_price: 5 })]);
  assert.equal(store.market.items.get('s\nAbyssal whip')?.netMargin, 68_000);
  assert.equal(store.market.items.get('s\nCoal')?.netMargin, undefined);
});

test('bridge status: what /metrics says of the journal and of delays', () => {
  const status = new BridgeStatus();
  status.takeMetrics('ppo_bridge_clients 2\n');
  assert.deepEqual([status.journal, status.handedOn], [[], undefined]);
  const bucket = (le: string, count: number) => `ppo_bridge_receive_to_send_seconds_bucket{delivery="each",le="${le}"} ${count}\n` +
    `ppo_bridge_receive_to_send_seconds_bucket{delivery="batch",le="${le}"} 0\n`;
  status.takeMetrics('# HELP ppo_bridge_journal_rows_total Rows.\nppo_bridge_journal_rows_total 12\n' +
    bucket('0.0001', 60) + bucket('0.001', 99) + bucket('+Inf', 100));
  assert.deepEqual(status.journal, [['rows total', 12]]);
  assert.deepEqual(status.handedOn, { half: 0.0001, most: 0.001 });
});

test('bridge status: of two processes with one name each is named by its run', async () => {
  const status = new BridgeStatus();
  const sources = [{ source: 't', run: 'b2', runs: [{ run: 'a1' }, { run: 'b2' }] }, { source: 'u', run: 'c3' }];
  await status.refresh(async (command) =>
    ({ result: command === 'get_sources' ? { sources } : {} } as unknown as CommandReply), false);
  assert.deepEqual(status.sources.map(({ targets }) => targets), [['t@a1', 't@b2'], ['u']]);
});

test('store: an event that comes again is on the tape once, and in another epoch too', () => {
  const { store, apply } = setUp();
  store.newEpoch('e');
  const trades = [1, 2, 3].map((n) => event('trade_executed', { agent_id: 'a', profit: 1 }, { run: 'r', source_seq: n }));
  apply(trades);
  apply(trades);
  assert.equal(store.tape.total, 3);
  store.newEpoch('f');
  apply(trades.map((trade, i) => ({ ...trade, seq: i + 1 })));
  apply([event('trade_executed', { agent_id: 'a', profit: 1 }, { run: 'r', source_seq: 4, seq: 4 })]);
  assert.equal(store.tape.total, 4);
});

test('delay: what was fetched later than it came counts for nothing', () => {
  const { store, pass } = setUp();
  pass(100_000);
  store.came([event('t', {}, { timestamp: 7, seq: 100 })], 100);
  assert.equal(store.delays.length, 0);
  store.came([event('t', {}, { timestamp: 99.5, seq: 101 })], 100);
  assert.deepEqual([...store.delays], [500]);
});

test('agents: an alert that names an agent makes none of the bridge', () => {
  const { store, apply } = setUp();
  apply([event('alert_raised', { agent_id: 'agent_0', source: 'trainer-1' }, { source: 'ppo-bridge' }),
    event('agent_decision', { agent_id: 'agent_0' }, { source: 'trainer-1' })]);
  assert.deepEqual([...store.agents.all.values()].map(({ source }) => source), ['trainer-1']);
});

test('agents: what takes a search of the journal comes later, and what is newer stays', async () => {
  const agents = new Agents(new Tallies(), () => 1000);
  const value = (timestamp: number, agent = 'a') => event('portfolio_update', { agent_id: agent, total_value: timestamp }, { run: 'r', timestamp });
  const command = (name: string, agent: string, timestamp: number) => event('command_executed',
    { command: name, target: `s/${agent}`, trainer: 's', outcome: 'success' }, { source: 'ppo-bridge', timestamp });
  const events = (...all: BridgeEvent[]) => ({ events: all as unknown as Json });
  const answers: { [command: string]: JsonObject } = {
    get_snapshot: { ...events(value(10), value(10, 'b')), epoch: 'e', seq: 50 },
    get_runs: { runs: ['a', 'b'].map((id) => ({ run_id: `s@r/${id}`, source: 's', run: 'r', agent_id: id, state: 'running', last_event: 10 })), count: 2 },
  };
  const searches: ((answer: JsonObject) => void)[] = [];
  await agents.fill({
    ask: (name) => (name === 'get_recent_events' ? new Promise((done) => searches.push(done)) : Promise.resolve(answers[name]!)),
    reason: 'start', position: undefined,
  });
  const [a, b] = ['a', 'b'].map((id) => agents.all.get(`s\n${id}`)!) as [Agent, Agent];
  agents.apply(value(20));
  agents.apply(command('resume', 'b', 30));
  assert.deepEqual([a.value, a.values.x, agents.state(a)], [20, [10, 20], 'live']);
  searches[0]!(events(value(1), value(2), value(10)));
  searches[1]!(events(command('pause', 'a', 5), command('pause', 'b', 5)));
  await new Promise((done) => setTimeout(done));
  assert.deepEqual([a.value, a.values.x, b.values.x], [20, [1, 2, 10, 20], [10]]);
  assert.deepEqual([agents.state(a), agents.state(b)], ['paused', 'live']);
});
