// The tape: as far back as the bridge remembers, still while one reads, and alike for whom a link is sent to.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { command, openPage, screenshot, startBridge, stop, stopAll, submit, until } from './support.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'ppo-tape-'));
after(async () => {
  await stopAll();
  rmSync(scratch, { recursive: true, force: true });
});

let sent = 0;
const trade = (data) => ({
  type: 'trade_executed', source: 'trainer-1', run: 'r', source_seq: ++sent,
  data: { agent_id: 'agent_0', action_type: 'sell', item: 'Coal', price: 199, quantity: 5, profit: 10, total_value: 995, ...data },
});
const event = (type, data) => ({ type, source: 'trainer-1', run: 'r', source_seq: ++sent, data });
const tapeOf = (page) => page.getByLabel('Events, newest first');
const rowsOf = (page) => tapeOf(page).locator('.rows .row');
const scroll = (page, how) => tapeOf(page).locator('.scroller').evaluate((element, to) => {
  element.scrollTop = to === 'end' ? element.scrollHeight : to;
}, how);
const hash = (page) => page.evaluate(() => decodeURIComponent(location.hash.replaceAll('+', ' ')));
const statusOf = (page) => page.locator('.tape .bar > .muted').textContent();

// A journal of many events, of which a bridge with a small memory holds few.
let bridge;
const count = 12_000;
before(async () => {
  const settings = [`journal.path="${join(scratch, 'journal.sqlite')}"`, 'history.events_max=1000'];
  const first = await startBridge({ settings });
  for (let i = 0; i < count; i += 1000) {
    await submit(first, ...Array.from({ length: 1000 }, (_, n) =>
      trade({ profit: i + n, item: (i + n) % 1000 === 7 ? 'Abyssal whip' : 'Coal' })));
  }
  await until('all in the journal', async () => /ppo_bridge_journal_rows_total (\d+)/
    .exec(await (await fetch(`${first.page}metrics`)).text())?.[1] >= count);
  await stop(first);
  bridge = await startBridge({ settings }); // yesterday's events, for this one
});

test('tape: one scrolls back to the first event of the journal, with a filter too', async () => {
  const page = await openPage(bridge, { view: 'tape' });
  await rowsOf(page).first().waitFor();
  await until('the beginning', async () => {
    await scroll(page, 'end');
    return (await page.locator('.tail').textContent()).includes('The log of the bridge begins here.');
  });
  await scroll(page, 'end');
  await rowsOf(page).filter({ hasText: 'profit 0' }).waitFor(); // the very first one
  await page.getByLabel('Filter', { exact: true }).fill('trade_executed where profit > 5k and item = "Abyssal whip"');
  await page.getByText('7 shown').waitFor();
  assert.match(await page.locator('.tail').textContent(), /begins here/);
  await page.getByLabel('Filter', { exact: true }).fill('trade_executed where profit = 7');
  await page.getByText('1 shown').waitFor();
  await rowsOf(page).filter({ hasText: 'Abyssal whip' }).waitFor();
  assert.deepEqual(page.problems, []);
});

test('tape: a filter that cannot be read says where, and what was shown stays', async () => {
  const page = await openPage(bridge, { view: 'tape' });
  const filter = page.getByLabel('Filter', { exact: true });
  await filter.fill('trade_executed where profit = 1,007');
  await page.getByText('1 shown').waitFor();
  await filter.fill('trade_executed where profit = 1,007 or');
  await page.getByText('At character 39: expected a field of the event, found the end.').waitFor();
  await page.getByText('1 shown').waitFor();
  await filter.fill('count(trade_executed) per 1m > 5');
  await page.getByText('expected what one event alone decides').waitFor();
  // The boxes write into it, and keep what else it asks for.
  await filter.fill('trade_executed where profit > 11990');
  await page.getByLabel('Filter by item').fill('whip');
  assert.equal(await filter.inputValue(), 'trade_executed where item ~ "whip" and profit > 11990');
  await page.getByText('0 shown').waitFor();
  await filter.fill('* where item ~ WHIP and profit >= 11k');
  assert.equal(await page.getByLabel('Filter by item').inputValue(), 'WHIP');
  await page.getByText('1 shown').waitFor();
  assert.equal(await hash(page), '#/tape?filter=* where item ~ WHIP and profit >= 11k');
  // A link with a filter that is none shows nothing rather than everything.
  await page.goto(`${bridge.page}#/tape?filter=nonsense+where`);
  await page.getByText('At character 15').waitFor();
  await page.getByText('0 shown').waitFor();
  assert.deepEqual(page.problems, []);
});

