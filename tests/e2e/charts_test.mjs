// Curves as they were published: whole, spikes and NaN seen at every zoom, the same in every browser.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { command, openPage, screenshot, startBridge, startTrainer, stopAll, submit, until } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'ppo-charts-'));
after(async () => {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
});

// Without a journal a bridge that is short of time may leave events out of the curves, and says how many.
let journals = 0;
const start = () => startBridge({ settings: [`journal.path="${join(folder, `${++journals}.db`)}"`] });

const scalar = (tag, step, value, run = 'r', more = {}) => ({ type: 'scalar', source: 's', run, data: { tag, step, value, ...more } });

async function submitAll(bridge, bodies) {
  for (let i = 0; i < bodies.length; i += 2000) await submit(bridge, ...bodies.slice(i, i + 2000));
}

const panel = (page, tag) => page.getByRole('region', { name: tag, exact: true });
const chart = (page, tag) => panel(page, tag).getByRole('img');

// A file that the panel's menu gives.
async function saved(page, tag, kind) {
  await panel(page, tag).locator('summary').click();
  const [download] = await Promise.all([
    page.waitForEvent('download'), panel(page, tag).getByRole('button', { name: `Save as ${kind}` }).click(),
  ]);
  return readFile(await download.path(), kind === 'PNG' ? null : 'utf8');
}

async function csv(page, tag) {
  const [head, ...rows] = (await saved(page, tag, 'CSV')).trimEnd().split('\n');
  assert.equal(head, 'run_id,tag,x,first,last,min,max,n');
  return rows.map((row) => {
    const [runId, of, ...numbers] = row.split(',');
    const [x, first, last, min, max, n] = numbers.map(Number);
    return { runId, tag: of, x, first, last, min, max, n };
  });
}

// Waits for as many points as there are to be.
async function csvOf(page, tag, points, timeout_ms) {
  return until(`${points} points of ${tag}`, async () => {
    const rows = await csv(page, tag);
    return rows.reduce((sum, { n }) => sum + n, 0) >= points && rows;
  }, timeout_ms);
}

// How many pixels of the plot's upper (0..0.5) or any part are of a colour that is near to no grey.
const coloured = (page, tag, from, to) => chart(page, tag).locator('canvas').evaluate((canvas, [begin, end]) => {
  const rows = Math.floor(canvas.height * (end - begin));
  const { data } = canvas.getContext('2d').getImageData(0, Math.floor(canvas.height * begin), canvas.width, rows);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const parts = [data[i], data[i + 1], data[i + 2]];
    if (data[i + 3] > 128 && Math.max(...parts) - Math.min(...parts) > 60) ++count;
  }
  return count;
}, [from, to]);

test('charts: a spike among 1,000,000 points is seen at every zoom', { timeout: 230_000 }, async (t) => {
  const bridge = await start();
  const n = 1_000_000;
  const spike = 654_321;
  const begin = Date.now();
  for (let from = 1; from <= n; from += 20_000) {
    const lines = [];
    for (let step = from; step < from + 20_000; ++step) {
      const value = step === spike ? 1000 : step % 300_007 === 0 ? 'NaN' : Math.sin(step / 5000).toFixed(3);
      lines.push(`{"type":"scalar","source":"s","run":"r","data":{"tag":"loss","step":${step},"value":${value}}}`);
    }
    await submit(bridge, ...lines);
  }
  t.diagnostic(`published in ${Date.now() - begin} ms`);
  const page = await openPage(bridge, { view: 'training' });
  await chart(page, 'loss').waitFor();
  await csvOf(page, 'loss', n, 90_000); // first the journal has them
  await panel(page, 'loss').getByText('✕ 3 NaN').waitFor(); // within thousands of numbers each
  for (const half of [Infinity, 200_000, 20_000, 2000, 200, 20]) {
    if (half < Infinity) {
      await page.goto(`${bridge.page}#/training?x0=${spike - half}&x1=${spike + half}`);
      // What is shown is as fine as the chart can show.
      const points = await until('detail', async () => {
        const rows = await csv(page, 'loss');
        const covered = rows.reduce((sum, row) => sum + row.n, 0);
        const fine = half > 20 ? rows.length > 100 : rows.every((row) => row.n === 1); // at last each stands alone
        return fine && Math.abs(covered - 2 * half) < 0.05 * 2 * half + 2 && rows;
      });
      assert.ok(points.some(({ max }) => max === 1000));
    }
    await until(`the spike, ${half} steps to either side`, async () => (await coloured(page, 'loss', 0.03, 0.4)) > 20);
    await screenshot(page, `charts-spike-${half}`);
  }
  await page.getByRole('button', { name: 'Show all' }).click();
  await page.waitForFunction(() => !location.hash.includes('x0'));
  assert.deepEqual(page.problems, []);
});

