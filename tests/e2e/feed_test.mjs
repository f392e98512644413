// The feed library on its own: in Node on the real bridge, and its unit tests in the browser.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { command, openPage, requireOfWeb, startBridge, stop, stopAll, submit, until } from './support.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const library = resolve(here, '../../clients/web/src/feed/index.ts');
const unit = resolve(here, '../unit/web');
const { buildSync } = requireOfWeb('esbuild');
const { WebSocket } = requireOfWeb('ws');

const scratch = mkdtempSync(join(tmpdir(), 'ppo-feed-'));
after(async () => {
  await stopAll();
  rmSync(scratch, { recursive: true, force: true });
});

test('feed: in Node, across a restart of the bridge', async () => {
  const outfile = join(scratch, 'feed.mjs');
  buildSync({ entryPoints: [library], outfile, bundle: true, format: 'esm', target: 'node18' });
  const { Feed } = await import(pathToFileURL(outfile).href);
  const first = await startBridge();
  const events = [];
  const states = [];
  const feed = new Feed({
    url: first.addresses.ws, clientId: 'node', connect: (url) => new WebSocket(url),
    subscription: { subscriptions: ['order_*'] }, backoff: { first_ms: 50, max_ms: 200 },
    onEvents: (batch) => events.push(...batch), onState: ({ status }) => states.push(status),
  });
  feed.start();
  await until('the connection', () => feed.state.status === 'live');
  const order = (n) => ({ type: 'order_placed', source: 's', run: 'r', source_seq: n, data: { n } });
  await submit(first, order(1), order(2), { type: 'other', data: {} });
  await until('two orders', () => events.length === 2);
  const { result } = await feed.command('get_status');
  assert.equal(result.seq, 3);
  await assert.rejects(feed.command('dance', { target: 'nobody' }), { errorType: 'unknown_target' });

  await stop(first, 'SIGKILL');
  await until('the end of the connection', () => feed.state.status !== 'live');
  const second = await startBridge({ at: first });
  await until('another connection', () => feed.state.status === 'live');
  assert.equal(feed.state.epochChanged, true);
  await submit(second, order(1), order(2), order(3));
  await submit(second, '{"type":"order_filled","source":"s","run":"r","source_seq":4,"data":{"id":18446744073709551615}}');
  await until('each order once', () => events.length === 4);
  assert.deepEqual(events.map(({ source_seq }) => source_seq), [1, 2, 3, 4]);
  assert.equal(events[3].data.id, 18446744073709551615n);
  feed.stop();
  assert.deepEqual([...new Set(states)].sort(), ['connecting', 'live', 'stopped', 'waiting']);
});

test('feed: batches come compressed where the socket takes that, and are the same', async () => {
  const bridge = await startBridge();
  const open = async (options) => {
    const socket = new WebSocket(bridge.addresses.ws, options);
    const texts = [];
    socket.on('message', (text) => texts.push(String(text)));
    await until('the welcome', () => texts.length === 1);
    socket.send(JSON.stringify({ action: 'register', batch: true }));
    await until('the reply', () => texts.length === 2);
    return { socket, texts };
  };
  // With a threshold of 0 it compresses its requests, too.
  const compressed = await open({ perMessageDeflate: { threshold: 0 } });
  const plain = await open({ perMessageDeflate: false });
  assert.equal(compressed.socket.extensions, 'permessage-deflate');
  assert.equal(plain.socket.extensions, '');
  const tick = (n) => ({ type: 'tick', source: 's', data: { n, item: 'Abyssal whip \u00e9' } });
  await submit(bridge, ...Array.from({ length: 500 }, (_, n) => tick(n)));
  const count = ({ texts }) => texts.slice(2).flatMap((text) => JSON.parse(text)).length;
  await until('all events', () => count(compressed) === 500 && count(plain) === 500);
  const events = ({ texts }) => texts.slice(2).flatMap((text) => JSON.parse(text));
  assert.deepEqual(events(compressed), events(plain));
  const { result } = await command(bridge, 'get_status');
  assert.ok(result.deflate.messages >= 1);
  assert.ok(result.deflate.bytes_before > 4 * result.deflate.bytes_after);
  for (const { socket } of [compressed, plain]) socket.terminate();
});

test('feed: its unit tests pass in the browser, too', async () => {
  const bridge = await startBridge();
  const page = await openPage(bridge, { bypassCSP: true });
  const shims = join(here, 'browser_shims');
  const { outputFiles } = buildSync({
    stdin: {
      contents: readdirSync(unit).filter((name) => name.endsWith('_test.ts')).map((name) => `import './${name}';`).join('\n'),
      resolveDir: unit,
    },
    bundle: true, format: 'iife', target: 'es2022', write: false,
    alias: { 'node:test': join(shims, 'test.mjs'), 'node:assert/strict': join(shims, 'assert.mjs') },
  });
  await page.addScriptTag({ content: outputFiles[0].text });
  const results = await page.evaluate(() => window.runTests());
  assert.deepEqual(results.filter(({ error }) => error !== undefined), []);
  assert.ok(results.length > 20, `${results.length} tests`);
});
