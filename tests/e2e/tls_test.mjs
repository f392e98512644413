// The page and the feed over TLS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openPage, requireOfWeb, startBridge, stopAll, until } from './support.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const library = resolve(here, '../../clients/web/src/feed/index.ts');
const { buildSync } = requireOfWeb('esbuild');
const { WebSocket } = requireOfWeb('ws');

const scratch = mkdtempSync(join(tmpdir(), 'ppo-tls-'));
const certificate = join(scratch, 'bridge.pem');
let bridge;

before(async () => {
  const key = join(scratch, 'bridge.key');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
    '-subj', '/CN=bridge', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  chmodSync(key, 0o600);
  bridge = await startBridge({ settings: [`tls.certificate=${certificate}`, `tls.key=${key}`] });
});

after(async () => {
  await stopAll();
  rmSync(scratch, { recursive: true, force: true });
});

test('tls: the feed in Node, with the certificate and without', async () => {
  const outfile = join(scratch, 'feed.mjs');
  buildSync({ entryPoints: [library], outfile, bundle: true, format: 'esm', target: 'node18' });
  const { Feed } = await import(pathToFileURL(outfile).href);
  const open = (options) => {
    const feed = new Feed({
      url: bridge.addresses.ws, connect: (url) => new WebSocket(url, options), backoff: { first_ms: 50, max_ms: 200 },
      onEvents: () => {},
    });
    feed.start();
    return feed;
  };
  const trusting = open({ ca: readFileSync(certificate) });
  await until('the connection', () => trusting.state.status === 'live');
  const { result } = await trusting.command('get_status');
  assert.equal(result.addresses.ws, bridge.addresses.ws);
  trusting.stop();
  const wary = open({});
  await until('a reason', () => wary.state.status === 'waiting' && wary.state.attempts > 1);
  assert.match(wary.state.reason, /self-signed certificate/);
  wary.stop();
});

test('tls: the page', async () => {
  assert.match(bridge.page, /^https:/);
  const page = await openPage(bridge, { ignoreHTTPSErrors: true });
  await page.getByText('● live').waitFor();
  assert.deepEqual(page.problems, []);
});
