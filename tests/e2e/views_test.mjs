// What the page shows equals what was published.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { command, openPage, screenshot, startBridge, startTrainer, stopAll, submit, until } from './support.mjs';

const hostile = '<img src=x onerror="document.title=1">';

let trained; // a bridge with two trainers
before(async () => {
  trained = await startBridge();
  startTrainer(trained, { source: 'trainer-1', seed: 1 });
  startTrainer(trained, { source: 'trainer-2', seed: 2 });
});
after(stopAll);

const text = (locator) => locator.textContent();
const row = (page, name) => page.getByRole('row').filter({ hasText: name });
const shows = (locator, pattern) => locator.filter({ hasText: pattern }).first().waitFor();

let seq = 0;
const trade = (data) => ({
  type: 'trade_executed', source: 's', run: 'r', source_seq: ++seq,
  data: { agent_id: 'agent_0', action_type: 'sell', item: 'Coal', price: 199, quantity: 5, profit: 10, total_value: 995, ...data },
});
const event = (type, data) => ({ type, source: 's', run: 'r', source_seq: ++seq, data });

test('views: values are those that were published, hostile names are text', async () => {
  const bridge = await startBridge();
  const page = await openPage(bridge);
  await page.getByText('Nothing was published yet').waitFor();
  await submit(bridge,
    event('portfolio_update', { agent_id: 'agent_0', gp: 1, inventory: {}, total_value: 1670794, inventory_value: 2 }),
    trade({ profit: 150000 }), trade({ profit: -50000 }), trade({ action_type: 'buy', profit: 0 }),
    event('agent_decision', { agent_id: 'agent_0', action_type: 'buy', item: 'Imperial rosé', price: 2147483647, quantity: 3, reasoning: hostile }),
    `{"type":"portfolio_update","source":"s","run":"r","source_seq":${++seq},"data":{"agent_id":"agent_1","total_value":9223372036854775807}}`,
    event('portfolio_update', { agent_id: hostile, total_value: 5 }));
  const first = row(page, 'agent_0');
  await shows(first, '1.67m');
  await shows(first, 'buy 3 × Imperial rosé at 2.15b');
  const cells = await first.getByRole('cell').all();
  assert.match(await cells[2].getAttribute('title'), /^1,670,794\. /);
  assert.deepEqual(await Promise.all([4, 5, 6].map((i) => text(cells[i]))), ['100k', '3', '50.0 %']);
  assert.equal(await cells[7].getAttribute('title'), hostile);
  // All digits of a 64-bit integer.
  assert.match(await row(page, 'agent_1').getByRole('cell').nth(2).getAttribute('title'), /^9,223,372,036,854,775,807\. /);
  await row(page, hostile).waitFor();

  await page.keyboard.press('5');
  const tape = page.getByLabel('Events, newest first');
  await shows(tape.getByRole('row'), 'Imperial rosé');
  await page.getByLabel('Filter by text').fill('9223372036854775807');
  await page.getByText('1 shown').waitFor();
  await tape.getByRole('row').nth(1).click();
  assert.match(await text(page.locator('.json')), /"total_value": 9223372036854775807\n/);

  // Held, nothing moves and nothing is lost.
  await page.getByLabel('Filter by text').fill('');
  await page.getByLabel('Filter by item').fill('coal');
  await page.getByText('3 shown').waitFor();
  await page.getByRole('button', { name: 'Hold' }).click();
  await submit(bridge, trade({}), trade({ item: 'Yew logs' }), trade({}));
  await page.getByText('2 new · follow').waitFor();
  assert.equal(await tape.getByRole('row').count(), 4);
  await page.getByRole('button', { name: 'Follow', exact: true }).click();
  await page.getByText('5 shown').waitFor();
  await until('the title', async () => (await page.title()) === 'Tape · PPO Bridge'); // it is told once a second
  assert.deepEqual(page.problems, []);
});

test('views: margins after tax, and NaN as a mark', async () => {
  const bridge = await startBridge();
  await submit(bridge,
    event('margin_update', { item: 'Abyssal whip', buy_price: 1500000, sell_price: 1600000, margin: 100000, margin_percent: 0.066 }),
    event('margin_update', { item: hostile, buy_price: 100, sell_price: 101, margin: 1, margin_percent: 0.01 }),
    '{"type":"training_update","source":"s","data":{"agent_id":"a","update":1,"steps":128,"policy_loss":0.5,"value_loss":1.5}}',
    '{"type":"training_update","source":"s","data":{"agent_id":"a","update":2,"steps":256,"policy_loss":NaN,"value_loss":1.25}}',
    '{"type":"training_update","source":"s","data":{"agent_id":"a","update":3,"steps":384,"policy_loss":0.25,"value_loss":1}}');
  const page = await openPage(bridge, { view: 'market' });
  // 1.6m less 2 % tax less 1.5m; 101 less 2 less 100.
  await shows(row(page, 'Abyssal whip'), '68k');
  assert.match(await text(row(page, hostile)), /−1/);
  await page.keyboard.press('3');
  const panel = page.getByRole('region', { name: 'training_update/policy_loss' });
  await shows(panel, '✕ 1 NaN');
  assert.equal(await page.getByRole('region', { name: 'training_update/value_loss' }).locator('.bad-note').textContent(), '');
  const red = await panel.locator('canvas').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i] > 180 && data[i + 1] < 80 && data[i + 2] < 80) ++count;
    return count;
  });
  assert.ok(red > 20, `${red} red pixels`);
  await screenshot(page, 'training-nan');
  assert.deepEqual(page.problems, []);
});