test('tape: rows stand still under the pointer and where one has scrolled, and what came is counted', async () => {
  const live = await startBridge();
  const page = await openPage(live, { view: 'tape' });
  await page.getByLabel('Filter by type').fill('trade_executed');
  await submit(live, ...Array.from({ length: 100 }, () => trade({})));
  await page.getByText('100 shown').waitFor();
  await page.getByText('following').waitFor();
  const top = () => rowsOf(page).first().locator('.cell-seq').textContent();
  const before = await top();
  const row = await rowsOf(page).nth(3).boundingBox();
  await page.mouse.move(row.x + 50, row.y + 10);
  await page.getByText('held: pointed at').waitFor();
  await submit(live, trade({}), trade({}), event('price_update', { item: 'Coal', price: 1 }));
  await page.getByText('2 new').waitFor();
  assert.equal(await top(), before);
  await page.mouse.click(row.x + 50, row.y + 10); // the row that was there
  assert.ok((await hash(page)).startsWith(`#/tape?filter=trade_executed&seq=${Number(before.replace(',', '')) - 3}&epoch=`));
  await page.mouse.move(5, 5);
  await page.getByText('following').waitFor();
  await page.getByText('102 shown').waitFor();
  // Scrolled away.
  await scroll(page, 520);
  await page.getByText('held: scrolled').waitFor();
  const third = await rowsOf(page).nth(10).textContent();
  await submit(live, ...Array.from({ length: 30 }, () => trade({})));
  await page.getByText('30 new · follow').click();
  await page.getByText('132 shown').waitFor();
  assert.notEqual(await rowsOf(page).nth(10).textContent(), third);
  // By a key, and on.
  await page.keyboard.press('Space');
  await page.getByText('· held').waitFor();
  await submit(live, trade({}));
  await page.getByText('1 new').waitFor();
  await screenshot(page, 'tape-held');
  await page.keyboard.press('Space');
  await page.getByText('133 shown').waitFor();
  assert.deepEqual(page.problems, []);
});

test('tape: a filter that is set while the rows are held shows at once what passes it, and holds that', async () => {
  const live = await startBridge();
  const page = await openPage(live, { view: 'tape' });
  await submit(live, ...Array.from({ length: 20 }, (_, n) => (n % 2 ? trade({}) : event('price_update', { item: 'Coal', price: n }))));
  await page.getByText('20 shown').waitFor();
  await page.keyboard.press('Space');
  await page.getByText('· held').waitFor();
  await page.getByLabel('Filter by type').fill('price_update');
  await page.getByText('10 shown').waitFor();
  await submit(live, trade({}), event('price_update', { item: 'Coal', price: 99 }));
  await page.getByText('1 new').waitFor();
  assert.ok((await rowsOf(page).allTextContents()).every((row) => row.includes('price_update')));
  await page.getByLabel('Filter by type').fill('');
  await page.getByText('22 shown').or(page.getByText('20 shown')).waitFor();
  assert.ok((await rowsOf(page).allTextContents()).some((row) => row.includes('trade_executed')));
  assert.deepEqual(page.problems, []);
});

test('tape: a few huge events take no more memory than many small ones', { timeout: 120_000 }, async () => {
  const live = await startBridge();
  const page = await openPage(live, { view: 'tape' });
  await page.getByText('following').waitFor();
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize;
  };
  const before = await heap();
  const note = 'n'.repeat(200_000);
  for (let n = 0; n < 400; n += 10) { // 80 MB
    await submit(live, ...Array.from({ length: 10 }, (_, i) => trade({ note, profit: n + i })));
  }
  await rowsOf(page).first().getByText('399').waitFor();
  assert.ok(await heap() - before < 60e6, `the heap grew by ${(await heap() - before) / 1e6} MB`);
  assert.deepEqual(page.problems, []);
});