test('charts: 100 agents in 100 runs, every curve is whole and named rightly', async () => {
  const bridge = await start();
  const bodies = [];
  for (let step = 1; step <= 30; ++step) {
    for (let i = 0; i < 100; ++i) {
      bodies.push({ type: 'training_update', source: 's', run: `r${i}`, data: { agent_id: `agent_${i}`, steps: step * 128, policy_loss: i + step / 100 } });
    }
  }
  await submitAll(bridge, bodies);
  const id = (i) => `s@r${i}/agent_${i}`;
  const page = await openPage(bridge, { view: 'training' });
  for (const [from, to] of [[0, 50], [50, 100]]) {
    const ids = Array.from({ length: to - from }, (_, k) => id(from + k));
    await page.goto(`${bridge.page}#/training?tags=policy&runs=${encodeURIComponent(ids.map(encodeURIComponent).join(','))}`);
    const rows = await until('all curves', async () => {
      const all = await csv(page, 'training_update/policy_loss');
      return all.length === ids.length * 30 && all.some(({ runId }) => runId === id(to - 1)) && all;
    });
    for (const { runId, x, last } of rows) {
      const i = Number(/agent_(\d+)$/.exec(runId)[1]);
      assert.ok(Math.abs(last - (i + x / 12_800)) < 1e-9, `${runId} at ${x} is ${last}`);
    }
    assert.equal(new Set(rows.map(({ runId }) => runId)).size, ids.length);
  }
  await screenshot(page, 'charts-100-runs');
  // What the crosshair's table calls a curve is what was published under that name.
  await page.goto(`${bridge.page}#/training?tags=policy&runs=${encodeURIComponent([id(7), id(3), id(42)].map(encodeURIComponent).join(','))}`);
  await page.waitForFunction(() => document.querySelectorAll('.chip').length === 3);
  await csvOf(page, 'training_update/policy_loss', 90);
  const box = await chart(page, 'training_update/policy_loss').locator('.u-over').boundingBox();
  await page.mouse.move(box.x + box.width - 2, box.y + 60);
  const table = page.locator('.values');
  await table.waitFor();
  const told = await table.locator('tbody tr').evaluateAll((all) => all.slice(1).map((row) => [...row.cells].map((cell) => cell.textContent)));
  assert.deepEqual(told.map(([, label]) => label), [42, 7, 3].map(id)); // the highest first
  assert.deepEqual(told.map(([, , value]) => value), ['42.3', '7.3', '3.3']);
  assert.deepEqual(page.problems, []);
});

test('charts: rewards at their true steps, NaN as a mark, digits as published, live and in a second browser', async () => {
  const bridge = await start();
  const episodes = [[400, 1.5], [1000, 0.1 + 0.2], [1337, null], [2000, -7e-12], [9007199254740991, 1e300]];
  await submitAll(bridge, episodes.map(([global_step, reward], i) => ({
    type: 'episode_end', source: 's', run: 'r', data: { agent_id: 'a', episode: i, steps: 200, global_step, reward },
  })));
  const page = await openPage(bridge, { view: 'training?tags=reward' });
  const rows = await csvOf(page, 'episode_end/reward', 5);
  assert.deepEqual(rows.map(({ x }) => x), episodes.map(([x]) => x));
  assert.deepEqual(rows.map(({ last }) => last), episodes.map(([, y]) => y ?? NaN));
  await panel(page, 'episode_end/reward').getByText('✕ 1 NaN').waitFor();
  // It goes on live, behind the answer.
  await submit(bridge, { type: 'episode_end', source: 's', run: 'r', data: { agent_id: 'a', steps: 200, global_step: 5000, reward: 3 } });
  await csvOf(page, 'episode_end/reward', 6);

  // Drag from a quarter to three quarters: it stays, it is in the address, and the same elsewhere.
  await submitAll(bridge, Array.from({ length: 2000 }, (_, i) => scalar('wave', i, Math.sin(i / 50) + 1.5)));
  await page.getByLabel('Search tags').fill('wave');
  await csvOf(page, 'wave', 2000);
  const box = await chart(page, 'wave').locator('.u-over').boundingBox();
  await page.mouse.move(box.x + box.width / 4, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + (box.width * 3) / 4, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.mouse.move(5, 5);
  await page.waitForFunction(() => /x0=/.test(location.hash));
  const { x0, x1 } = Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.split('?')[1]));
  assert.ok(Math.abs(x0 - 500) < 15 && Math.abs(x1 - 1500) < 15, `${x0} ${x1}`);
  await page.waitForTimeout(1500);
  await submit(bridge, scalar('wave', 2001, 1));
  await page.waitForTimeout(700);
  assert.match(page.url(), new RegExp(`x0=${x0}`)); // new points do not undo it
  const other = await openPage(bridge);
  await other.goto(page.url());
  const pictureOf = (one) => chart(one, 'wave').locator('canvas').evaluate((canvas) => canvas.toDataURL());
  await until('the same picture', async () => (await pictureOf(page)) === (await pictureOf(other)));
  await other.context().close();
  // Back is what was before.
  await page.goBack();
  await page.waitForFunction(() => !/x0=/.test(location.hash));
  assert.deepEqual(page.problems, []);
});

