import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, JsonObject } from '../../../clients/web/src/feed/index.js';
import { Candles } from '../../../clients/web/src/model/candles.js';
import { Market } from '../../../clients/web/src/model/market.js';
import { sortItems } from '../../../clients/web/src/model/market_order.js';
import { PriceHistory, pagesMax } from '../../../clients/web/src/model/price_history.js';

const event = (seq: number, type: string, timestamp: number, data: JsonObject, source = 's') =>
  ({ seq, type, timestamp, source, run: 'r', source_seq: seq, data: { item: 'Coal', ...data } }) as BridgeEvent;
const price = (seq: number, timestamp: number, value: number | null) => event(seq, 'price_update', timestamp, { price: value });

test('candles: open, high, low, close and the sum, in whatever order values come', () => {
  const candles = new Candles(60);
  const values: [number, number, number][] = [[60, 5, 3], [119.99, 2, 6], [61, 9, 4], [62, 1, 5], [120, 7, 7], [-1, 4, 1]];
  for (const order of [values, [...values].reverse()]) {
    const made = order === values ? candles : new Candles(60);
    for (const [time_s, value, seq] of order) made.add(time_s, value, seq);
    assert.deepEqual(made.all.map(({ begin_s, open, high, low, close, count, sum }) => [begin_s, open, high, low, close, count, sum]),
                     [[-60, 4, 4, 4, 4, 1, 4], [60, 5, 9, 1, 2, 4, 17], [120, 7, 7, 7, 7, 1, 7]]);
  }
  assert.equal(candles.trim(2), 1);
  assert.deepEqual(candles.all.map(({ begin_s }) => begin_s), [60, 120]);
  const points = candles.points();
  assert.deepEqual([points.x[0], points.first[0], points.max[0], points.min[0], points.last[0], points.n[0]], [90, 5, 9, 1, 2, 4]);
});

/** What a bridge that holds `events` says, at most `pageMax` a page; `held()` is called before each answer. */
function setUp(events: BridgeEvent[], { pageMax = 10_000, missed = 0, held = async () => {} } = {}) {
  const asked: JsonObject[] = [];
  const history = new PriceHistory({
    now_ms: () => 0, after: () => {}, changed: () => {},
    async ask(_, params) {
      asked.push(params);
      const seq = events.at(-1)?.seq ?? 0;
      const found = events.filter((one) => one.data.item === params.item && one.source === params.source && one.seq <= seq &&
        one.timestamp >= Number(params.from_time) && one.timestamp <= Number(params.to_time ?? Infinity) &&
        one.seq < Number(params.before_seq ?? Infinity));
      await held();
      return { events: found.slice(-pageMax), more: found.length > pageMax, missed, seq } as unknown as JsonObject;
    },
  });
  return { history, asked };
}
const settled = () => new Promise((done) => setTimeout(done, 5));
const coal = { source: 's', item: 'Coal', candle: '1m' as const, from_s: 600 };

test('price history: all pages, then what comes behind the answer, each once', async () => {
  const events = Array.from({ length: 95 }, (_, i) => price(i + 1, 600 + i * 10, i % 7));
  let release = () => {};
  const { history, asked } = setUp(events, { pageMax: 30, held: () => new Promise((done) => (release = done)) });
  history.show(coal);
  // While it is asked: one that the answer has, and one that it has not.
  history.apply([events[94]!, price(96, 1550, 50)]);
  for (let i = 0; i < 4; ++i) {
    await settled();
    release();
  }
  await settled();
  history.apply([price(96, 1550, 50), price(97, 1551, 60), event(98, 'price_update', 1552, { item: 'Yew logs', price: 1 }),
                 { ...price(99, 1553, 1), source: 'another' }, price(100, 1554, null)]);
  assert.equal(asked.length, 4);
  assert.equal(history.prices.all.reduce((sum, { count }) => sum + count, 0), 97);
  const last = history.prices.all.at(-1)!;
  assert.deepEqual([last.begin_s, last.open, last.high, last.close, last.count], [1500, 6, 60, 60, 7]);
  assert.deepEqual([history.known_s, history.cut, history.loading], [600, '', false]);
});

