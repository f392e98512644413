// Whether the dashboard's memory stays flat: a page that is used, under a steady stream, for an hour.
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

const storm = startStorm(bridge, ['--rate', String(rate), '--seconds', String(60 * minutes)]);
const begin_ms = Date.now();
const passed_s = () => (Date.now() - begin_ms) / 1000;
const worked_s = await metric('TaskDuration');
const heaps = [];
let failed = '';
try {
  for (let i = 0; passed_s() < 60 * minutes; ++i) {
    await page.getByRole('link', { name: views[i % views.length] }).click();
    await sleep(1000 * look_s);
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
  if (after > grownMax * before) failed = 'the heap has grown';
  if (page.problems.length > 0) failed = page.problems.slice(0, 5).join('; ');
} finally {
  await stop(storm);
  await stopAll();
}
if (failed !== '') console.error(failed);
process.exit(failed === '' ? 0 : 1);
