// Where the bridge wants to know who looks at it, the page asks, and is what the token's role lets it be.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openPage, screenshot, startBridge, startTrainer, stopAll } from './support.mjs';

// Chromium tells of each answer that is a refusal, and here they are wanted.
const problems = (page) => page.problems.filter((text) => !/status of 401/.test(text));

const scratch = mkdtempSync(join(tmpdir(), 'ppo-login-'));
after(async () => {
  await stopAll();
  rmSync(scratch, { recursive: true, force: true });
});

function token(credentials, ...args) {
  const done = spawnSync(join(process.env.PPO_BIN, 'ppo-bridge'), ['token', '--credentials', credentials, ...args], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
}

async function startGuarded(file, settings = []) {
  const credentials = join(scratch, file);
  const made = token(credentials, 'create', 'alice', '--role', 'viewer');
  return { bridge: await startBridge({ settings: ['auth.mode=on', `auth.credentials=${credentials}`, ...settings] }), credentials, made };
}

async function logIn(page, text) {
  await page.getByLabel('Token').fill(text);
  await page.getByRole('button', { name: 'Go on' }).click();
}

test('login: a wrong token is asked for again, a right one opens the page', async () => {
  const { bridge, made } = await startGuarded('credentials');
  const page = await openPage(bridge);
  const dialog = page.getByRole('dialog', { name: 'Who are you?' });
  await dialog.waitFor();
  await screenshot(page, 'login');
  await page.getByLabel('Token').fill('ppo1_wrong');
  await page.getByRole('button', { name: 'Go on' }).click();
  await dialog.getByText('wrong, or no longer good').waitFor();
  await page.getByLabel('Token').fill(made);
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
  assert.deepEqual(problems(page), []);
});

test('login: a browser is known again until it logs out or the token is revoked', async () => {
  const { bridge, credentials, made } = await startGuarded('kept');
  const page = await openPage(bridge);
  const dialog = (of) => of.getByRole('dialog', { name: 'Who are you?' });
  await logIn(page, made);
  await page.getByText('● live').waitFor();
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path], ['ppo', true, 'Strict', '/']);
  assert.ok(cookie.expires > Date.now() / 1000 + 43_000);
  assert.equal(await page.evaluate(() => document.cookie), '');
  await page.reload();
  await page.getByText('● live').waitFor();
  assert.equal(await dialog(page).count(), 0);
  const second = await page.context().newPage();
  await second.goto(bridge.page);
  await second.getByText('alice · viewer').waitFor();
  assert.equal(await second.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }).includes('ppo1_')), false);
  // Of all tabs.
  await page.getByRole('button', { name: 'Log out' }).click();
  await dialog(page).waitFor();
  await dialog(second).waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  await logIn(second, made);
  await second.getByText('● live').waitFor();
  await page.getByText('● live').waitFor();
  token(credentials, 'revoke', '--all', 'alice');
  await dialog(page).getByText('the token is no longer good').waitFor();
  await page.reload();
  await dialog(page).getByText('This bridge wants to know').waitFor();
  assert.deepEqual(problems(page), []);
});

test('login: over TLS the cookie goes nowhere else', async () => {
  const [certificate, key] = [join(scratch, 'bridge.pem'), join(scratch, 'bridge.key')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
    '-subj', '/CN=bridge', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  chmodSync(key, 0o600);
  const { bridge, made } = await startGuarded('secure', [`tls.certificate=${certificate}`, `tls.key=${key}`]);
  const page = await openPage(bridge, { ignoreHTTPSErrors: true });
  await logIn(page, made);
  await page.getByText('● live').waitFor();
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite], ['__Host-ppo', true, true, 'Strict']);
  await page.reload();
  await page.getByText('alice · viewer').waitFor();
  assert.deepEqual(page.problems, []);
});