test('tape: a link to an event of long ago shows it to somebody else, and what to do with it', async () => {
  const { result } = await command(bridge, 'get_recent_events', { since_seq: 0, count: 50 });
  const wanted = result.events.find(({ type }) => type === 'trade_executed');
  const page = await openPage(bridge, { view: `tape?seq=${wanted.seq}`, permissions: ['clipboard-read', 'clipboard-write'] });
  await page.getByRole('heading', { name: `trade_executed ${wanted.seq}` }).waitFor();
  const json = JSON.parse(await page.locator('.json').textContent());
  assert.deepEqual(json.data, wanted.data);
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByText('Copied').waitFor();
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), json);
  await page.getByRole('button', { name: 'Around it' }).click();
  await until('a range', async () => /from=\d+&to=\d+&seq=/.test(await hash(page)));
  await page.getByText('· a range').waitFor();
  await until('its rows', async () => (await rowsOf(page).count()) > 10);
  await page.getByRole('button', { name: 'Only this agent' }).click();
  assert.match(await hash(page), /filter=\* where source = "trainer-1" and agent_id = "agent_0"/);
  await page.goBack();
  assert.doesNotMatch(await hash(page), /filter/);
  await page.keyboard.press('Escape');
  assert.doesNotMatch(await hash(page), /seq/);
  // One that nobody has.
  await page.goto(`${bridge.page}#/tape?seq=999999999`);
  await page.getByText('Neither the bridge nor its journal has an event of this number').waitFor();
  assert.deepEqual(page.problems, []);
});

test('tape: a link names the numbering of its event, and says where that is gone', async () => {
  const settings = [`journal.path="${join(scratch, 'epochs.sqlite')}"`];
  const first = await startBridge({ settings });
  await submit(first, trade({ item: 'Shark' }));
  const page = await openPage(first, { view: 'tape' });
  await rowsOf(page).filter({ hasText: 'Shark' }).click();
  await until('the numbering in the address', async () => /seq=\d+&epoch=\w+/.test(await hash(page)));
  const link = page.url();
  const kept = async (bridge) => /ppo_bridge_journal_rows_total (\d+)/.exec(await (await fetch(`${bridge.page}metrics`)).text())?.[1] >= 1;
  await until('it is in the journal', () => kept(first));
  await stop(first, 'SIGKILL');
  // A journal knows the numbering of before, and what of it goes on.
  const second = await startBridge({ settings, at: first });
  await submit(second, trade({ item: 'Lobster' }));
  const { result: { epoch } } = await command(second, 'get_recent_events', {});
  assert.ok(!link.includes(epoch));
  const later = await openPage(second, { view: 'tape' });
  await later.goto(link);
  await later.reload();
  await later.getByLabel('The event as JSON').getByText('Shark').waitFor();
  await later.goto(link.replace(/seq=\d+/, 'seq=50'));
  await later.reload();
  await later.getByText('This event is gone: the bridge has numbered its events anew').waitFor();
  await stop(second);
  // Without one another event has that number now.
  const third = await startBridge({ at: first });
  await submit(third, trade({ item: 'Coal' }), trade({ item: 'Coal' }));
  const last = await openPage(third, { view: 'tape' });
  await last.goto(link);
  await last.reload();
  await last.getByText('This event is gone: the bridge has numbered its events anew').waitFor();
});

test('tape: a range and a moment of the past show their own rows', async () => {
  const { result } = await command(bridge, 'get_recent_events', { since_seq: 0, count: 10_000 });
  const [from, to] = [result.events[3000].timestamp, result.events[5000].timestamp];
  const inside = result.events.filter(({ timestamp }) => timestamp >= from && timestamp <= to);
  const page = await openPage(bridge, { view: `tape?from=${from}&to=${to}` });
  await until('the newest of them', async () => (await rowsOf(page).count()) > 0 &&
    (await rowsOf(page).first().locator('.cell-seq').textContent()) === inside[inside.length - 1].seq.toLocaleString('en-US'));
  await until('all of them', async () => {
    await scroll(page, 'end');
    return (await page.locator('.tail').textContent()).includes('The range begins here.');
  });
  await page.getByText(`${inside.length.toLocaleString('en-US')} shown`).waitFor();
  assert.deepEqual(page.problems, []);
});

