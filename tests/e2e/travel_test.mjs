// Time travel: everything as it was at a moment, a stretch replayed, and back to what is live.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { command, openPage, screenshot, startBridge, stopAll, submit, until } from './support.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'ppo-travel-'));
after(async () => {
  await stopAll();
  rmSync(scratch, { recursive: true, force: true });
});

let n = 0;
const trade = (profit) => ({
  type: 'trade_executed', source: 's', run: 'r', source_seq: ++n,
  data: { agent_id: 'agent_0', action_type: 'sell', item: 'Coal', price: 200, quantity: 1, profit, total_value: 200 },
});
// Accepted is not stamped yet, where the machine is busy.
const logged = (bridge, events) => until(`event ${events}`, async () =>
  (await command(bridge, 'get_status')).result.seq >= events);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const tile = (page, name) => page.locator('.tile', { hasText: name }).locator('dd');
async function shows(page, name, text) {
  await tile(page, name).filter({ hasText: new RegExp(`^${text}$`) }).waitFor().catch(async (error) => {
    const found = await Promise.all(['.tiles', '.range', 'header'].map((part) => page.locator(part).textContent()));
    throw new Error(`${error.message}\n${found.join('\n')}`);
  });
}

// 10 trades, a moment between, and 20 more over two seconds.
let bridge, between_s, end_s;
before(async () => {
  bridge = await startBridge({ settings: [`journal.path="${join(scratch, 'journal.sqlite')}"`] });
  await submit(bridge, ...Array.from({ length: 10 }, () => trade(1)));
  await logged(bridge, 10);
  await pause(600);
  between_s = Date.now() / 1000;
  await pause(600);
  for (let i = 0; i < 10; ++i) {
    await submit(bridge, trade(100), trade(100));
    await pause(200);
  }
  await until('the journal', async () => (await command(bridge, 'get_tallies')).result.tallies[0]?.trades === 30);
  end_s = Date.now() / 1000;
});

test('travel: choices of a stretch are in the address', async () => {
  const page = await openPage(bridge);
  await shows(page, 'Trades', '30');
  await page.getByLabel('Range of time').selectOption('Last hour');
  await page.waitForURL(/last=3600/);
  await page.locator('header .badge.live').waitFor(); // it ends now
  await page.getByLabel('Range of time').selectOption('From … to …');
  await page.getByLabel('From', { exact: true }).fill('2020-01-01T00:00');
  await page.getByLabel('To', { exact: true }).fill('2020-01-02T00:00');
  await page.getByRole('button', { name: 'Show' }).click();
  await shows(page, 'Trades', '0'); // nothing was then
  await page.getByRole('button', { name: 'Back to live' }).click();
  await shows(page, 'Trades', '30');
  assert.deepEqual(page.problems, []);
});

test('travel: a stretch is replayed, paused and gone on with, in a store of its own', async () => {
  const page = await openPage(bridge, { view: `overview?from=${between_s}&to=${end_s}` });
  // What was done before the stretch is not counted.
  await shows(page, 'Trades', '20');
  await shows(page, 'Realised profit', '2,000');
  await page.getByText('in the stretch of time above').waitFor();
  const trades = async () => Number(await tile(page, 'Trades').textContent());
  await page.getByLabel('Speed of the replay').selectOption('1');
  await page.getByRole('button', { name: 'Replay' }).click();
  await until('the first of it', async () => (await trades()) > 0 && (await trades()) < 20);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Replay' }).waitFor();
  const paused = await trades();
  assert.ok(paused > 0 && paused < 20, String(paused));
  await pause(500);
  assert.equal(await trades(), paused);
  await page.getByLabel('Speed of the replay').selectOption('100');
  await page.getByRole('button', { name: 'Replay' }).click();
  await shows(page, 'Trades', '20');
  await shows(page, 'Realised profit', '2,000');
  await page.getByRole('button', { name: 'Replay' }).waitFor();

  // By the scrubber, with the keys.
  const scrubber = page.getByLabel('Moment');
  await scrubber.focus();
  await page.keyboard.press('Home');
  await shows(page, 'Trades', '0');
  await page.keyboard.press('End');
  await shows(page, 'Trades', '20');
  await screenshot(page, 'travel-stretch');
  assert.deepEqual(page.problems, []);
});

test('travel: a link to a moment shows everything as it was then, and says so', async () => {
  const page = await openPage(bridge, { view: `overview?from=${between_s - 60}&at=${between_s}` });
  await shows(page, 'Trades', '10');
  await shows(page, 'Realised profit', '10');
  assert.match(await tile(page, 'Trades').getAttribute('title'), /up to event 1\d\.$/);
  await page.locator('header .badge.past').filter({ hasText: 'as of' }).waitFor();
  await page.waitForFunction(() => /^◷ as of .* · Overview/.test(document.title));
  await submit(bridge, trade(1)); // what happens now changes nothing then
  await pause(2500); // it has asked for the rate by then
  await shows(page, 'Trades', '10');
  assert.equal(await tile(page, 'Events/s').textContent(), '–'); // which is of the present alone
  await screenshot(page, 'travel-moment');
  await page.getByRole('button', { name: 'Back to live' }).click();
  await shows(page, 'Trades', '31');
  await page.locator('header .badge.live').waitFor();
  await page.goBack();
  await shows(page, 'Trades', '10');
  assert.deepEqual(page.problems, []);
});

test('travel: a moment that nobody has any more is said to be so', async () => {
  const forgetful = await startBridge(); // without a journal
  await submit(forgetful, trade(1), trade(1));
  await logged(forgetful, 2);
  await pause(100);
  const then_s = Date.now() / 1000;
  await pause(100);
  await submit(forgetful, trade(1));
  const page = await openPage(forgetful, { view: `overview?at=${then_s}` });
  await page.getByRole('alert').filter({ hasText: 'without a journal the past is not kept' }).waitFor();
});
