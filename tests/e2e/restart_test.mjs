// The bridge is killed and started again: no trade is missing on the tape, and none is there twice.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  command, lostConnection, openPage, problemsBut, screenshot, startBridge, startTrainer, stop, stopAll, submit, until,
} from './support.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'ppo-restart-'));
after(async () => {
  await stopAll();
  rmSync(scratch, { recursive: true, force: true });
});

const trade = (n) => ({
  type: 'trade_executed', source: 's', run: 'r', source_seq: n,
  data: { agent_id: 'agent_0', action_type: 'sell', item: 'Coal', price: 200, quantity: 1, profit: n, total_value: 200 },
});
const trades = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => trade(from + i));

// What the tape shows, by its own button.
async function shown(page) {
  for (let tries = 1; ; ++tries) {
    try {
      const [download] = await Promise.all([
        page.waitForEvent('download', { timeout: 10_000 }), page.getByRole('button', { name: 'Save' }).click(),
      ]);
      const lines = readFileSync(await download.path(), 'utf8').split('\n');
      return lines.filter(Boolean).map((text) => JSON.parse(text));
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}

async function countShown(page) {
  const text = await page.locator('.tape .bar > .muted').textContent();
  return Number(/([0-9,]+) shown/.exec(text)?.[1].replaceAll(',', '') ?? 0);
}

const numbersOf = (events, source) =>
  events.filter((event) => event.source === source).map(({ source_seq }) => source_seq);

for (const [kept, settings] of [
  ['in memory only', []], ['in a journal', [`journal.path="${join(scratch, 'journal.sqlite')}"`]],
]) test(`restart: a source that says again what it said before is shown once, events ${kept}`, async () => {
  const first = await startBridge({ settings });
  const page = await openPage(first, { view: 'tape' });
  await page.locator('header .badge.live').waitFor();
  await page.getByLabel('Filter by type').fill('trade_executed');
  await submit(first, ...trades(1, 40));
  await page.getByText('40 shown').waitFor();
  await stop(first, 'SIGKILL');
  await page.getByRole('alert').filter({ hasText: /Connection lost.*resuming from [0-9]/ }).waitFor();
  await screenshot(page, 'connection-lost');
  const second = await startBridge({ at: first, settings });
  await submit(second, ...trades(1, 60));
  await page.getByText('60 shown').waitFor();
  await page.locator('header .badge.live').waitFor();
  await submit(second, ...trades(61, 70));
  await page.getByText('70 shown').waitFor();
  assert.deepEqual(numbersOf(await shown(page), 's'), trades(1, 70).map(({ source_seq }) => source_seq));

  // A connection that is lost while the bridge stays is resumed without a gap.
  await page.keyboard.press('7');
  await page.getByText('This page has missed nothing.').waitFor();
});

test('restart: nothing of a real trainer is missing, though the bridge is killed in full run', async () => {
  const settings = [`journal.path="${join(scratch, 'trainer.sqlite')}"`];
  const first = await startBridge({ settings });
  const trainer = startTrainer(first, { source: 'trainer-1', agents: 1, pace: 20 });
  const page = await openPage(first, { view: 'tape' });
  await page.getByLabel('Filter by agent').fill('trainer-1');
  await until('trades', async () => (await countShown(page)) > 100);
  const { result } = await command(first, 'get_recent_events', { source: 'trainer-1', count: 1 });
  const before = result.events[0].source_seq;
  await stop(first, 'SIGKILL');
  const second = await startBridge({ at: first, settings });
  await until('events from after the restart', async () => {
    const { result: now } = await command(second, 'get_recent_events', { source: 'trainer-1', count: 1 });
    return now.events.length === 1 && now.events[0].source_seq > before + 100;
  });
  await until('them on the tape', async () => (await countShown(page)) > 250);
  const numbers = numbersOf(await shown(page), 'trainer-1');
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
  assert.ok(numbers[0] <= before && numbers[numbers.length - 1] > before);
  await stop(trainer);
  assert.deepEqual(problemsBut(page, lostConnection), []);
});
