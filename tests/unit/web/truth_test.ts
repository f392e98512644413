import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, FeedState, JsonObject } from '../../../clients/web/src/feed/index.js';
import { Agents } from '../../../clients/web/src/model/agents.js';
import { Store } from '../../../clients/web/src/model/store.js';
import { Sum, Tallies } from '../../../clients/web/src/model/tallies.js';
import type { Past } from '../../../clients/web/src/past/backfill.js';
import { Stretch } from '../../../clients/web/src/past/stretch.js';
import { Travel } from '../../../clients/web/src/past/travel.js';
import { resolve, usualState } from '../../../clients/web/src/state/ui_state.js';
import { standingOf, type Condition } from '../../../clients/web/src/ui/connection.js';

let seq = 100;
const event = (type: string, data: JsonObject, fields: Partial<BridgeEvent> = {}): BridgeEvent =>
  ({ type, data, seq: ++seq, timestamp: seq, source: 's', run: 'r', ...fields });
const trade = (profit: number) => event('trade_executed', { agent_id: 'a', profit, total_value: 10 });
const answer = (trades: number, profit: number | null, at = 100): JsonObject => ({
  tallies: [{ run_id: 's@r/a', source: 's', run: 'r', agent_id: 'a', trades, wins: trades, closed: trades, profit,
              volume: 10 * trades, value: 7 }],
  since: { seq: 1, timestamp: 5 }, epoch: 'e', seq: at, complete: true,
});
const pastOf = (told: JsonObject): Past => ({ ask: async () => told, reason: 'start', position: undefined });

test('tallies: the answer, and the events behind it by the same rules', async () => {
  const tallies = new Tallies();
  assert.deepEqual(await tallies.fill(pastOf(answer(3, 30))), { epoch: 'e', seq: 100 });
  tallies.apply(trade(5));
  tallies.apply(trade(-1));
  tallies.apply(event('trade_executed', { agent_id: 'a', action_type: 'Sell', price: 3, quantity: 2 }));
  tallies.apply(event('trade_executed', { agent_id: 'a', action_type: 'buy' }));
  tallies.apply(event('portfolio_update', { agent_id: 'a', total_value: 2n ** 60n }));
  tallies.apply(event('portfolio_update', { agent_id: 'a' }));
  tallies.apply(event('trade_executed', { agent_id: 'a' }, { source: undefined }));
  assert.deepEqual(tallies.of('s@r/a'), { trades: 7, wins: 4, closed: 6, profit: 34, volume: 56, value: 2n ** 60n });
  assert.equal(tallies.of('x@y'), undefined);
});

test('tallies: what no double can hold is nothing, and stays so', async () => {
  const tallies = new Tallies();
  await tallies.fill(pastOf(answer(3, null)));
  tallies.apply(trade(5));
  assert.equal(tallies.of('s@r/a')?.profit, undefined);
  const sum = new Sum(0);
  for (let i = 0; i < 10; ++i) sum.add(0.1);
  sum.add(1e16);
  sum.add(-1e16);
  assert.equal(sum.total, 1);
  sum.add(1.7e308);
  sum.add(1.7e308);
  sum.add(-1.7e308);
  assert.equal(sum.total, undefined);
});

test('tallies: in a stretch what was before its beginning is not counted', async () => {
  const tallies = new Tallies();
  await tallies.fill(pastOf(answer(10, 100)));
  const asked: unknown[] = [];
  const stretch = new Stretch(async (command, params) => {
    asked.push([command, params]);
    return command === 'get_tallies' ? answer(4, 25, 40) : { events: [{ seq: 40 }], epoch: 'e' };
  }, () => {});
  await stretch.show(77);
  await stretch.show(77);
  assert.deepEqual(asked, [['get_recent_events', { to_time: 77, count: 1 }], ['get_tallies', { at_seq: 40 }]]);
  tallies.before = stretch.before;
  tallies.apply(trade(1));
  assert.deepEqual(tallies.of('s@r/a'), { trades: 7, wins: 7, closed: 7, profit: 76, volume: 70, value: 7 });
  assert.deepEqual([tallies.origin?.since_seq, tallies.origin?.since_s], [41, 77]);
});

