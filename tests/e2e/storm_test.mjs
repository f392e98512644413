// 20,000 events a second: the page stays responsive and its memory flat, and misses nothing.
// PPO_STORM_SECONDS and PPO_STORM_RATE change length and rate.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openPage, screenshot, startBridge, startStorm, stopAll, until } from './support.mjs';

const seconds = Number(process.env.PPO_STORM_SECONDS ?? 10);
const rate = Number(process.env.PPO_STORM_RATE ?? 20_000);
// On a machine of its own every click answers within 200 ms: PPO_STORM_ANSWER_MS=200 demands it. This one may be
// busy with other things, and one pause of it says nothing about the page; so the worst may take longer here.
const answerMax_ms = Number(process.env.PPO_STORM_ANSWER_MS ?? 2000);
const answerHalf_ms = 200;
// Of the main thread's time, as the system counts it: what others do on this machine is not in it, but where they use up
// its memory's speed the same work takes half as long again. On a machine of its own it is at most half.
const busyMax = process.env.PPO_STORM_ANSWER_MS === undefined ? 0.7 : 0.5;
const slow_ms = 90_000;
const heapGrowthMax_bytes = 24e6;
const warmUp_s = Math.min(10, seconds / 2);

after(stopAll);

async function heapBytes(session) {
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

async function worked_s(session) {
  return (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value;
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
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  await page.waitForTimeout(1500); // what the page asks for at its start is answered
  const storm = startStorm(bridge, ['--rate', String(rate), '--seconds', String(seconds)]);
  await until('the first events', async () => (await seen(page)) > rate / 10);

  const begin = Date.now();
  const views = ['Overview', 'Training', 'Market', 'System', 'Tape'];
  const workedBefore_s = await worked_s(session);
  let heapBefore;
  for (let i = 0; (Date.now() - begin) / 1000 < seconds - 1; ++i) {
    const view = views[i % views.length];
    const box = await page.getByRole('link', { name: view }).boundingBox();
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForFunction((name) => document.querySelector('h1')?.textContent === name, view, { polling: 'raf' });
    if (heapBefore === undefined && Date.now() - begin > warmUp_s * 1000) heapBefore = await heapBytes(session);
    await page.waitForTimeout(300);
  }
  const busy = (await worked_s(session) - workedBefore_s) / ((Date.now() - begin) / 1000);
  const heapAfter = await heapBytes(session);
  heapBefore ??= heapAfter;
  await page.getByRole('link', { name: 'Tape' }).click();
  const published = Number(/published (\d+)/.exec(await until('the end of the storm', () => storm.lines[0], slow_ms))[1]);
  await until('every event on the tape', async () => (await seen(page)) >= published, slow_ms);
  await page.getByRole('link', { name: 'System' }).click();
  await page.getByText('This page has missed nothing.').waitFor();
  await screenshot(page, 'storm');

  // A click that was quicker than 16 ms is not told.
  const answers_ms = (await page.evaluate(() => window.answers)).sort((a, b) => a - b);
  const middle = answers_ms[Math.floor(answers_ms.length / 2)] ?? 16;
  const worst = answers_ms.at(-1) ?? 16;
  t.diagnostic(`${published} events, ${answers_ms.length} clicks: half within ${middle} ms, all within ${worst} ms; ` +
    `main thread busy for ${(100 * busy).toFixed(0)} %; heap ${(heapBefore / 1e6).toFixed(1)} MB, then ${(heapAfter / 1e6).toFixed(1)} MB`);
  assert.ok(worst < answerMax_ms, `a click took ${worst} ms`);
  assert.ok(middle < answerHalf_ms, `half of the clicks took ${middle} ms`);
  assert.ok(busy < busyMax, `the main thread worked for ${(100 * busy).toFixed(0)} % of the time`);
  assert.ok(heapAfter - heapBefore < heapGrowthMax_bytes, `the heap grew from ${heapBefore} to ${heapAfter}`);
  assert.deepEqual(page.problems, []);
});
