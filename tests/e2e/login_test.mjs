// Where the bridge wants to know who looks at it, the page asks, and is what the token's role lets it be.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openPage, screenshot, startBridge, startTrainer, stopAll } from './support.mjs';

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
  // What a viewer may not do is not there, or grey with why.
  await page.getByText('alice · viewer').waitFor();
  startTrainer(bridge, { source: 'trainer-1' });
  const why = 'alice is a viewer here, who may not do this.';
  await page.getByRole('link', { name: 'Control' }).click();
  await page.getByText(`${why} What trainers are told here takes a token of the role operator.`).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Pause' }).getAttribute('title'), why);
  for (const heading of ['Parameters', 'Any other command']) assert.equal(await page.getByRole('heading', { name: heading }).isVisible(), false, heading);
  await page.getByRole('link', { name: 'Alerts' }).click();
  await page.getByText(`${why} Alerts can be read, but not written, acknowledged or deleted.`).waitFor();
  assert.equal(await page.getByLabel('A new rule').isVisible(), false);
  await page.getByRole('link', { name: 'Runs' }).click();
  await page.locator('.run-name').first().click();
  const pin = page.getByRole('complementary').getByRole('button', { name: 'Pin' });
  assert.equal(await pin.getAttribute('title'), why);
  assert.equal(await page.getByLabel('Note').isDisabled(), true);
  await pin.click({ force: true });
  await page.getByRole('status').getByText(why).waitFor();
  await page.getByRole('link', { name: 'System' }).click();
  await page.locator('tr', { hasText: '(this page)' }).waitFor();
  assert.equal(await page.getByRole('table', { name: 'Journal' }).isVisible(), false); // of /metrics
  assert.deepEqual(page.problems, []);
});