test('charts: log, smoothing, min-max, pins, groups, files', async () => {
  const bridge = await start();
  const hostile = 'a/<b onload="x">&\u202e';
  await submitAll(bridge, [
    ...Array.from({ length: 7 }, (_, i) => scalar('losses/value', i, 10 ** i)), ...Array.from({ length: 7 }, (_, i) => scalar(hostile, i, i % 2)),
    ...Array.from({ length: 7 }, (_, i) => scalar('charts/sps', i, 1000 + i)), scalar('plain', 1, 1),
  ]);
  const page = await openPage(bridge, { view: 'training' });
  await csvOf(page, 'losses/value', 7);
  assert.deepEqual(await page.locator('.groups summary:not([aria-label])').allTextContents(), ['a 1', 'charts 1', 'losses 1', 'other 1']);

  await page.getByLabel('log').check();
  await page.waitForFunction(() => /log=1/.test(location.hash));
  await page.waitForTimeout(800);
  const svg = await saved(page, 'losses/value', 'SVG');
  const corners = [.../[ML]([\d.]+) ([\d.]+)/g[Symbol.matchAll](/<g clip-path[^>]*>\n<path d="([^"]+)"/.exec(svg)[1])].map(([, x, y]) => [Number(x), Number(y)]);
  assert.equal(corners.length, 7);
  for (let i = 2; i < 7; ++i) {
    const [a, b, c] = [corners[i - 2][1], corners[i - 1][1], corners[i][1]];
    assert.ok(Math.abs((a - b) - (b - c)) < 0.1, `powers of ten stand at equal distances: ${corners}`);
  }
  // A name from outside is text in the file, too.
  const named = await saved(page, hostile.replace('\u202e', '[U+202E]'), 'SVG');
  assert.ok(named.includes('a/&lt;b onload="x"&gt;&amp;[U+202E]') && !named.includes('<b'), named.slice(0, 600));
  const elsewhere = await page.context().newPage(); // the page's own policy lets nobody parse markup
  assert.equal(await elsewhere.evaluate((text) => new DOMParser().parseFromString(text, 'image/svg+xml').querySelector('parsererror'), named), null);
  await elsewhere.close();
  assert.deepEqual([...(await saved(page, 'losses/value', 'PNG')).subarray(1, 4)].map((code) => String.fromCharCode(code)).join(''), 'PNG');

  await page.getByLabel('Smoothing').fill('0.6');
  await page.waitForFunction(() => /smooth=0.6/.test(location.hash));
  await page.getByLabel('min–max').check();
  await panel(page, 'charts/sps').locator('summary').click();
  await panel(page, 'charts/sps').getByRole('button', { name: 'Pin' }).click();
  await page.locator('details.tags > summary', { hasText: 'Pinned 1' }).waitFor();
  assert.deepEqual(await page.locator('.groups summary:not([aria-label])').allTextContents(), ['Pinned 1', 'a 1', 'losses 1', 'other 1']);
  await page.locator('details.tags > summary', { hasText: 'losses' }).click();
  await panel(page, 'losses/value').waitFor({ state: 'detached' });
  await page.reload(); // all of it is in the address
  await page.locator('details.tags > summary', { hasText: 'Pinned 1' }).waitFor();
  assert.equal(await panel(page, 'losses/value').count(), 0);
  assert.equal(await page.getByLabel('Smoothing').inputValue(), '0.6');
  await panel(page, 'charts/sps').locator('summary').click();
  await panel(page, 'charts/sps').getByRole('button', { name: 'Full screen' }).click();
  const box = await page.getByRole('dialog', { name: 'charts/sps' }).getByRole('img').boundingBox();
  assert.ok(box.width > 1200 && box.height > 600, JSON.stringify(box));
  await screenshot(page, 'charts-full-screen');
  await page.keyboard.press('Escape');
  await chart(page, 'charts/sps').waitFor();
  assert.deepEqual(page.problems, []);
});

