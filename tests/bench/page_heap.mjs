// Whether the dashboard's memory stays flat: a page that is used, under a steady stream, for an hour. And how long its
// clicks take, from the hand to the next picture, and the longest of its tasks, by the processor's time alone.
// The heap is measured after a collection, once a minute; what counts is how its middle changes from the first
// third of the time, without the beginning, to the last.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openPage, startBridge, startStorm, stop, stopAll } from '../e2e/support.mjs';

const usage = `usage: page_heap.mjs [--minutes N] [--rate N] [--every SECONDS]
  --minutes  how long; default 60
  --rate     events a second; default 20000
  --every    how often the heap is measured, in seconds; default 60`;
const { values } = parseArgs({ options: {
  minutes: { type: 'string', default: '60' }, rate: { type: 'string', default: '20000' }, every: { type: 'string', default: '60' },
  help: { type: 'boolean', default: false },
} });
const [minutes, rate, every_s] = [values.minutes, values.rate, values.every].map(Number);
if (values.help || !(minutes > 0 && rate > 0 && every_s > 0)) {
  console.log(usage);
  process.exit(values.help ? 0 : 2);
}
const views = ['Overview', 'Runs', 'Training', 'Market', 'Tape', 'Control', 'System', 'Alerts'];
const look_s = 2; // at each of them
const grownMax = 1.1;

function middle(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

const bridge = await startBridge();
const page = await openPage(bridge, { view: 'overview' });
await page.locator('header .badge.live').waitFor();
const session = await page.context().newCDPSession(page);
await session.send('Performance.enable', { timeDomain: 'threadTicks' });
const metric = async (wanted) => (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === wanted).value;

await page.evaluate(() => {
  window.clicks = [];
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) if (name === 'click') window.clicks.push(duration);
  }).observe({ type: 'event', durationThreshold: 16 });
});
// The longest task of a stretch of time, ms of the processor.
const threads = new Set();
let longest_ms = 0;
session.on('Tracing.dataCollected', ({ value }) => {
  for (const { name, args, pid, tid } of value) if (name === 'thread_name' && args.name === 'CrRendererMain') threads.add(`${pid} ${tid}`);
  for (const { name, pid, tid, tdur = 0 } of value) {
    if (/RunTask$/.test(name) && threads.has(`${pid} ${tid}`)) longest_ms = Math.max(longest_ms, tdur / 1000);
  }
});
const storm = startStorm(bridge, ['--rate', String(rate), '--seconds', String(60 * minutes)]);
const begin_ms = Date.now();
const passed_s = () => (Date.now() - begin_ms) / 1000;
const worked_s = await metric('TaskDuration');
const heaps = [];
let failed = '';
try {
  for (let i = 0; passed_s() < 60 * minutes; ++i) {
    await session.send('Tracing.start', { traceConfig: { includedCategories: ['toplevel'], excludedCategories: ['*'] }, transferMode: 'ReportEvents' });
    await page.getByRole('link', { name: views[i % views.length] }).click();
    await sleep(1000 * look_s);
    const told = new Promise((done) => session.once('Tracing.tracingComplete', done));
    await session.send('Tracing.end');
    await told;
    if (passed_s() < every_s * (heaps.length + 1)) continue;
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    heaps.push(usedSize);
    const nodes = await metric('Nodes');
    console.log(`${String(Math.round(passed_s())).padStart(5)} s  heap ${(usedSize / 1e6).toFixed(1)} MB, ${nodes} nodes, ` +
      `main thread busy for ${(100 * (await metric('TaskDuration') - worked_s) / passed_s()).toFixed(0)} %, ${await page.title()}`);
  }
  const third = Math.floor(heaps.length / 3);
  const [before, after] = [middle(heaps.slice(Math.min(2, third), third + 1)), middle(heaps.slice(-Math.max(1, third)))];
  console.log(`heap ${(before / 1e6).toFixed(1)} MB in the first third, ${(after / 1e6).toFixed(1)} MB in the last: ${(after / before).toFixed(3)} of it`);
  const clicks = (await page.evaluate(() => window.clicks)).sort((a, b) => a - b);
  console.log(`${clicks.length} clicks took longer than 16 ms: half of these ${clicks[Math.floor(clicks.length / 2)] ?? 0} ms, the longest ${clicks.at(-1) ?? 0} ms; ` +
    `the longest task took ${longest_ms.toFixed(0)} ms of the processor`);
  if (after > grownMax * before) failed = 'the heap has grown';
  if (page.problems.length > 0) failed = page.problems.slice(0, 5).join('; ');
} finally {
  await stop(storm);
  await stopAll();
}
if (failed !== '') console.error(failed);
process.exit(failed === '' ? 0 : 1);
