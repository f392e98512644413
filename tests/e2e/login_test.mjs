// Where the bridge wants to know who looks at it, the page asks, and is what the token's role lets it be.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openPage, screenshot, startBridge, stopAll } from './support.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'ppo-login-'));
after(async () => {
  await stopAll();
  rmSync(scratch, { recursive: true, force: true });
});

test('login: a wrong token is asked for again, a right one opens the page', async () => {
  const credentials = join(scratch, 'credentials');
  const made = spawnSync(join(process.env.PPO_BIN, 'ppo-bridge'),
                         ['token', '--credentials', credentials, 'create', 'alice', '--role', 'viewer'], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  const bridge = await startBridge({ settings: ['auth.mode=on', `auth.credentials=${credentials}`] });
  const page = await openPage(bridge);
  const dialog = page.getByRole('dialog', { name: 'Who are you?' });
  await dialog.waitFor();
  await screenshot(page, 'login');
  await page.getByLabel('Token').fill('ppo1_wrong');
  await page.getByRole('button', { name: 'Go on' }).click();
  await dialog.getByText('wrong, or no longer good').waitFor();
  await page.getByLabel('Token').fill(made.stdout.trim());
  await page.keyboard.press('Enter');
  await page.getByText('● live').waitFor();
  assert.equal(await dialog.count(), 0);
  assert.ok(!page.url().includes('ppo1_'));
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }).includes('ppo1_')), false);
  assert.deepEqual(page.problems, []);
});