test('charts: by keys and by fingers', async () => {
  const bridge = await start();
  await submitAll(bridge, Array.from({ length: 101 }, (_, i) => scalar('wave', i, i * 2)));
  const page = await openPage(bridge, { view: 'training', hasTouch: true });
  await csvOf(page, 'wave', 101);
  await chart(page, 'wave').focus();
  await page.keyboard.press('End');
  const table = page.locator('.values');
  await table.getByText('200').waitFor();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await table.getByText('step 1', { exact: true }).waitFor();
  await page.keyboard.press('+');
  await page.waitForFunction(() => /x0=/.test(location.hash));
  const range = () => Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.split('?')[1]));
  const before = range();
  assert.ok(Math.abs(before.x1 - before.x0 - 70) < 0.01, JSON.stringify(before));
  await page.keyboard.press('Shift+ArrowRight');
  await until('it pans', () => Math.abs(range().x0 - before.x0 - 14) < 0.01);
  await page.keyboard.press('0');
  await page.waitForFunction(() => !/x0=/.test(location.hash));

  const session = await page.context().newCDPSession(page);
  const area = await chart(page, 'wave').locator('.u-over').boundingBox();
  const touch = (type, ...xs) => session.send('Input.dispatchTouchEvent', {
    type, touchPoints: xs.map((x, id) => ({ x: area.x + area.width * x, y: area.y + 40, id })),
  });
  await touch('touchStart', 0.4, 0.6);
  for (const by of [0.02, 0.05, 0.1, 0.15, 0.2]) await touch('touchMove', 0.4 - by, 0.6 + by);
  await touch('touchEnd');
  await page.waitForFunction(() => /x0=/.test(location.hash));
  const pinched = range();
  assert.ok(Math.abs(pinched.x0 - 33.3) < 3 && Math.abs(pinched.x1 - 66.7) < 3, JSON.stringify(pinched));
  await touch('touchStart', 0.7);
  for (const x of [0.65, 0.55, 0.45, 0.4]) await touch('touchMove', x);
  await touch('touchEnd');
  await until('a finger pans', () => range().x0 - pinched.x0 > 7);
  assert.deepEqual(page.problems, []);
});

test('charts: what was done to a run is on the axis, and what its phases took is below', async () => {
  const bridge = await start();
  startTrainer(bridge, { source: 'trainer-1' });
  const set = () => command(bridge, 'set_hyperparameter', { name: 'clip_range', value: 0.1 }, 'trainer-1/agent_0');
  await until('the trainer to take it', async () => (await set()).success);
  const now = Date.now() / 1000;
  await submitAll(bridge, Array.from({ length: 40 }, (_, i) => ({
    type: 'span', source: 's', run: 'r', data: { name: i % 4 ? 'rollout' : 'update', start: now - 40 + i, duration_ms: 500, step: i },
  })));
  await submit(bridge, { type: 'text', source: 's', run: 'r', data: { tag: 'loss/note', text: '<i>a note</i>', step: 1 } },
    ...[1, 2].map((step) => ({ type: 'histogram', source: 's', run: 'r', data: { tag: 'loss/spread', step, count: 9, p5: 0, p25: 1, p50: 2, p75: 3, p95: 4 } })));
  await submit(bridge, scalar('loss', 1, 1), { type: 'run_ended', source: 's', run: 'r', data: { state: 'crashed', error: 'out of <b>memory' } });
  // Those that ended are shown where they are chosen.
  const ids = await until('both runs', async () => {
    const { result } = await command(bridge, 'get_runs');
    const found = result.runs.map(({ run_id: id }) => id).filter((id) => id === 's@r' || id.endsWith('/agent_0'));
    return found.length === 2 && found;
  });
  const page = await openPage(bridge, { view: `training?tags=loss&runs=${encodeURIComponent(ids.map(encodeURIComponent).join(','))}` });
  const happened = page.getByRole('region', { name: 'What happened' });
  await happened.getByText('clip_range = 0.1').first().waitFor();
  await happened.getByText('crashed: out of <b>memory').waitFor();
  await page.getByRole('region', { name: 'Texts' }).getByText('<i>a note</i>').waitFor();
  await page.getByRole('region', { name: 'How loss/spread is spread' }).getByRole('img').waitFor();
  const phases = page.getByRole('region', { name: 'Phases' });
  await phases.getByText('of the newest 40 spans').waitFor(); // asked for by itself, behind what stands above
  assert.deepEqual(await phases.locator('tbody tr').first().locator('td').allTextContents(), ['rollout', '38.0 %', '500 ms', '500 ms', '30']);
  // The mark stands on the chart, and says what it is.
  const area = await chart(page, 'training_update/policy_loss').locator('.u-over').boundingBox();
  const table = page.locator('.values');
  await until('the text of the mark', async () => {
    for (let x = 2; x < area.width; x += 6) {
      await page.mouse.move(area.x + x, area.y + 50);
      if (/clip_range = 0.1/.test(await table.textContent())) return true;
    }
    return false;
  });
  await screenshot(page, 'charts-marks');
  assert.deepEqual(page.problems, []);
});

