// Alerts of the bridge on the page: the same in every browser and after each reload, told once.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { command, hide, openPage, restsSoon, startBridge, startTrainer, stop, stopAll, submit, until } from './support.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'ppo-alerts-'));
after(stopAll);
after(() => rmSync(scratch, { recursive: true, force: true }));

let seq = 0;
const event = (type, data, source = 'trainer-1') => ({ type, source, run: 'r', source_seq: ++seq, data: { agent_id: 'agent_0', ...data } });
const trade = (profit, item = 'Coal') => event('trade_executed', { item, profit, quantity: 1, price: 1, action_type: 'sell' });
const nan = (loss = 'NaN') => `{"type":"training_update","source":"trainer-1","run":"r","source_seq":${++seq},"data":{"agent_id":"agent_0","steps":1,"policy_loss":${loss}}}`;

const create = (bridge, params) => command(bridge, 'create_alert', params).then(({ result }) => result.alert_id);
const entry = (page, name) => page.getByRole('list', { name: 'Alerts', exact: true }).getByRole('listitem', { name });
const badge = (page, text) => until(`a count of "${text}"`, async () => (await page.locator('nav .count:visible').allTextContents()).join() === text);
const told = (page) => page.getByRole('table', { name: 'What alerts told' }).getByRole('row');
const isLive = (page) => page.locator('header .badge.live').waitFor();
const openAlerts = async (bridge, options) => {
  const page = await openPage(bridge, { view: 'alerts', ...options });
  await isLive(page);
  await page.getByText(/No alerts yet|^ *$/).first().waitFor({ state: 'attached' });
  return page;
};