test('price history: where pages end, and where events are lost, the first candle is partly known', async () => {
  const events = Array.from({ length: pagesMax * 10 + 5 }, (_, i) => price(i + 1, 600 + i, 1));
  const { history, asked } = setUp(events, { pageMax: 10 });
  history.show(coal);
  await settled();
  assert.equal(asked.length, pagesMax);
  assert.deepEqual([history.known_s, history.cut], [605, 'more than there is room for']);
  const lost = setUp([price(50, 700, 1), price(51, 800, 2)], { missed: 49 });
  lost.history.show(coal);
  await settled();
  assert.deepEqual([lost.history.known_s, lost.history.missed], [700, 49]);
});

test('price history: volume and margins; another item begins with nothing; a refill asks again', async () => {
  const events = [
    event(1, 'trade_executed', 601, { price: 10, quantity: 5, action_type: 'buy' }),
    event(2, 'trade_executed', 602, { price: 12, quantity: 7, action_type: 'SELL' }),
    event(3, 'margin_update', 603, { buy_price: 100, sell_price: 200 }),
    event(4, 'margin_update', 604, { buy_price: 100, sell_price: 200, margin_after_tax: 90 }),
  ];
  const { history, asked } = setUp(events);
  history.show(coal);
  await settled();
  assert.deepEqual(history.volumes.sums(), { x: [630], y: [12] });
  assert.deepEqual([history.margins.all[0]!.open, history.margins.all[0]!.close], [96, 90]);
  assert.deepEqual(history.trades.map(({ buy }) => buy), [true, false]);
  history.show({ ...coal, from_s: 660 }); // it goes on: nothing to ask
  assert.equal(asked.length, 1);
  history.refill();
  events.push(price(5, 605, 3));
  history.show(coal);
  await settled();
  assert.deepEqual([asked.length, history.prices.all[0]!.close, history.trades.length], [2, 3, 2]);
  history.show({ ...coal, item: 'Yew logs' });
  assert.deepEqual([history.prices.all.length, history.trades.length, history.loading], [0, 0, true]);
});

test('market: bounded in bytes, and how many are left out is told', () => {
  const market = new Market(100_000);
  for (let i = 1; i <= 1000; ++i) market.apply(event(i, 'price_update', i, { item: `Item ${i}`, price: i }));
  assert.ok(market.bytes <= 100_000 && market.items.size > 100);
  assert.equal(market.items.size + market.leftOut, 1000);
  // One that comes again is no longer left out, and another one is.
  market.apply(event(1001, 'price_update', 1001, { item: 'Item 1', price: 1 }));
  assert.equal(market.items.size + market.leftOut, 1000);
  assert.ok(market.items.has('s\nItem 1'));
  market.apply(event(1002, 'price_update', 1002, { item: 'x'.repeat(1_000_000), price: 1 }));
  assert.deepEqual([market.items.size, market.leftOut], [1, 1000]);
});

test('market: watched items first, nothing last, 10 after 2', () => {
  const market = new Market();
  const margin = (name: string, told: number | null) => event(1, 'margin_update', 1, { item: name, margin_after_tax: told });
  for (const one of [margin('Item 10', 5), margin('Item 2', 5), margin('none', null), margin('best', 9)]) market.apply(one);
  const names = (descending: boolean, watched = '') => sortItems([...market.items.values()], 'margin', descending, ({ name }) => name === watched)
    .map(({ name }) => name);
  assert.deepEqual(names(true), ['best', 'Item 2', 'Item 10', 'none']);
  assert.deepEqual(names(false, 'none'), ['none', 'Item 2', 'Item 10', 'best']);
});
