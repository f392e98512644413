// For everybody: in each view axe finds nothing, nothing is wider than its window, from a phone's to 2,560 px, whatever
// the names, a table is one tab stop, and nothing moves for who wants no motion. PPO_PICTURES=1: with a picture of each.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { command, openPage, requireOfWeb, screenshot, startBridge, startTrainer, stopAll, submit, until } from './support.mjs';

const axe = readFileSync(requireOfWeb.resolve('axe-core/axe.min.js'), 'utf8');
const widths = [390, 1440, 2560];
const views = ['overview', 'runs', 'training', 'market', 'tape', 'control', 'system', 'alerts'];

let trained;
before(async () => {
  trained = await startBridge();
  await command(trained, 'create_alert', { rule: 'trade_executed where profit > 100k', name: '<img src=x>'.repeat(10), action: { webhook: 'http://127.0.0.1:9/hook' } });
  await submit(trained,
    ...[...Array(13).keys()].map((n) => ({ type: 'trade_executed', source: 'rich', run: 'r', data: { profit: 2e5, item: 'Coal', agent_id: `agent_${n}` } })),
    { type: 'run_started', source: `trainer-${'long-'.repeat(10)}`, run: 'r', data: { name: 'ש'.repeat(200), config: { lr: 0.1 } } },
    { type: 'margin_update', source: 'x'.repeat(60), run: 'r', data: { item: 'y'.repeat(200), buy_price: 1, sell_price: 2 } },
    { type: 'error', source: 'crashed', run: 'r', data: { error_type: 'ValueError', message: 'z'.repeat(300) } },
    { type: 'run_ended', source: 'crashed', run: 'r', data: { state: 'crashed', error: 'z'.repeat(300) } });
  startTrainer(trained, { source: 'trainer-1', seed: 1 }); // the newest, whose curves are shown
  await until('it is there', async () => (await command(trained, 'get_hyperparameters', {}, 'trainer-1')).success);
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
  if (view === 'alerts') await page.getByRole('table', { name: 'What alerts told' }).getByRole('row').nth(1).waitFor();
  if (view === 'training') await page.locator('.panel canvas').first().waitFor();
  await page.evaluate(frames);
}

const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

async function violations(page) {
  return page.evaluate(async () => (await window.axe.run(document)).violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join(' | ')}`));
}

// Tab stops among rows, and what moves.
function unrest() {
  const stops = [...document.querySelectorAll('tbody, [role=rowgroup], [role=listbox], [role=grid]')].map((body) =>
    [...body.querySelectorAll('[role=row], tr, [role=option]')].filter((row) => row.tabIndex >= 0).length).filter((count) => count > 1);
  const moving = [...document.querySelectorAll('*')].filter((element) => {
    const { animationName, animationDuration, transitionDuration } = getComputedStyle(element);
    return (animationName !== 'none' && parseFloat(animationDuration) > 0.01) || transitionDuration.split(',').some((one) => parseFloat(one) > 0.01);
  });
  return [...stops.map((count) => `${count} tab stops`), ...moving.map(({ outerHTML }) => outerHTML.slice(0, 100))];
}

for (const colorScheme of ['light', 'dark']) {
  test(`access: every view in ${colorScheme}`, { timeout: 120_000 }, async () => {
    const page = await openPage(trained, { colorScheme, reducedMotion: 'reduce' });
    await page.getByRole('row').filter({ hasText: 'trainer-1' }).first().waitFor();
    await page.evaluate(axe);
    const found = [];
    for (const view of views) {
      await open(page, view);
      found.push(...[...await violations(page), ...await page.evaluate(unrest)].map((text) => `${view}: ${text}`));
      for (const width of widths) {
        await page.setViewportSize({ width, height: width === 390 ? 844 : 1000 });
        await page.evaluate(frames);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wider > 0) found.push(`${view}: ${wider} px wider than ${width}`);
        if (process.env.PPO_PICTURES) await screenshot(page, `${view}-${colorScheme}-${width}`);
      }
    }
    assert.deepEqual(found, []);
    assert.deepEqual(page.problems, []);
  });
}