test('tape: from an update to its curve, and from a trade to its item', async () => {
  const live = await startBridge();
  const page = await openPage(live, { view: 'tape' });
  await submit(live, event('training_update', { agent_id: 'agent_0', update: 1, steps: 128, policy_loss: 0.5 }), trade({}));
  await rowsOf(page).filter({ hasText: 'training_update' }).click();
  await page.getByRole('button', { name: 'Show in its curve' }).click();
  assert.match(await hash(page), /^#\/training\?.*runs=trainer-1%40r%2Fagent_0/);
  assert.match(await hash(page), /tags=training_update\//);
  await page.goBack();
  await rowsOf(page).filter({ hasText: 'trade_executed' }).click();
  await page.getByRole('button', { name: 'Show in the market' }).click();
  assert.match(await hash(page), /^#\/market\?.*item=trainer-1\/Coal/);
  assert.deepEqual(page.problems, []);
});

test('tape: columns of choice are in the link', async () => {
  const page = await openPage(bridge, { view: 'tape?filter=trade_executed+where+profit+>+11k&cols=seq,profit,item,total_value' });
  await rowsOf(page).first().waitFor();
  assert.deepEqual(await tapeOf(page).getByRole('columnheader').allTextContents(), ['Number', 'Profit', 'Item', 'total_value']);
  const cells = await rowsOf(page).first().getByRole('gridcell').allTextContents();
  assert.deepEqual(cells.slice(1), ['12k', 'Coal', '995']);
  await page.getByText('Columns', { exact: true }).click();
  await page.getByLabel('Price').check();
  await page.getByLabel('Search columns').fill('action');
  await page.getByLabel('action_type').check(); // a field that these events have
  await until('both', async () => (await hash(page)).endsWith('cols=seq,profit,item,total_value,price,action_type'));
  await rowsOf(page).filter({ hasText: 'sell' }).first().waitFor();
  await screenshot(page, 'tape-columns');
  assert.deepEqual(page.problems, []);
});

test('tape: hostile texts are shown harmlessly, and long names are cut in the middle', async () => {
  const live = await startBridge();
  const page = await openPage(live, { view: 'tape' });
  const long = `${'a'.repeat(100)}${'z'.repeat(100)}`;
  await submit(live, trade({ item: '\u202egp 000,1\u202c', agent_id: long }), trade({ item: 'שלום', price: 123, profit: 456 }));
  const first = rowsOf(page).filter({ hasText: '[U+202E]gp 000,1[U+202C]' });
  await first.waitFor();
  assert.match(await first.locator('.cell-who').textContent(), /^trainer-1\/a+…z+$/);
  assert.equal(await first.locator('.cell-who').getAttribute('title'), `trainer-1/${long}`);
  const second = rowsOf(page).filter({ hasText: 'שלום' });
  assert.match(await second.locator('.cell-what').textContent(), /× \u2068שלום\u2069 at 123, profit \+456/);
  await first.click();
  assert.doesNotMatch(await page.locator('.json').textContent(), /\u202e/);
  assert.deepEqual(page.problems, []);
});

test('tape: the bridge is started anew without a journal, and rows of before stay', async () => {
  const first = await startBridge();
  const page = await openPage(first, { view: 'tape' });
  await page.getByLabel('Filter by type').fill('trade_executed');
  await submit(first, trade({ item: 'Shark' }));
  await page.getByText('1 shown').waitFor();
  await stop(first, 'SIGKILL');
  const second = await startBridge({ at: first });
  await until('a mark', async () => (await rowsOf(page).filter({ hasText: 'The bridge was started anew' }).count()) === 1);
  await rowsOf(page).filter({ hasText: 'Shark' }).waitFor();
  await submit(second, trade({ item: 'Lobster' }));
  await page.getByText('2 shown').waitFor();
  await page.getByRole('button', { name: 'Ask it again' }).click();
  await page.getByText('1 shown').waitFor();
});
