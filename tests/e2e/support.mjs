// Starts what the end-to-end tests need: the real bridge, real trainers, a real browser. What a test started ends with
// it, so that the next one has the machine to itself; what a file's before() started is ended by stopAll(), which
// every test file calls when it is done.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const web = resolve(here, '../../clients/web');
export const requireOfWeb = createRequire(join(web, 'package.json'));
const { chromium } = requireOfWeb('playwright-core');

const bin = process.env.PPO_BIN ?? resolve(here, '../../build/release/bin');
export const screenshots = process.env.PPO_SCREENSHOTS ?? resolve(here, '../../build/screenshots');
const patience_ms = 60_000; // for a busy machine; only a test that fails waits for so long
const running = new Set();
const contexts = new Set();
let browser;

export async function until(what, condition, timeout_ms = patience_ms) {
  const end = Date.now() + timeout_ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${timeout_ms} ms for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

function start(program, args, env = process.env) {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const started = { child, lines: [], errors: '', exited: undefined };
  started.exited = new Promise((done) => child.once('exit', (code, signal) => {
    running.delete(started);
    done(signal ?? code);
  }));
  child.once('error', (error) => {
    started.errors += error;
  });
  child.stderr.on('data', (text) => {
    started.errors = (started.errors + text).slice(-10_000);
  });
  createInterface({ input: child.stdout }).on('line', (line) => started.lines.push(line));
  running.add(started);
  return started;
}

// A program of the test's own in Python, with this repository's library.
export function startPython(text, args = []) {
  const library = resolve(here, '../../publishers/python');
  return start('/usr/bin/python3', ['-c', text, ...args], { ...process.env, PYTHONPATH: library, PPO_QUIET: '1' });
}

export async function stop(started, signal = 'SIGTERM') {
  started.child.kill(signal);
  return started.exited;
}

async function line(started, pattern) {
  return until(`a line like ${pattern} (stderr: ${started.errors})`, () => {
    if (started.child.exitCode !== null) throw new Error(`it ended: ${started.errors}`);
    return started.lines.find((text) => pattern.test(text));
  });
}

// `at`: a bridge that has ended and whose addresses are to be taken over.
export async function startBridge({ settings = [], at } = {}) {
  const wanted = at ? {
    'websocket.listen': at.addresses.ws.replace('ws://', '').replace('/ws', ''),
    'events.bind': at.addresses.events_in, 'bots.events': at.addresses.events_out,
    'bots.commands': at.addresses.commands, 'trainers.control': at.addresses.control,
  } : {
    'websocket.listen': '127.0.0.1:0', 'events.bind': 'tcp://127.0.0.1:*', 'bots.events': 'tcp://127.0.0.1:*',
    'bots.commands': 'tcp://127.0.0.1:*', 'trainers.control': 'tcp://127.0.0.1:*',
  };
  // No journal unless a test asks for one: the default is the person's own.
  wanted['journal.path'] = '""';
  wanted['auth.mode'] = 'off';
  const all = [...Object.entries(wanted).map(([key, value]) => `${key}=${value}`), ...settings];
  let started, ready;
  await until('its addresses', async () => {
    started = start(join(bin, 'ppo-bridge'), all.flatMap((setting) => ['--set', setting]));
    ready = await line(started, /^ready /).catch((error) => {
      // Since it ended, the system may have given one of its ports to somebody's connection.
      if (!/in use/.test(error.message)) throw error;
    });
    return ready;
  });
  const addresses = Object.fromEntries(ready.split(' ').slice(1).map((pair) => pair.split(/=(.*)/s)));
  return { ...started, addresses, page: addresses.ws.replace(/^ws/, 'http').replace(/ws$/, '') };
}

let checkpoints;
export function startTrainer(bridge, { source, seed = 1, agents = 2, pace = 120, args = [] }) {
  checkpoints ??= mkdtempSync(join(tmpdir(), 'ppo-e2e-'));
  return start(join(bin, 'ppo-trainer'), [
    '--agents', String(agents), '--steps', '100000000', '--seed', String(seed), '--pace', String(pace),
    '--source', source, '--events', bridge.addresses.events_in, '--control', bridge.addresses.control,
    '--checkpoints', join(checkpoints, source), '--quiet', ...args,
  ]);
}

export function startStorm(bridge, args) {
  return start(process.env.PPO_STORM ?? resolve(here, '../../build/release/tests/event-storm'),
               ['--events', bridge.addresses.events_in, ...args]);
}

// One or more event bodies, as any program can hand them in.
export async function submit(bridge, ...bodies) {
  const text = bodies.map((body) => (typeof body === 'string' ? body : JSON.stringify(body))).join('\n');
  const reply = await fetch(`${bridge.page}submit_event`, { method: 'POST', body: text });
  const answer = await reply.json();
  if (answer.accepted !== bodies.length) throw new Error(JSON.stringify(answer));
}

export async function command(bridge, name, params = {}, target = undefined) {
  const { WebSocket } = requireOfWeb('ws');
  const socket = new WebSocket(bridge.addresses.ws);
  try {
    return await new Promise((done, failed) => {
      socket.on('error', failed);
      socket.on('open', () => socket.send(JSON.stringify({ action: 'command', command: name, params, target, id: 1 })));
      socket.on('message', (text) => {
        const message = JSON.parse(String(text));
        if (message.id === 1) done(message);
      });
    });
  } finally {
    socket.terminate();
  }
}

// A page that fails its test when its own code fails.
// `before`: what is done with the page before it is opened.
export async function openPage(bridge, { view = 'overview', before, ...options } = {}) {
  browser ??= await chromium.launch({
    executablePath: process.env.PPO_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
           '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--enable-precise-memory-info',
           '--js-flags=--expose-gc',
           ...(process.env.PPO_PAGE ? ['--disable-features=LocalNetworkAccessChecks'] : [])],
  });
  const context = await browser.newContext({ viewport: { width: 1360, height: 850 }, ...options });
  contexts.add(context);
  context.on('close', () => contexts.delete(context));
  const page = await context.newPage();
  page.setDefaultTimeout(patience_ms);
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') page.problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(bridge.page)) page.problems.push(`asked for ${request.url()}`);
  });
  // While one works on the page: PPO_PAGE names a folder that `vite build` filled, so that no bridge is linked anew.
  if (process.env.PPO_PAGE) {
    await context.route(new RegExp(`^${bridge.page}(assets/.*|[-a-z]+\\.(svg|js))?([#?]|$)`), (route) => {
      const { pathname } = new URL(route.request().url());
      return route.fulfill({ path: join(process.env.PPO_PAGE, pathname === '/' ? 'index.html' : pathname) });
    });
  }
  await before?.(page);
  await page.goto(`${bridge.page}#/${view}`);
  return page;
}