test('views: with real trainers, the portfolio is the one that they published', async () => {
  const page = await openPage(trained);
  await row(page, 'trainer-2').nth(1).waitFor();
  const asked = await command(trained, 'pause', {}, '*');
  assert.ok(asked.results.every(({ success }) => success), JSON.stringify(asked));
  await until('every agent paused', async () => (await page.locator('.badge.paused').count()) === 4);
  const { result } = await command(trained, 'get_snapshot');
  for (const { type, source, data } of result.events) {
    if (type !== 'portfolio_update') continue;
    const full = new Intl.NumberFormat('en-US').format(data.total_value);
    await page.locator(`tr:has-text("${data.agent_id}"):has-text("${source}") td[title^="${full}. "]`).waitFor();
  }
  await command(trained, 'resume', {}, '*');
  // Of the runs that are chosen, theirs alone.
  const [{ run_id: id }] = (await command(trained, 'get_runs', { filter: { source: 'trainer-1', agent_id: 'agent_1' } })).result.runs;
  const one = await openPage(trained, { view: `overview?runs=${encodeURIComponent(encodeURIComponent(id))}` });
  await until('its curve alone', async () => (await one.locator('.overview .key > span').allTextContents()).join().trim() === 'trainer-1/agent_1');
  assert.deepEqual(page.problems, []);
});

test('views: the system shows memory by queue, delays and the slowest clients by name', async () => {
  const page = await openPage(trained, { view: 'system' });
  const memory = page.getByRole('table', { name: 'Memory by queue' });
  const { result } = await command(trained, 'get_status');
  for (const [queue, { bytes_max: most }] of Object.entries(result.memory.queues)) {
    const shown = memory.locator('tr').filter({ has: page.getByText(queue.replaceAll('_', ' '), { exact: true }) });
    await shown.waitFor();
    if (most > 0) await shown.locator(`[title="It may take ${new Intl.NumberFormat('en-US').format(most)} bytes"]`).waitFor();
    assert.match(await shown.locator('td').first().getAttribute('title'), /Full: /, `what ${queue} means`);
  }
  await page.getByRole('table', { name: 'Clients' }).getByText('dashboard').first().waitFor();
  await page.getByRole('table', { name: 'Delay in the bridge' }).locator('tbody tr').first().waitFor();
  assert.match(await page.locator('.tile', { hasText: 'Longest turn' }).textContent(), /\d ms$/);
  assert.deepEqual(page.problems, []);
});

test('views: one that has nothing to show says so, where one can read it', async () => {
  const bridge = await startBridge();
  const page = await openPage(bridge);
  for (const [view, words] of [['runs', 'No runs yet'], ['market', 'No prices or margins yet'], ['training', 'No runs yet'], ['alerts', 'No alerts yet']]) {
    await page.goto(`${bridge.page}#/${view}`);
    const told = page.getByText(words).first();
    await told.waitFor();
    const onTop = () => told.evaluate((element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      return document.elementFromPoint(left + width / 2, top + height / 2) === element;
    });
    assert.ok(await onTop(), `${view}: something lies over it`);
  }
  assert.deepEqual(page.problems, []);
});

// Numbers that do not say, when pointed at, since when and from where they are; but for an event's own number and the
// bounds of a distribution, which are names.
const silentNumbers = () => [...document.querySelectorAll('main td, main [role=gridcell], main dd')].filter((cell) => {
  const shown = cell.offsetParent !== null && /^[−\d]/.test(cell.textContent.trim());
  const place = cell.closest('table')?.getAttribute('aria-label') ?? '';
  const named = cell.classList.contains('cell-seq') || (place === 'Delay in the bridge' && cell.cellIndex === 0);
  return shown && !named && !(cell.closest('[title]') ?? cell.querySelector('[title]'))?.title;
}).map((cell) => `${cell.className} ${cell.textContent}`);

test('views: each number says since when and from where it is, when one points at it', async () => {
  await submit(trained, event('price_update', { item: 'Coal', price: 9 }), event('margin_update', { item: 'Coal', buy_price: 8, sell_price: 9 }),
               event('span', { name: 'rollout', start: Date.now() / 1000, duration_ms: 5 }));
  await command(trained, 'create_alert', { rule: 'price_update where price > 8' });
  await submit(trained, event('price_update', { item: 'Coal', price: 10 }));
  const page = await openPage(trained);
  for (const [view, ready] of [['overview', 'Agents live'], ['runs', 'running'], ['market', 'Coal'], ['training', 'of the newest'], ['tape', 'price_update'],
                               ['control', 'History'], ['system', 'Journal'], ['alerts', 'raised']]) {
    await page.goto(`${trained.page}#/${view}`);
    await page.locator('main').getByText(ready).first().waitFor();
    await page.waitForTimeout(1200); // a refresh
    assert.deepEqual(await page.evaluate(silentNumbers), [], view);
  }
  assert.deepEqual(page.problems, []);
});
