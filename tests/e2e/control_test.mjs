// A command that is clicked reaches the trainer, and its answer the page.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { command, openPage, screenshot, startBridge, startTrainer, stopAll, until } from './support.mjs';

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
  await page.getByRole('button', { name: 'Pause' }).click();
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
  await page.getByLabel('Value').fill('0.00125');
  await page.getByRole('button', { name: 'Set', exact: true }).click();
  await newest('set_hyperparameter', 'trainer-2/agent_1', '✓ ok', '0.00125');
  await page.getByRole('button', { name: 'Show' }).click();
  await newest('get_hyperparameters', '"learning_rate":0.00125');

  await page.getByLabel('File of the checkpoint').fill('../../etc/passwd');
  await page.getByRole('button', { name: 'Save' }).click();
  await newest('save_checkpoint', '✕ bad', 'rejected');
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
  await page.getByLabel('trainer-2/agent_1').waitFor({ state: 'detached' });
  await screenshot(page, 'control-answers');
  assert.deepEqual(page.problems, []);
});
