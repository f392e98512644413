// The first page: how a program is attached while there is none, and how the runs are as soon as there are some.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { command, openPage, screenshot, startBridge, stopAll, submit, until } from './support.mjs';

const run = promisify(execFile);
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const python = process.env.PPO_PYTHON ?? '/usr/bin/python3';
const folder = mkdtempSync(join(tmpdir(), 'ppo-overview-'));
after(async () => {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
});

// What a person would have: the packages, CleanRL's checkout, Stable-Baselines3.
function preparePrograms() {
  const bin = join(folder, 'bin');
  mkdirSync(join(folder, 'cleanrl'), { recursive: true });
  mkdirSync(bin, { recursive: true });
  for (const [name, script] of [['pip', 'exit 0'], ['python', `exec ${python} "$@"`]]) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  writeFileSync(join(folder, 'cleanrl', 'ppo.py'), `
from torch.utils.tensorboard import SummaryWriter
writer = SummaryWriter("runs/CartPole-v1__ppo__1")
writer.add_text("hyperparameters", "|param|value|\\n|-|-|\\n|seed|1|")
for step in range(1, 101):
    writer.add_scalar("losses/policy_loss", 1 / step, step)
writer.close()
`);
  writeFileSync(join(folder, 'sitecustomize.py'), `
import sys
import sb3_standins as sb3
sys.modules.update(sb3.MODULES)
sys.modules["stable_baselines3"].PPO = lambda policy, env: sb3.PPO(policy, sb3.vec([40]))
`);
  return {
    cwd: folder,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, PPO_QUIET: '1', PYTHONDONTWRITEBYTECODE: '1',
           PYTHONPATH: [folder, 'publishers/python', 'tests/python'].map((path) => resolve(root, path)).join(':') },
  };
}

const ways = {
  Python: (text, options) => run(python, ['-c', text], options),
  CleanRL: (text, options) => run('bash', ['--norc', '-ec', text], options),
  SB3: (text, options) => run(python, ['-c', text.replace('100_000', '200')], options),
  curl: (text, options) => run('bash', ['--norc', '-ec', text], options),
};
for (const [name, carryOut] of Object.entries(ways)) {
  test(`overview: nothing runs, and what it says of ${name} attaches a program to this bridge`, async () => {
    const bridge = await startBridge();
    const page = await openPage(bridge);
    await page.getByText('Nothing was published yet').waitFor();
    await page.getByRole('tab', { name }).click();
    // The real addresses, not the usual ones.
    const wanted = name === 'curl' ? bridge.page : bridge.addresses.events_in;
    await page.getByRole('tabpanel').filter({ hasText: wanted }).waitFor();
    const text = await page.getByRole('tabpanel').textContent();
    await carryOut(text, preparePrograms());
    // Live without a reload, with the run's name.
    await page.getByRole('heading', { name: 'Agents' }).waitFor();
    await page.locator('.board li').first().waitFor();
    const { result } = await command(bridge, 'get_runs', {});
    const curve = result.runs.find(({ metrics }) => Object.keys(metrics).some((tag) => !tag.startsWith('system/')));
    assert.ok(curve !== undefined, JSON.stringify(result.runs));
    assert.deepEqual(page.problems, []);
  });
}