async function write(page, rule, more = {}) {
  await page.getByLabel('A new rule').fill(rule);
  for (const [label, text] of Object.entries(more)) await page.getByLabel(label, { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Add' }).click();
}

test('alerts: written on one page, raised, seen in every browser, acknowledged for all', async () => {
  const bridge = await startBridge();
  const page = await openAlerts(bridge);
  await write(page, 'trade_executed where profit > 100k and item = "Coal"', { Name: 'rich' });
  await entry(page, 'rich').getByText('quiet').waitFor();
  assert.equal(await page.getByLabel('A new rule').inputValue(), '');
  await submit(bridge, trade(99_999), trade(100_001, 'Shark'), trade(123_456));
  await page.locator('.toast', { hasText: 'trainer-1/agent_0: 123,456' }).waitFor();
  await entry(page, 'rich').getByText('raised', { exact: false }).first().waitFor();
  await badge(page, '1');

  const raised = () => entry(page, 'rich').locator('ul li');
  assert.match(await raised().textContent(), /trainer-1\/agent_0123,456since .*event [0-9]+$/);
  await page.reload();
  await badge(page, '1');
  assert.equal(await page.locator('.toast').count(), 0);
  const other = await openAlerts(bridge);
  await badge(other, '1');
  assert.equal(await entry(other, 'rich').locator('ul li').textContent(), await raised().textContent());
  assert.equal(await other.locator('.toast').count(), 0);

  await entry(other, 'rich').getByRole('button', { name: 'Acknowledge rich' }).click();
  for (const each of [other, page]) {
    await entry(each, 'rich').getByText(/^✓ acknowledged by dashboard/).last().waitFor();
    await badge(each, '');
  }
  // Where it led, and who it was.
  await raised().getByRole('link', { name: /^event/ }).click();
  await page.getByLabel('The event as JSON').getByText('"profit": 123456').waitFor();
  await page.goBack();
  await raised().getByRole('link', { name: 'trainer-1/agent_0' }).click();
  await until('the run', () => /run=trainer-1%40r%2Fagent_0/.test(page.url()));
  await page.goBack();

  await submit(bridge, trade(1)); // over
  await told(page).filter({ hasText: 'cleared' }).waitFor();
  assert.match(await told(page).nth(1).textContent(), /cleared.*rich.*over/);
  assert.match(await told(page).nth(2).textContent(), /raised.*rich.*123,456/);
  assert.deepEqual([page.problems, other.problems], [[], []]);
});

test('alerts: rules written on two pages at once are both there, on both and after a reload', async () => {
  const bridge = await startBridge();
  const pages = await Promise.all(['one', 'two'].map(() => openAlerts(bridge)));
  await Promise.all(pages.map((page, n) => write(page, `trade_executed where profit > ${n + 1}00k`, { Name: `rule ${n}` })));
  for (const page of [...pages, ...pages]) {
    for (const n of [0, 1]) await entry(page, `rule ${n}`).getByText('quiet').waitFor();
    await page.reload();
  }
  await entry(pages[0], 'rule 0').getByRole('button', { name: 'Delete rule 0' }).click();
  await pages[0].getByRole('dialog', { name: 'Delete this alert?' }).getByRole('button', { name: 'Delete' }).click();
  await until('gone', async () => (await entry(pages[1], 'rule 0').count()) === 0);
  assert.equal(await entry(pages[1], 'rule 1').count(), 1);
});

test('alerts: a rule that cannot be read is refused with its place, and so is a bad action', async () => {
  const bridge = await startBridge();
  const page = await openAlerts(bridge);
  await write(page, 'trade_executed where profit ! 5');
  await page.getByText('At character 29: expected one of').waitFor();
  await page.getByLabel('A new rule').fill('trade_executed where'); // may become right
  await page.getByText('At character').waitFor({ state: 'detached' });
  await write(page, 'gap', { 'Its target': 'agent_0' });
  await page.getByText('A target needs a command.').waitFor();
  assert.equal(await page.getByLabel('Command to a trainer').getAttribute('aria-invalid'), 'true');
  await write(page, 'gap', { 'Its target': '', Webhook: 'http://example.org/' });
  await page.getByText(/The bridge refused: .*webhook/).waitFor();
  assert.equal(await page.getByLabel('Webhook').getAttribute('aria-invalid'), 'true'); // beside its field
  await page.getByLabel('Webhook').fill('');
  assert.equal(await page.getByLabel('A new rule').inputValue(), 'gap'); // to be mended
  const { result } = await command(bridge, 'list_alerts');
  assert.equal(result.count, 0);
  assert.deepEqual(page.problems, []);
});

test('alerts: an action sets a parameter as it was declared, or takes any params', async () => {
  const bridge = await startBridge();
  startTrainer(bridge, { source: 'trainer-1' });
  await until('what it declares', async () => (await command(bridge, 'get_sources')).result.sources.some(({ parameters }) => parameters?.length > 0));
  const page = await openAlerts(bridge);
  await page.getByLabel('Command to a trainer').fill('set_hyperparameter');
  await page.getByLabel('Parameter', { exact: true }).selectOption('learning_rate');
  await write(page, 'run crashed', { Value: '-1', 'Its target': 'trainer-1' });
  await page.getByText(/-1 is out of range; it must be a number/).waitFor();
  assert.equal((await command(bridge, 'list_alerts')).result.count, 0);
  await write(page, 'run crashed', { Value: '0.0001' });
  await entry(page, 'run crashed').getByText('set_hyperparameter learning_rate = 0.0001 → trainer-1').waitFor();
  await write(page, 'gap', { 'Command to a trainer': 'save_checkpoint', 'Params as JSON': '[]' });
  await page.getByText('It must be a JSON object').waitFor();
  await write(page, 'gap', { 'Params as JSON': '{"path":"last.ckpt"}' });
  await entry(page, 'gap').getByText('save_checkpoint path = last.ckpt → whatever raised it').waitFor();
  const { result } = await command(bridge, 'list_alerts');
  assert.deepEqual(result.alerts.map(({ action }) => action.params), [{ name: 'learning_rate', value: 0.0001 }, { path: 'last.ckpt' }]);
  assert.deepEqual(page.problems, []);
});

test('alerts: NaN raises, a gap is of its time and told once, deleted is deleted everywhere', async () => {
  const bridge = await startBridge();
  const page = await openAlerts(bridge);
  const other = await openAlerts(bridge);
  await create(bridge, { rule: 'training_update where policy_loss is NaN', action: { command: 'pause' } });
  await write(page, 'gap');
  await entry(page, 'gap').getByText('quiet').waitFor();
  await submit(bridge, nan('0.5'), nan());
  await entry(page, 'training_update where policy_loss is NaN').locator('ul strong', { hasText: 'NaN' }).waitFor();
  await entry(page, 'training_update where policy_loss is NaN').getByText(/pause → whatever raised it/).waitFor();
  await told(page).filter({ hasText: /action.*command/ }).first().waitFor();
  seq += 5; // five are lost
  const before = Date.now() / 1000;
  await submit(bridge, trade(1));
  await entry(page, 'gap').locator('ul li').waitFor({ timeout: 45_000 });
  await badge(page, '2');
  const { result } = await command(bridge, 'list_alerts');
  const { since } = result.alerts.find(({ rule }) => rule === 'gap').raised[0];
  assert.ok(since >= before - 1 && since < before + 60, `${since} and ${before}`);
  const year = String(new Date().getFullYear());
  assert.match(await entry(page, 'gap').locator('ul [title*=":"]').first().getAttribute('title'), new RegExp(year));
  await page.reload();
  await badge(page, '2');
  assert.equal(await page.locator('.toast').count(), 0);
  assert.equal(await told(page).filter({ hasText: /raised.*gap/ }).count(), 1);

  await entry(page, 'gap').getByRole('button', { name: 'Delete gap' }).click();
  await page.getByRole('dialog', { name: 'Delete this alert?' }).getByRole('button', { name: 'Delete' }).click();
  for (const each of [page, other]) {
    await entry(each, 'gap').waitFor({ state: 'detached' });
    await badge(each, '1');
  }
  await told(page).filter({ hasText: /cleared.*gap.*deleted/ }).waitFor();
  assert.deepEqual([page.problems, other.problems], [[], []]);
});

const notices = (opening) => opening.addInitScript(() => {
  window.notified = [];
  window.Notification = class {
    static permission = 'granted';
    constructor(title, { body }) { window.notified.push(`${title} | ${body}`); }
  };
});
const notified = (page) => page.evaluate(() => window.notified);

test('alerts: a browser notification for each, also where nobody looks at the page, and none twice', async () => {
  const bridge = await startBridge();
  await create(bridge, { rule: 'trade_executed where profit > 5', name: 'p' });
  const page = await openAlerts(bridge, { before: async (opening) => {
    await notices(opening);
    await restsSoon(opening);
  } });
  const wanted = ['p | trainer-1/agent_0: 6'];
  await submit(bridge, trade(6), trade(7));
  await until('the first', async () => (await notified(page)).length > 0);
  assert.deepEqual(await notified(page), wanted);
  await hide(page, true);
  const asksFor = async () => (await command(bridge, 'get_clients')).result.clients.find(({ client_type }) => client_type === 'dashboard').subscriptions;
  await until('it asks for alerts only', async () => !(await asksFor()).includes('*'), 40_000);
  await submit(bridge, trade(1), trade(8));
  wanted.push('p | trainer-1/agent_0: 8');
  await until('the second', async () => (await notified(page)).length > 1);
  await hide(page, false);
  await until('it asks for everything', async () => (await asksFor()).includes('*'));
  await told(page).filter({ hasText: 'raised' }).nth(1).waitFor();
  assert.deepEqual(await notified(page), wanted);
  await badge(page, '1');
  assert.deepEqual(page.problems, []);
});

test('alerts: over a restart of the bridge they stay raised, and nobody is told again', async () => {
  const settings = [`journal.path="${join(scratch, 'restart.sqlite')}"`];
  const bridge = await startBridge({ settings });
  await create(bridge, { rule: 'run crashed', name: 'crash' });
  const page = await openAlerts(bridge, { before: notices });
  await submit(bridge, event('run_started', {}), event('run_ended', { state: 'crashed', error: 'oom' }));
  await badge(page, '1');
  await until('it is told', async () => (await notified(page)).length > 0);
  await until('it is kept', async () => (await command(bridge, 'create_alert', { rule: 'run crashed', name: 'crash' })).result.survives_restart);
  await stop(bridge);
  await page.locator('header .badge.live').waitFor({ state: 'detached' });
  const again = await startBridge({ settings, at: bridge });
  await isLive(page);
  await submit(again, trade(1));
  await until('a new answer', async () => (await command(again, 'get_clients')).result.clients.some(({ client_type }) => client_type === 'dashboard'));
  await badge(page, '1');
  assert.deepEqual(await notified(page), ['crash | trainer-1/agent_0']);
  await page.reload();
  await badge(page, '1');
  await entry(page, 'crash').getByText('raised 1 time').waitFor();
  assert.deepEqual(await notified(page), []);
  assert.equal(await told(page).filter({ hasText: 'raised' }).count(), 1);
  await entry(page, 'crash').getByRole('button', { name: 'Acknowledge crash' }).click();
  await entry(page, 'crash').getByText('quiet').waitFor();
  await told(page).filter({ hasText: /cleared.*acknowledged/ }).waitFor();
  // The row is the tab stop, and leads to the tape.
  await told(page).nth(1).focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('The event as JSON').getByText('"reason": "acknowledged"').waitFor();
});