test('agents: a source that announces that it runs is not paused, whoever resumed it', () => {
  let now_s = 1000;
  const agents = new Agents(new Tallies(), () => now_s);
  agents.apply(event('portfolio_update', { agent_id: 'a', total_value: 1 }));
  const agent = agents.all.get('s\na')!;
  const announced = (activity: string) => agents.applySources([{ source: 's', state: 'live', activity, agents: ['a'] }]);
  announced('paused');
  assert.equal(agents.state(agent), 'paused');
  announced('running');
  assert.equal(agents.state(agent), 'live');
  const command = (name: string, target: string) => agents.apply(event('command_executed',
    { command: name, target, trainer: 's', outcome: 'success' }, { source: 'ppo-bridge', timestamp: now_s }));
  for (const target of ['a', 's/a', 's@r/a', 's', 's@r', '*']) {
    command('pause', target);
    assert.equal(agents.state(agent), 'paused', target);
    announced('running'); // of before, perhaps
    assert.equal(agents.state(agent), 'paused', target);
    command('resume', target);
    assert.equal(agents.state(agent), 'live', target);
  }
  command('pause', 's/b');
  assert.equal(agents.state(agent), 'live');
  command('pause', 'a');
  now_s += 10;
  announced('running');
  assert.equal(agents.state(agent), 'live');
});

test('standing: what is worst is said', () => {
  const feed: FeedState = { status: 'live', attempts: 0 };
  const condition: Condition = { feed, wasLive: true, retryAt_s: 3, silentSince_s: undefined, filled: true, problem: '',
                                 behind_s: 0, paused: false, past: '', now_s: 1 };
  const word = (change: Partial<Condition>) => standingOf({ ...condition, ...change }).word;
  assert.equal(word({}), '● live');
  assert.equal(word({ behind_s: 2.6 }), '▲ behind by 3 s');
  assert.equal(word({ behind_s: 9, paused: true }), '❚❚ paused');
  assert.equal(word({ past: 'as of then', paused: true }), '◷ as of then');
  assert.equal(word({ past: 'as of then', filled: false }), '… asking');
  assert.match(word({ silentSince_s: 1, filled: false }), /^▲ bridge silent since \d\d:\d\d:\d\d$/);
  assert.equal(word({ silentSince_s: 1, feed: { status: 'waiting', attempts: 1 } }), '▲ connection lost');
  const { line } = standingOf({ ...condition, feed: { status: 'waiting', attempts: 1, reason: 'gone' } });
  assert.equal(line, 'Connection lost (gone) in 2 s');
});

test('state: a stretch that ends now moves on in steps, and a moment is its end', () => {
  const state = { ...usualState('overview'), last: 300 };
  const first = resolve(state, 1000, false);
  assert.equal(first.from, 700);
  assert.equal(resolve(state, 1020, false, first).from, 700);
  assert.equal(resolve(state, 1040, false, first).from, 740);
  assert.deepEqual([resolve({ ...state, at: 900 }, 1000, false).to, resolve({ ...state, at: 900 }, 1000, true).to],
                   [900, undefined]);
});

test('travel: a store as of then, and a replay that goes on from it', async () => {
  const asked: string[] = [];
  const commands: unknown[] = [];
  let now_ms = 0;
  const travel = new Travel({
    ask: async (command, params) => {
      asked.push(command);
      if (command === 'get_tallies') return answer(4, 25, Number(params?.at_seq));
      return { events: params?.count === 1 ? [{ seq: 40 }] : [], epoch: 'e', seq: 90, runs: [] };
    },
    command: async (command, { params }) => {
      commands.push([command, params]);
      return { command };
    },
    newStore: () => new Store(() => 0),
    now_ms: () => now_ms,
    changed: () => {},
  });
  await travel.show(500);
  const trades = () => travel.store!.tallies.of('s@r/a')?.trades;
  assert.equal(trades(), 4);
  assert.ok(!asked.includes('get_snapshot')); // that is of now
  travel.onReplay(trade(1) as unknown as JsonObject); // nobody asked for it
  assert.equal(trades(), 4);
  await travel.play(600, 10);
  assert.deepEqual(commands, [['replay', { from: { seq: 41 }, to: { timestamp: 600 }, speed: 10 }]]);
  travel.onReplay({ ...trade(1), seq: 40, timestamp: 499 } as unknown as JsonObject); // it is in the answer
  travel.onReplay({ ...trade(1), seq: 41, timestamp: 510 } as unknown as JsonObject);
  now_ms += 1000;
  assert.deepEqual([trades(), travel.position_s()], [5, 520]);
  now_ms += 100_000;
  assert.equal(travel.position_s(), 600);
  travel.onReplay({ type: 'replay_end', data: { reason: 'done' } });
  assert.deepEqual([travel.playing, travel.moment_s], [false, 600]);
  await travel.show(undefined);
  assert.equal(travel.store, undefined);
});
