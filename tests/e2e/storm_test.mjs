// 20,000 events a second: the page stays responsive and its memory flat, and misses nothing.
// PPO_STORM_SECONDS and PPO_STORM_RATE change length and rate.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openPage, screenshot, startBridge, startStorm, stopAll, until } from './support.mjs';

const seconds = Number(process.env.PPO_STORM_SECONDS ?? 15);
const rate = Number(process.env.PPO_STORM_RATE ?? 20_000);
// On a machine of its own a click answers within 200 ms: PPO_STORM_ANSWER_MS=200 demands it. This one
// may be busy with other things, and one pause of it says nothing about the page.
const answerMax_ms = Number(process.env.PPO_STORM_ANSWER_MS ?? 10_000);
const answerHalf_ms = Math.min(answerMax_ms, 1500);
const slow_ms = 90_000;
const heapGrowthMax_bytes = 24e6;
const warmUp_s = Math.min(10, seconds / 2);

after(stopAll);

async function heapBytes(session) {
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

// How long the browser says that each click took, from the hand to the next picture.
function watchClicks() {
  window.answers = [];
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) if (name === 'click') window.answers.push(duration);
  }).observe({ type: 'event', durationThreshold: 16 });
}

async function seen(page) {
  const text = await page.locator('.tape .bar > .muted').textContent();
  return Number(/([0-9,]+) seen/.exec(text)?.[1].replaceAll(',', '') ?? 0);
}

test(`storm: ${rate} events a second for ${seconds} s`, { timeout: (seconds + 240) * 1000 }, async (t) => {
  // However slow this machine is, nothing leaves the history before the page has it.
  const bridge = await startBridge({ settings: ['history.events_max=5000000', 'history.bytes_max=4294967296'] });
  const page = await openPage(bridge, { view: 'tape' });
  await page.locator('header .badge.live').waitFor();
  await page.evaluate(watchClicks);
  const session = await page.context().newCDPSession(page);
  await page.waitForTimeout(1500); // what the page asks for at its start is answered
  const storm = startStorm(bridge, ['--rate', String(rate), '--seconds', String(seconds)]);
  await until('the first events', async () => (await seen(page)) > rate / 10);

  const begin = Date.now();
  const views = ['Overview', 'Training', 'Market', 'System', 'Tape'];
  const answers_ms = [];
  let heapBefore;
  for (let i = 0; (Date.now() - begin) / 1000 < seconds - 1; ++i) {
    const view = views[i % views.length];
    const box = await page.getByRole('link', { name: view }).boundingBox();
    const clicked = Date.now();
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForFunction((name) => document.querySelector('h1')?.textContent === name, view, { polling: 'raf' });
    answers_ms.push(Date.now() - clicked);
    if (heapBefore === undefined && Date.now() - begin > warmUp_s * 1000) heapBefore = await heapBytes(session);
    await page.waitForTimeout(300);
  }
  const heapAfter = await heapBytes(session);
  heapBefore ??= heapAfter;
  await page.getByRole('link', { name: 'Tape' }).click();
  const published = Number(/published (\d+)/.exec(await until('the end of the storm', () => storm.lines[0], slow_ms))[1]);
  await until('every event on the tape', async () => (await seen(page)) >= published, slow_ms);
  await page.getByRole('link', { name: 'System' }).click();
  await page.getByText('This page has missed nothing.').waitFor();
  await screenshot(page, 'storm');

  const paints_ms = await page.evaluate(() => window.answers);
  const sorted = answers_ms.sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  const worst = sorted[sorted.length - 1];
  t.diagnostic(`${published} events, ${answers_ms.length} clicks; as the test sees it: half within ${middle} ms, ` +
    `all within ${worst} ms; as the browser says: all within ${Math.max(16, ...paints_ms)} ms; ` +
    `heap ${(heapBefore / 1e6).toFixed(1)} MB, then ${(heapAfter / 1e6).toFixed(1)} MB`);
  assert.ok(worst < answerMax_ms, `a click took ${worst} ms`);
  assert.ok(middle < answerHalf_ms, `half of the clicks took ${middle} ms`);
  assert.ok(heapAfter - heapBefore < heapGrowthMax_bytes, `the heap grew from ${heapBefore} to ${heapAfter}`);
  assert.deepEqual(page.problems, []);
});