// As where somebody takes another tab, and comes back.
export async function hide(page, hidden) {
  await page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}

// A page that is hidden rests after 15 s. Here, before it is opened: after 300 ms.
export async function restsSoon(page) {
  await page.addInitScript(() => {
    const { setTimeout } = window;
    window.setTimeout = (run, delay_ms, ...more) => setTimeout(run, delay_ms === 15_000 ? 300 : delay_ms, ...more);
  });
}

// What a browser says where the bridge was killed.
export const lostConnection = /WebSocket connection|ERR_CONNECTION_(RESET|REFUSED)/;

export function problemsBut(page, foreseen) {
  return page.problems.filter((problem) => !foreseen.test(problem));
}

export async function screenshot(page, name) {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}

async function end(started) {
  for (const each of started) each.child.kill('SIGKILL');
  await Promise.all(started.map(({ exited }) => exited));
}

if (process.env.NODE_TEST_CONTEXT) { // not where a benchmark uses this
  let before;
  beforeEach(() => {
    before = new Set([...running, ...contexts]);
  });
  afterEach(async () => {
    await Promise.all([...contexts].filter((one) => !before.has(one)).map((one) => one.close()));
    await end([...running].filter((one) => !before.has(one)));
  });
}

export async function stopAll() {
  await browser?.close();
  browser = undefined;
  await end([...running]);
  if (checkpoints !== undefined) rmSync(checkpoints, { recursive: true, force: true });
  checkpoints = undefined;
}
