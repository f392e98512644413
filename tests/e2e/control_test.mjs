// A command that is clicked reaches the trainer, and its answer the page.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { command, openPage, screenshot, startBridge, startTrainer, stop, stopAll, until } from './support.mjs';

after(stopAll);

test('control: pause, hyperparameters, checkpoints, and a question before what cannot be undone', async () => {
  const bridge = await startBridge();
  startTrainer(bridge, { source: 'trainer-1' });
  startTrainer(bridge, { source: 'trainer-2' });
  const page = await openPage(bridge, { view: 'control' });
  const answers = page.getByRole('table', { name: 'Answers' }).locator('tbody tr');
  const newest = (...parts) => parts.reduce((found, part) => found.filter({ hasText: part }),
                                            answers.first()).waitFor();
  const state = async (source) => (await command(bridge, 'get_sources')).result.sources
    .find((other) => other.source === source)?.activity;

  await page.getByLabel('trainer-1/agent_0').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click({ force: true }); // grey, but it says why
  await page.getByText('Choose to whom first.').waitFor();

  // One agent, then both: a trainer all of whose agents are chosen is asked once.
  await page.getByLabel('trainer-1/agent_0').check();
  await page.getByRole('button', { name: 'Pause' }).click();
  await newest('pause', 'trainer-1/agent_0', '✓ ok', '"state":"paused"');
  await page.getByLabel('trainer-1/agent_1').check();
  await page.getByRole('button', { name: 'Pause' }).click();
  await newest('pause', '✓ ok', 'agent_1');
  await until('trainer-1 paused', async () => (await state('trainer-1')) === 'paused');
  assert.notEqual(await state('trainer-2'), 'paused');
  await page.locator('.target', { hasText: 'trainer-1/agent_1' }).locator('.badge.paused').waitFor();

  // Many at once.
  await page.getByLabel('all').check();
  await page.getByRole('button', { name: 'Resume' }).click();
  await until('trainer-1 running', async () => (await state('trainer-1')) === 'running');
  await newest('resume', '✓ ok');

  await page.getByLabel('all').uncheck();
  await page.getByLabel('trainer-2/agent_1').check();
  // What is out of range, or may be one or a thousand, is not sent.
  const rate = page.getByLabel('learning_rate', { exact: true });
  const asked = await answers.count();
  for (const [typed, problem] of [['1.5', '1.5 is out of range; it must be a number, 0 to 1'], ['-0.1', 'out of range'],
    ['1,000', '1000 is out of range'], ['0,5', 'a fraction stands behind a point here: 0.5'], ['much', 'this is no number'], ['', 'a number is missing']]) {
    await rate.fill(typed);
    await page.getByRole('button', { name: 'Set learning_rate' }).click();
    await page.locator('.parameter', { hasText: problem }).waitFor();
  }
  assert.equal(await answers.count(), asked);
  await rate.fill('0.00125');
  await page.getByRole('button', { name: 'Set learning_rate' }).click();
  await newest('set_hyperparameter', 'trainer-2/agent_1', '✓ ok', '0.00125');
  await page.locator('.parameter', { hasText: 'learning_rate' }).locator('.now').filter({ hasText: '0.00125' }).waitFor();
  await page.getByRole('button', { name: 'Show parameters' }).click();
  await newest('get_hyperparameters', '"learning_rate":0.00125');

  await page.getByLabel('File of the checkpoint').fill('../../etc/passwd');
  await page.getByRole('button', { name: 'Save' }).click();
  await newest('save_checkpoint', '✕ bad', 'refused by the trainer, not done');
  await page.getByLabel('File of the checkpoint').fill('clicked.ckpt');
  await page.getByRole('button', { name: 'Save' }).click();
  await newest('save_checkpoint', '✓ ok', 'clicked.ckpt');

  // Asked, and not done when the answer is no.
  const count = await answers.count();
  await page.getByRole('button', { name: 'Load…' }).click();
  await page.getByText('It cannot be undone.').waitFor();
  await screenshot(page, 'control-asks');
  await page.keyboard.press('Enter'); // Cancel has the focus
  assert.equal(await answers.count(), count);
  await page.getByRole('button', { name: 'Load…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'load_checkpoint' }).click();
  await newest('load_checkpoint', '✓ ok', 'saved_step');
  await page.getByRole('button', { name: 'Stop…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'stop' }).click();
  await newest('stop', 'trainer-2', '✓ ok');
  await until('trainer-2 gone', async () => (await command(bridge, 'get_sources')).result.sources
    .find(({ source }) => source === 'trainer-2').state === 'gone');
  // It stays in sight, grey, and says why.
  await until('grey', () => page.getByLabel('trainer-2/agent_1').isDisabled());
  assert.equal(await page.locator('.target', { hasText: 'trainer-2/agent_1' }).getAttribute('title'), 'It takes no commands: it is gone.');
  assert.equal(await page.getByRole('button', { name: 'Pause' }).getAttribute('title'), 'Choose to whom first.');
  await screenshot(page, 'control-answers');

  // Another page, opened later, shows the same history; also what somebody else asked.
  await command(bridge, 'resume', {}, 'trainer-1');
  const later = await openPage(bridge, { view: 'control' });
  const history = later.getByRole('table', { name: 'History' }).locator('tbody tr');
  const told = (...parts) => parts.reduce((found, part) => found.filter({ hasText: part }), history).first().waitFor();
  await told('connection-', 'resume', 'trainer-1', 'done');
  await told('dashboard', 'set_hyperparameter', 'trainer-2/agent_1', 'done');
  await told('dashboard', 'save_checkpoint', 'refused by the trainer, not done');
  await command(bridge, 'pause', {}, 'trainer-1');
  await told('connection-', 'pause', 'trainer-1', 'done');
  await later.getByLabel('Search the history').fill('hyperparameter');
  await until('only these', async () => (await history.count()) === 2);
  assert.deepEqual([...page.problems, ...later.problems], []);
});

test('control: an order is placed and cancelled after a question that repeats its numbers', async () => {
  const bridge = await startBridge();
  startTrainer(bridge, { source: 'trainer-1', pace: 20 });
  const page = await openPage(bridge, { view: 'control' });
  const answers = page.getByRole('table', { name: 'Answers' }).locator('tbody tr');
  await page.getByLabel('trainer-1/agent_0').check();
  await page.getByRole('button', { name: 'Pause' }).click(); // so that its slots stay as they are
  await answers.filter({ hasText: '✓ ok' }).waitFor();
  const place = page.getByRole('button', { name: 'Place…' });
  await page.getByLabel('Item', { exact: true }).fill('Shark');
  await page.getByLabel('Quantity').fill('1.5');
  await page.getByLabel('Price each').fill('1,00');
  await place.click();
  await page.getByText('quantity is 1.5; it must be a whole number').waitFor();
  await page.getByLabel('Quantity').fill('1,000');
  await place.click();
  await page.getByText('price: a fraction stands behind a point here: 1.00').waitFor();
  await page.getByLabel('Price each').fill('1.1k');
  await page.getByLabel('Side').selectOption('sell');
  // 22 gp tax each.
  await page.getByText('1,000 at 1,100 gp: total 1,100,000 gp, tax 22,000 gp, you get at least 1,078,000 gp').waitFor();
  await place.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'sell 1,000 × Shark?' }).waitFor();
  const numbers = await dialog.locator('.numbers > div').evaluateAll((rows) =>
    rows.map((row) => [...row.children].map(({ textContent }) => textContent)));
  assert.deepEqual(numbers, [['For', 'trainer-1/agent_0'], ['Item', 'Shark'], ['Quantity', '1,000'], ['Price each', '1,100 gp'],
    ['Total', '1,100,000 gp'], ['Tax', '22,000 gp'], ['You get at least', '1,078,000 gp']]);
  await screenshot(page, 'control-order');
  await page.keyboard.press('Escape');
  assert.equal(await answers.filter({ hasText: 'place_order' }).count(), 0);
  await place.click();
  await dialog.getByRole('button', { name: 'Place sell order' }).click();
  const sent = await until('an answer', async () => {
    const { result } = await command(bridge, 'get_recent_events', { type: 'command_executed' });
    return result.events.find(({ data }) => data.command === 'place_order');
  });
  assert.deepEqual(sent.data.params ?? { item: 'Shark', side: 'sell', quantity: 1000, price: 1100 },
                   { item: 'Shark', side: 'sell', quantity: 1000, price: 1100 });
  await answers.filter({ hasText: 'place_order' }).first().waitFor();

  await page.getByRole('button', { name: 'Show open orders' }).click();
  const order = page.locator('.order').first();
  await order.waitFor();
  const line = await order.locator('span').textContent();
  await order.getByRole('button').click();
  await dialog.getByText(/^(buy|sell) [0-9,]+ × /).waitFor();
  assert.ok(line.startsWith(await dialog.locator('dd').nth(1).textContent()), line);
  await dialog.getByRole('button', { name: 'Cancel order' }).click();
  await answers.filter({ hasText: 'cancel_order' }).filter({ hasText: '✓ ok' }).waitFor();
  assert.deepEqual(page.problems, []);
});

test('control: what a trainer took with it when it was killed may have been done, and it says so', async () => {
  const bridge = await startBridge();
  const trainer = startTrainer(bridge, { source: 'trainer-1' });
  const page = await openPage(bridge, { view: 'control' });
  await page.getByLabel('trainer-1/agent_0').check();
  trainer.child.kill('SIGSTOP');
  await page.getByRole('button', { name: 'Pause' }).click();
  const answers = page.getByRole('table', { name: 'Answers' }).locator('tbody tr');
  await answers.filter({ hasText: '… busy' }).waitFor();
  await until('the trainer has it', async () => (await command(bridge, 'get_status')).result.commands.received > 0);
  await stop(trainer, 'SIGKILL');
  await answers.filter({ hasText: '? unknown' }).filter({ hasText: 'it may have been done' }).or(
    answers.filter({ hasText: '? unknown' }).filter({ hasText: 'which may have been done' })).waitFor();
  await page.getByRole('table', { name: 'History' }).locator('tbody tr').filter({ hasText: '? unknown' }).waitFor();
  assert.deepEqual(page.problems, []);
});

test('control: fields are what sources declare: kinds, units, ranges, and long names', async () => {
  const bridge = await startBridge();
  const long = `x${'y'.repeat(198)}z`;
  const announce = (source, agents, parameters) => ({ type: '_source', source, run: 'r', data: {
    head: 0, oldest: 1, agents, commands: ['set_hyperparameter', 'pause'], host: 'h', pid: 1, state: 'running', parameters } });
  const say = async () => {
    for (const body of [
      announce('t', ['a', 'b'], [
        { name: 'batch_size', value: 64, kind: 'integer', min: 1, max: 4096, unit: 'samples' },
        { name: 'anneal', value: true, kind: 'boolean' }, { name: 'optimizer', value: 'adam', kind: 'choice', choices: ['adam', 'sgd', '\u202e'] },
        { name: 'temperature', value: 1, min: 0, unit: 'K', agent_id: 'a' }, { name: long, value: '\u202eevil', kind: 'text' }]),
      announce('u', ['a'], [{ name: 'batch_size', value: 32, kind: 'integer', min: 1, max: 128 }]),
    ]) await fetch(`${bridge.page}submit_event`, { method: 'POST', body: JSON.stringify(body).replaceAll('\\\\u', '\\u') });
  };
  const keep = setInterval(() => void say(), 1000);
  try {
    await say();
    const page = await openPage(bridge, { view: 'control' });
    await page.getByLabel('t/a').check();
    const row = (name) => page.locator('.parameter', { hasText: name });
    await row('batch_size').getByText('a whole number, 1 to 4096 samples').waitFor();
    assert.equal(await row('batch_size').locator('.now').textContent(), '64 samples');
    assert.equal(await row('anneal').locator('select').inputValue(), 'true');
    assert.deepEqual(await row('optimizer').locator('option').allTextContents(), ['adam', 'sgd', '[U+202E]']);
    await row('temperature').getByText('a number, from 0 K').waitFor();
    assert.match(await page.locator('.parameter-name').last().textContent(), /^xy+…y+z$/);
    assert.equal(await page.locator('.parameter .now').last().textContent(), '[U+202E]evil');
    assert.equal(await page.locator('.parameter input').last().getAttribute('placeholder'), '[U+202E]evil');
    // Right for all of the chosen ones, or for nobody.
    await page.getByLabel('u/a').check();
    await row('batch_size').getByText('ranges differ').waitFor();
    await page.getByLabel('batch_size', { exact: true }).fill('256');
    await page.getByRole('button', { name: 'Set batch_size' }).click();
    await row('batch_size').getByText('batch_size of u/a: 256 is out of range; it must be a whole number, 1 to 128').waitFor();
    await page.getByLabel('batch_size', { exact: true }).fill('1.5');
    await page.getByRole('button', { name: 'Set batch_size' }).click();
    await row('batch_size').getByText('1.5 is no whole number').waitFor();
    // Nobody is connected: surely not done, for each of them.
    await page.getByLabel('batch_size', { exact: true }).fill('100');
    await page.getByRole('button', { name: 'Set batch_size' }).click();
    await until('two answers', async () => (await page.getByRole('table', { name: 'Answers' }).locator('tbody tr')
      .filter({ hasText: 'surely not done' }).count()) === 2);
    await screenshot(page, 'control-parameters');
    assert.deepEqual(page.problems, []);
  } finally {
    clearInterval(keep);
  }
});
