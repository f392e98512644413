// For everybody: axe finds nothing in any view, nothing is wider than a phone, a table is one tab stop, nothing moves
// for who wants no motion.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openPage, requireOfWeb, screenshot, startBridge, startTrainer, stopAll, submit } from './support.mjs';

const axe = readFileSync(requireOfWeb.resolve('axe-core/axe.min.js'), 'utf8');
const views = ['overview', 'runs', 'training', 'market', 'tape', 'control', 'system', 'alerts'];

let trained;
before(async () => {
  trained = await startBridge();
  startTrainer(trained, { source: 'trainer-1', seed: 1 });
  await submit(trained,
    { type: 'run_started', source: `trainer-${'long-'.repeat(10)}`, run: 'r', data: { name: 'ש'.repeat(200), config: { lr: 0.1 } } },
    { type: 'margin_update', source: 'x'.repeat(60), run: 'r', data: { item: 'y'.repeat(200), buy_price: 1, sell_price: 2 } },
    { type: 'error', source: 'crashed', run: 'r', data: { error_type: 'ValueError', message: 'z'.repeat(300) } },
    { type: 'run_ended', source: 'crashed', run: 'r', data: { state: 'crashed', error: 'z'.repeat(300) } });
});
after(stopAll);

async function open(page, view) {
  await page.evaluate((name) => {
    location.hash = `#/${name}`;
  }, view);
  await page.locator(`nav a[href^="#/${view}"][aria-current]`).waitFor();
  if (view === 'runs') await page.locator('.run-name').first().click(); // its details
  if (view === 'control') await page.getByLabel('trainer-1/agent_0').check();
  if (view === 'tape') await page.keyboard.press('j');
  if (view === 'system') await page.locator('tr', { hasText: 'dashboard' }).first().waitFor();
  await page.waitForTimeout(500);
}

async function violations(page) {
  return page.evaluate(async () => (await window.axe.run(document)).violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join(' | ')}`));
}

for (const colorScheme of ['light', 'dark']) {
  test(`access: axe finds nothing in ${colorScheme}`, { timeout: 120_000 }, async () => {
    const page = await openPage(trained, { colorScheme });
    await page.getByRole('row').filter({ hasText: 'trainer-1' }).first().waitFor();
    await page.evaluate(axe);
    const found = [];
    for (const view of views) {
      await open(page, view);
      found.push(...(await violations(page)).map((text) => `${view}: ${text}`));
    }
    assert.deepEqual(found, []);
    assert.deepEqual(page.problems, []);
  });
}

test('access: nothing is wider than a phone, whatever the names', async () => {
  const page = await openPage(trained, { viewport: { width: 390, height: 844 } });
  await page.getByRole('row').filter({ hasText: 'trainer-1' }).first().waitFor();
  const wide = [];
  for (const view of views) {
    await open(page, view);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wider > 0) wide.push(`${view}: ${wider} px`);
    await screenshot(page, `access-${view}-phone`);
  }
  assert.deepEqual(wide, []);
  assert.deepEqual(page.problems, []);
});

test('access: rows are no tab stops, and nothing moves for who wants no motion', async () => {
  const page = await openPage(trained, { reducedMotion: 'reduce' });
  await page.getByRole('row').filter({ hasText: 'trainer-1' }).first().waitFor();
  for (const view of views) {
    await open(page, view);
    const { stops, moving } = await page.evaluate(() => ({
      stops: [...document.querySelectorAll('tbody, [role=rowgroup], [role=listbox], [role=grid]')].map((body) =>
        [...body.querySelectorAll('[role=row], tr, [role=option]')].filter((row) => row.tabIndex >= 0).length),
      moving: [...document.querySelectorAll('*')].filter((element) => {
        const { animationName, animationDuration, transitionDuration } = getComputedStyle(element);
        return (animationName !== 'none' && parseFloat(animationDuration) > 0.01) || transitionDuration.split(',').some((one) => parseFloat(one) > 0.01);
      }).map(({ outerHTML }) => outerHTML.slice(0, 100)),
    }));
    assert.ok(stops.every((count) => count <= 1), `${view}: ${stops}`);
    assert.deepEqual(moving, [], view);
  }
  assert.deepEqual(page.problems, []);
});