test('overview: what it says of C++ compiles', async () => {
  const bridge = await startBridge();
  const page = await openPage(bridge);
  await page.getByRole('tab', { name: 'C++' }).click();
  await page.getByRole('tabpanel').filter({ hasText: bridge.addresses.control }).waitFor();
  const file = join(folder, 'trainer.cpp');
  writeFileSync(file, await page.getByRole('tabpanel').textContent());
  await run('g++', ['-std=c++17', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', `-I${root}/publishers/ppo_publisher/include`, file]);
  // Tabs are one stop; arrow keys go from one to the next.
  await page.getByRole('tab', { name: 'C++' }).press('ArrowRight');
  await page.getByRole('tab', { name: 'curl', selected: true }).waitFor();
  assert.equal(await page.locator('[role=tab][tabindex="0"]').count(), 1);
  await screenshot(page, 'first-visit');
  assert.deepEqual(page.problems, []);
});

const event = (type, runName, data) => ({ type, source: 'sweep', run: runName, data: { agent_id: 'agent_0', ...data } });

test('overview: runs alive and crashed with the first line of the error, each a link', async () => {
  const bridge = await startBridge();
  await submit(bridge,
    event('run_started', 'r1', { name: 'the running one' }), event('scalar', 'r1', { tag: 'loss', value: 1, step: 4096 }),
    event('run_started', 'r2', { name: 'the broken one' }),
    event('error', 'r2', { error_type: 'ValueError', message: 'loss is NaN\nand more', details: { frames: ['train.py:1 in train: step()'] } }),
    event('run_ended', 'r2', { state: 'crashed', error: 'ValueError: loss is NaN\nand more' }));
  const page = await openPage(bridge);
  const board = page.locator('.board');
  await board.getByText('the running one · agent_0').waitFor();
  await board.getByText('4,096 steps').waitFor();
  await board.getByText('ValueError: loss is NaN').waitFor();
  assert.match(await page.locator('.tile', { hasText: 'Runs alive' }).textContent(), /1$/);
  await board.getByText('the broken one').click();
  await page.getByRole('complementary').getByText('train.py:1 in train: step()').waitFor();
  await page.goBack();
  await board.getByRole('link', { name: '1 crashed' }).click();
  await page.getByText('1 of 2 runs').waitFor();
  assert.deepEqual(page.problems, []);
});

test('overview: until the runs are told there is no number of them', async () => {
  const bridge = await startBridge();
  await submit(bridge, event('run_started', 'r1', { name: 'the running one' }), event('portfolio_update', 'r1', { gp: 1, inventory: {}, total_value: 1 }));
  const held = [];
  let holds = true;
  const page = await openPage(bridge, {
    before: (opening) => opening.routeWebSocket(/\/ws$/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((text) => (holds && String(text).includes('"get_runs"') ? held.push(() => server.send(text)) : server.send(text)));
    }),
  });
  await page.getByRole('table', { name: 'Agents' }).getByText('agent_0').waitFor();
  const alive = page.locator('.tile', { hasText: 'Runs alive' }).locator('dd');
  assert.equal(await alive.textContent(), '–');
  assert.doesNotMatch(await page.locator('.board').textContent(), /\d/);
  holds = false;
  for (const send of held.splice(0)) send();
  await alive.filter({ hasText: /^1$/ }).waitFor();
  await page.locator('.board').getByRole('link', { name: '1 alive' }).waitFor();
  assert.deepEqual(page.problems, []);
});

test('overview: trainer-10 stands behind trainer-2', async () => {
  const bridge = await startBridge();
  const trade = (source) => ({ type: 'trade_executed', source, run: 'r', source_seq: 1,
    data: { agent_id: 'agent_0', profit: 1, action_type: 'sell', item: 'Coal', price: 1, quantity: 1 } });
  await submit(bridge, ...['trainer-10', 'trainer-2', 'trainer-1'].map(trade));
  const page = await openPage(bridge);
  await until('in the order of their numbers', async () =>
    (await page.getByRole('table', { name: 'Agents' }).locator('tbody tr').allTextContents())
      .map((text) => /trainer-(\d+)/.exec(text)?.[1]).join() === '1,2,10');
});

test('overview: under the pointer rows stay where they are', async () => {
  const bridge = await startBridge();
  const trade = (agent, profit) => event('trade_executed', 'r1', { agent_id: agent, profit, action_type: 'sell', item: 'Coal', price: 1, quantity: 1 });
  await submit(bridge, trade('a', 300), trade('b', 200), trade('c', 100));
  const page = await openPage(bridge);
  const agents = page.getByRole('table', { name: 'Agents' });
  const names = () => agents.locator('tbody td.name strong').allTextContents();
  await agents.getByRole('button', { name: 'Profit' }).click();
  await until('sorted', async () => (await names()).join('') === 'abc');
  await agents.getByRole('row').nth(1).hover();
  await submit(bridge, trade('c', 1000), trade('d', 5000));
  await agents.getByText('1,100').waitFor();
  assert.equal((await names()).join(''), 'abcd');
  await page.mouse.move(5, 5);
  await until('sorted again', async () => (await names()).join('') === 'dcab');
  // One tab stop, arrow keys between rows.
  assert.equal(await agents.locator('tbody tr[tabindex="0"]').count(), 1);
  assert.deepEqual(page.problems, []);
});
