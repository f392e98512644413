// The market: candles are what was published, rows stand still, stars stay, a link opens the item.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, openPage, screenshot, startBridge, stopAll, submit, until } from './support.mjs';

after(stopAll);

const event = (type, data, source = 'trainer-1') => ({ type, source, run: 'r', data });
const margin = (item, value) => event('margin_update', { item, buy_price: 100, sell_price: 200, margin_after_tax: value });
const open = (page) => page.getByRole('region', { name: 'The open item' });
const names = async (page) => page.getByRole('grid', { name: 'Items' }).locator('.grid-row:not(.head) strong').allTextContents();
const starts = (list, ...wanted) => wanted.every((name, i) => list[i] === name);

async function candles(page) {
  const [download] = await Promise.all([page.waitForEvent('download'), open(page).getByRole('button', { name: 'CSV' }).click()]);
  const [, ...rows] = readFileSync(await download.path(), 'utf8').trimEnd().split('\n');
  return rows.map((row) => row.split(',').map((value) => (value === '' ? undefined : Number(value))));
}

// As the contract has it, from the events themselves.
async function expected(bridge, item, length_s) {
  const { result } = await command(bridge, 'get_recent_events', { count: 10_000, item });
  assert.equal(result.complete, true);
  const made = new Map();
  for (const { type, timestamp, data } of result.events) {
    const begin = Math.floor(timestamp / length_s) * length_s;
    if (!made.has(begin)) made.set(begin, { prices: [], volume: undefined, trades: undefined, margin: undefined });
    const one = made.get(begin);
    if (type === 'price_update') one.prices.push(data.price);
    if (type === 'margin_update') one.margin = data.margin_after_tax;
    if (type === 'trade_executed') {
      one.volume = (one.volume ?? 0) + data.quantity;
      one.trades = (one.trades ?? 0) + 1;
    }
  }
  return [...made].map(([begin, { prices, volume, trades, margin: last }]) => [
    begin, prices[0], prices.length > 0 ? Math.max(...prices) : undefined, prices.length > 0 ? Math.min(...prices) : undefined,
    prices.at(-1), prices.length || undefined, volume, trades, last, 0]);
}

test('market: candles are the sums of what was published, before the page and while it is open', async () => {
  const bridge = await startBridge();
  const trade = (price, quantity, action_type) => event('trade_executed', { agent_id: 'a', item: 'Coal', price, quantity, action_type });
  const some = (n) => Array.from({ length: n }, (_, i) => event('price_update', { item: 'Coal', price: 150 + ((i * 37) % 50) }));
  await submit(bridge, margin('Coal', 42), trade(160, 30, 'buy'), ...some(2000));
  const page = await openPage(bridge, { view: 'market?item=trainer-1/Coal' });
  await open(page).getByText('2,000 prices').waitFor();
  await submit(bridge, ...some(999), trade(155, 12, 'sell'), margin('Coal', 43), event('price_update', { item: 'Coal', price: 1 }, 'another'),
               event('price_update', { item: 'Coal', price: null }), event('price_update', { item: 'Coal', price: 151 }));
  await open(page).getByText('3,000 prices').waitFor();
  // Of this source alone, with what another one says of the same item left out.
  const wanted = await expected(bridge, 'Coal', 60);
  const { result } = await command(bridge, 'get_recent_events', { count: 10_000, item: 'Coal', source: 'trainer-1', type: 'price_update' });
  const prices = result.events.flatMap(({ data }) => data.price ?? []);
  const shown = await candles(page);
  assert.equal(shown.reduce((sum, row) => sum + (row[5] ?? 0), 0), 3000);
  assert.equal(prices.length, 3000);
  assert.equal(shown[0][1], prices[0]);
  assert.equal(shown.at(-1)[4], 151);
  assert.deepEqual([Math.max(...shown.map((row) => row[2] ?? 0)), Math.min(...shown.map((row) => row[3] ?? Infinity))], [199, 150]);
  assert.deepEqual(shown.map((row) => [row[0], row[6], row[7], row[8]]), wanted.map((row) => [row[0], row[6], row[7], row[8]]));
  assert.equal(shown.reduce((sum, row) => sum + (row[6] ?? 0), 0), 42);
  // Longer candles, each time from the events themselves, and the same in a second browser.
  for (const [name, length_s] of [['5m', 300], ['1h', 3600], ['1d', 86_400]]) {
    await open(page).getByRole('button', { name, exact: true }).click();
    await open(page).getByText('3,000 prices').waitFor();
    const longer = await candles(page);
    assert.ok(longer.length <= 2 && longer.every((row) => row[0] % length_s === 0), JSON.stringify(longer));
    assert.equal(longer.reduce((sum, row) => sum + row[5], 0), 3000);
  }
  const second = await openPage(bridge, { view: new URL(page.url()).hash.slice(2) });
  await open(second).getByRole('button', { name: '1d', pressed: true }).waitFor();
  await open(second).getByText('3,000 prices').waitFor();
  assert.deepEqual(await candles(second), await candles(page));
  // As it was at a moment: nothing behind it counts.
  const then = result.events[1999].timestamp;
  assert.ok(then < result.events[2000].timestamp);
  const past = await openPage(bridge, { view: `market?item=trainer-1/Coal&to=${then}` });
  await open(past).getByText('2,000 prices').waitFor();
  assert.equal((await candles(past)).reduce((sum, row) => sum + (row[6] ?? 0), 0), 30);
  assert.deepEqual(past.problems, []);
  // One crosshair through all panes.
  await open(page).locator('.chart').nth(1).hover();
  assert.equal(await open(page).locator('.crosshair:visible').count(), 3);
  await screenshot(page, 'market-candles');
  assert.deepEqual([page.problems, second.problems], [[], []]);
});