test('charts: the stretch of time that is chosen is the part of each axis that was then', async () => {
  const bridge = await start();
  const wave = (from, to) => Array.from({ length: to - from }, (_, i) => scalar('wave', from + i, i));
  await submitAll(bridge, wave(0, 50));
  await new Promise((done) => setTimeout(done, 1200));
  const middle = Date.now() / 1000 - 0.5;
  await submitAll(bridge, wave(50, 100));
  for (const x of ['step', 'relative', 'time']) {
    const page = await openPage(bridge, { view: `training?x=${x}&from=${middle}` });
    const rows = await until(`the newer half over ${x}`, async () => {
      const all = await csv(page, 'wave');
      return all.length >= 50 && all.length <= 52 && all;
    });
    assert.equal(rows.at(-1).last, 49);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  }
});

test('charts: each, in whatever view, is seen as large as the screen and taken away as PNG, SVG and CSV', async () => {
  const bridge = await start();
  const now = Date.now() / 1000;
  for (const i of [1, 2]) await submitAll(bridge, [
    { type: 'portfolio_update', source: 's', run: 'r', data: { agent_id: 'a', total_value: 1000 * i } },
    { type: 'price_update', source: 's', run: 'r', data: { item: 'Coal', price: 150 + i } },
    { type: 'span', source: 's', run: 'r', data: { name: 'rollout', start: now - 10 + i, duration_ms: 500 } }, scalar('loss', i, i),
  ]);
  const page = await openPage(bridge, { view: 'overview' });
  for (const [view, name, label, first] of [
    ['overview', 'Portfolio value', 'Portfolio value of each agent', 's@r/a,Portfolio value,'],
    ['market?item=s/Coal', 'Coal price', 'Price in candles, with buys and sells', 'price,Coal price,'],
    ['training', 'Phases of s@r', 'Phases of s@r over time', 'rollout,'], ['system', 'Events a second', 'Events a second', 'in,Events a second,'],
  ]) {
    await page.goto(`${bridge.page}#/${view}`);
    const menu = page.getByLabel(`What to do with ${name === 'Coal price' ? 'price' : name}`, { exact: true });
    const small = await page.getByRole('img', { name: label, exact: true }).boundingBox();
    await menu.click();
    await page.getByRole('button', { name: 'Full screen' }).click();
    const large = page.getByRole('dialog', { name, exact: true }).getByRole('img');
    await page.waitForTimeout(1200); // what comes meanwhile makes it no smaller
    const box = await large.boundingBox();
    assert.ok(box.width > 1200 && box.height > 600, `${name}: ${JSON.stringify(box)}`);
    await page.keyboard.press('Escape');
    await until(`${name} where it was`, async () => (await page.getByRole('img', { name: label, exact: true }).boundingBox())?.height === small.height);
    for (const [kind, begins] of [['PNG', '\x89PNG'], ['SVG', '<svg '], ['CSV', view === 'training' ? 'lane,from,to,text\n' : 'run_id,tag,x,']]) {
      await menu.click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: `Save as ${kind}` }).click()]);
      const text = await readFile(await download.path(), 'latin1');
      assert.ok(text.startsWith(begins), `${name}: ${text.slice(0, 40)}`);
      if (kind === 'CSV') assert.ok(text.split('\n')[1].startsWith(first), text.slice(0, 200));
    }
  }
  assert.deepEqual(page.problems, []);
});