test('market: rows keep their order until it is asked for, stars stay and stand first', async () => {
  const bridge = await startBridge();
  await submit(bridge, margin('Coal', 30), margin('Yew logs', 20), margin('Shark', 10));
  const page = await openPage(bridge, { view: 'market' });
  await until('sorted', async () => starts(await names(page), 'Coal', 'Yew logs', 'Shark'));
  await page.getByRole('button', { name: 'Sort again' }).and(page.locator(':disabled')).waitFor();
  await submit(bridge, margin('Shark', 99), margin('Lobster', 50));
  await page.getByRole('row').filter({ hasText: 'Shark' }).getByText('99', { exact: true }).waitFor();
  await page.getByRole('row').filter({ hasText: 'Lobster' }).waitFor();
  assert.deepEqual(await names(page), ['Coal', 'Yew logs', 'Shark', 'Lobster']);
  await page.getByRole('button', { name: 'Sort again' }).click();
  await until('sorted again', async () => starts(await names(page), 'Shark', 'Lobster', 'Coal', 'Yew logs'));
  await page.getByRole('checkbox', { name: 'Watch Yew logs' }).click();
  await page.getByRole('button', { name: 'Sort again' }).click();
  await until('watched first', async () => starts(await names(page), 'Yew logs', 'Shark'));
  await page.reload();
  await until('watched first after a reload', async () => starts(await names(page), 'Yew logs', 'Shark'));
  assert.ok(await page.getByRole('checkbox', { name: 'Watch Yew logs' }).isChecked());
  // A row opens its item, and the address has it.
  await page.getByRole('row').filter({ hasText: 'Lobster' }).locator('strong').click();
  await open(page).getByText('Lobster').waitFor();
  assert.match(page.url(), /item=trainer-1%2FLobster/);
  await page.goBack();
  await open(page).getByText('Yew logs').waitFor();
  assert.deepEqual(page.problems, []);
});

test('market: 5,000 items are there, searched, and only those in sight have elements', async () => {
  const bridge = await startBridge();
  for (let at = 0; at < 5000; at += 1000) {
    await submit(bridge, ...Array.from({ length: 1000 }, (_, i) => margin(`Item ${at + i}`, at + i)));
  }
  const page = await openPage(bridge, { view: 'market' });
  await page.getByText('5,000 items').waitFor();
  await until('the best first', async () => (await names(page))[0] === 'Item 4999');
  assert.ok((await names(page)).length < 100);
  const grid = page.getByRole('grid', { name: 'Items' });
  await grid.press('End');
  await grid.getByText('Item 0', { exact: true }).waitFor();
  // One tab stop.
  assert.equal(await grid.locator('[tabindex="0"]').count(), 0);
  await page.getByLabel('Search items').fill('item 4242');
  await page.getByText('1 item', { exact: true }).waitFor();
  assert.deepEqual(await names(page), ['Item 4242']);
  assert.match(page.url(), /look=item/);
  assert.deepEqual(page.problems, []);
});
