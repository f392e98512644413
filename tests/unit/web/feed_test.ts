import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Feed, FeedError, type BridgeEvent, type FeedOptions, type FeedState, type Gap,
} from '../../../clients/web/src/feed/index.js';
import { event, FakeBridge } from './fake_bridge.js';

function setUp(options: Partial<FeedOptions> = {}) {
  const bridge = new FakeBridge();
  const events: BridgeEvent[] = [];
  const gaps: Gap[] = [];
  const states: FeedState[] = [];
  const unreadable: string[] = [];
  const feed = new Feed({
    url: 'wss://bridge/ws',
    connect: bridge.connect,
    timers: bridge,
    random: () => 1,
    onEvents: (batch) => events.push(...batch),
    onGap: (gap) => gaps.push(gap),
    onState: (state) => states.push(state),
    onUnreadable: (text) => unreadable.push(text),
    ...options,
  });
  feed.start();
  const seqs = () => events.map(({ seq }) => seq);
  return { bridge, feed, events, gaps, states, unreadable, seqs };
}

test('feed: what is not of the contract is told and does no harm', () => {
  const { bridge, seqs, unreadable, feed } = setUp();
  bridge.socket.accept('e', 0);
  const bad = ['', '{', '7', '"x"', '{"type":"t"}', '[1]', '{"type":"t","data":[],"seq":9}'];
  bad.forEach((text) => bridge.socket.sayText(text));
  bridge.socket.say({ status: 'pong', action: 'ping', id: 'nobody-asked' });
  bridge.socket.say(event(1));
  assert.deepEqual(unreadable, bad);
  assert.deepEqual(seqs(), [1]);
  assert.equal(feed.state.status, 'live');
});

test('feed: says who it is and what it wants, and nothing before the socket is open', () => {
  const { bridge, feed } = setUp({
    clientId: 'me', clientType: 'dashboard', batch: false,
    subscription: { subscriptions: ['order_*'], filter: { item: 'Coal' } }, since: { last: 5 },
  });
  assert.equal(bridge.socket.sent.length, 0);
  assert.equal(feed.state.status, 'connecting');
  bridge.socket.open();
  const { id, ...asked } = bridge.socket.last();
  assert.equal(typeof id, 'string');
  assert.deepEqual(asked, {
    action: 'register', client_id: 'me', client_type: 'dashboard',
    subscriptions: ['order_*'], filter: { item: 'Coal' }, since: { last: 5 },
  });
});

test('feed: asks for batches, and does without where the bridge has none', async () => {
  const { bridge, feed, seqs } = setUp();
  bridge.socket.open();
  assert.equal(bridge.socket.last().batch, true);
  bridge.socket.reply({ status: 'error', data: { error_type: 'bad_request', message: 'batch' } });
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(bridge.socket.sent.length, 2);
  assert.equal('batch' in bridge.socket.last(), false);
  bridge.socket.reply({ status: 'registered', epoch: 'e', seq: 0 });
  bridge.socket.say(event(1));
  assert.equal(feed.state.status, 'live');
  assert.deepEqual(seqs(), [1]);
});

test('feed: a batch is handed over at once, a gap in its place', () => {
  const order: string[] = [];
  const { bridge } = setUp({
    onEvents: (batch) => order.push(batch.map(({ seq }) => seq).join()),
    onGap: ({ reason }) => order.push(reason),
  });
  bridge.socket.accept('e', 0);
  bridge.socket.say([event(1), event(2), { type: 'gap', data: { reason: 'slow_client',
    from_seq: 3, to_seq: 8 }, timestamp: 1 }, event(9)]);
  assert.deepEqual(order, ['1,2', 'slow_client', '9']);
});

test('feed: resumes after the last event that it handed over', () => {
  const { bridge, seqs, states, feed } = setUp();
  bridge.socket.accept('e', 40);
  bridge.socket.say(event(41));
  bridge.socket.say(event(42));
  bridge.socket.lose();
  assert.equal(feed.state.status, 'waiting');
  assert.deepEqual(feed.state.position, { epoch: 'e', seq: 42 });
  bridge.pass(250);
  bridge.socket.open();
  assert.deepEqual(bridge.socket.last().since, { epoch: 'e', seq: 42 });
  bridge.socket.reply({ status: 'registered', epoch: 'e', seq: 44, recovered: true });
  for (const seq of [42, 43, 44]) bridge.socket.say(event(seq));
  assert.deepEqual(seqs(), [41, 42, 43, 44]);
  assert.equal(states[states.length - 1]?.recovered, true);
});

test('feed: a connection lost before the first event resumes where it began', () => {
  const { bridge } = setUp();
  bridge.socket.accept('e', 7);
  bridge.socket.lose();
  bridge.pass(250);
  bridge.socket.open();
  assert.deepEqual(bridge.socket.last().since, { epoch: 'e', seq: 7 });
});

test('feed: in a new numbering, what a source had sent before is dropped', () => {
  const { bridge, events, gaps, feed } = setUp();
  const of = (seq: number, source_seq: number) => event(seq, { source: 's', run: 'r', source_seq });
  bridge.socket.accept('old', 0);
  for (let n = 1; n <= 3; ++n) bridge.socket.say(of(n, n));
  bridge.socket.lose();
  bridge.pass(250);
  bridge.socket.accept('new', 5, { recovered: false });
  assert.equal(feed.state.epochChanged, true);
  bridge.socket.say({ type: 'gap', data: { reason: 'evicted', from_seq: 1, to_seq: 0 } });
  for (let n = 1; n <= 5; ++n) bridge.socket.say(of(n, n));
  bridge.socket.say(event(6));
  bridge.socket.say(event(7, { source: 's', run: 'another', source_seq: 1 }));
  assert.deepEqual(events.map(({ run, source_seq }) => [run, source_seq]),
    [['r', 1], ['r', 2], ['r', 3], ['r', 4], ['r', 5], [undefined, undefined], ['another', 1]]);
  assert.deepEqual(gaps, []); // an empty one says nothing
});

test('feed: a gap is told once, however often a reconnection repeats it', () => {
  const { bridge, gaps } = setUp({ since: { epoch: 'e', seq: 4 } });
  const gap = { type: 'gap', data: { reason: 'evicted', from_seq: 5, to_seq: 99 } };
  bridge.socket.accept('e', 200, { recovered: false });
  bridge.socket.say(gap);
  bridge.socket.lose();
  bridge.pass(250);
  bridge.socket.accept('e', 200, { recovered: false });
  bridge.socket.say(gap);
  bridge.socket.say(event(100));
  bridge.socket.say({ type: 'gap', data: { reason: 'source_lost', source: 's', run: 'r',
    from_source_seq: 1, to_source_seq: 2 } });
  assert.deepEqual(gaps.map(({ reason }) => reason), ['evicted', 'source_lost']);
});

test('feed: waits longer each time, up to a limit, and shortly again after a connection that stood or brought something', () => {
  const { bridge, states } = setUp({ backoff: { first_ms: 100, max_ms: 350 } });
  const lose = (code?: number) => {
    bridge.socket.lose(code);
    bridge.pass(400);
    return states.filter(({ status }) => status === 'waiting').at(-1)!.retryIn_ms;
  };
  assert.deepEqual([lose(), lose(), lose(), lose()], [100, 200, 350, 350]);
  bridge.socket.accept('e', 0); // and cut at once, as a bridge does that comes up and dies
  assert.equal(lose(), 350);
  bridge.socket.accept('e', 0);
  bridge.pass(1000);
  assert.equal(lose(), 100);
  lose();
  bridge.socket.accept('e', 0);
  bridge.socket.say(event(1));
  assert.equal(lose(), 100);
  for (const full of [1013, 4029]) {
    bridge.socket.accept('e', 1);
    bridge.pass(1000);
    assert.notEqual(lose(full), 100);
  }
});

test('feed: the jitter spreads the waits', () => {
  const { bridge, feed } = setUp({ random: () => 0.5 });
  bridge.socket.lose();
  assert.equal(feed.state.retryIn_ms, 125);
});

test('feed: gives up an attempt that gets no answer', () => {
  const { bridge, feed } = setUp({ connectTimeout_ms: 1000 });
  bridge.socket.open();
  bridge.pass(1000);
  assert.equal(feed.state.status, 'waiting');
  assert.equal(bridge.socket.closed, true);
});

test('feed: pings a silent connection and then gives it up', () => {
  const { bridge, feed } = setUp({ pingInterval_ms: 10, silenceMax_ms: 30 });
  bridge.socket.accept('e', 0);
  const first = bridge.socket;
  bridge.pass(10);
  assert.equal(first.last().action, 'ping');
  bridge.socket.reply({ status: 'pong' });
  bridge.pass(10);
  assert.equal(feed.state.status, 'live');
  bridge.pass(30);
  assert.equal(feed.state.status, 'waiting');
  assert.match(feed.state.reason ?? '', /silent/);
});

test('feed: a live connection that falls silent is reported within seconds, long before it is given up', () => {
  const heard: boolean[] = [];
  const { bridge, feed } = setUp({ onHeard: (is) => heard.push(is) });
  bridge.socket.accept('e', 0);
  bridge.pass(5000);
  assert.deepEqual(heard, [false]);
  assert.equal(feed.state.status, 'live');
  assert.ok(feed.silence_ms >= 4000);
  bridge.socket.reply({ status: 'pong' });
  assert.deepEqual(heard, [false, true]);
  bridge.pass(44_000);
  assert.equal(feed.state.status, 'live');
  bridge.pass(4000);
  assert.notEqual(feed.state.status, 'live');
  assert.match(feed.state.reason ?? '', /silent for 4[0-9] s/);
});

test('feed: timers that a browser holds back, as on a hidden page, end no healthy connection', () => {
  const heard: boolean[] = [];
  const { bridge, feed } = setUp({ onHeard: (is) => heard.push(is) });
  bridge.socket.accept('e', 0);
  for (let minute = 0; minute < 10; ++minute) {
    bridge.late(60_000); // one turn a minute
    if (bridge.socket.last().action === 'ping') bridge.socket.reply({ status: 'pong' });
  }
  // A machine that slept: the timer's turn comes before that of the pong.
  bridge.pass(3000);
  assert.equal(bridge.socket.last().action, 'ping');
  bridge.late(3_600_000);
  assert.equal(feed.state.status, 'live');
  assert.deepEqual(heard, []);
});

test('feed: goes on behind a gap, and not with the gap once more', () => {
  const { bridge, feed } = setUp();
  bridge.socket.accept('e', 0);
  bridge.socket.say(event(4));
  bridge.socket.say({ type: 'gap', data: { from_seq: 5, to_seq: 99, reason: 'evicted' } });
  assert.deepEqual(feed.position, { epoch: 'e', seq: 99 });
});

test('feed: an old socket that still speaks is not heard', () => {
  const { bridge, seqs } = setUp();
  bridge.socket.accept('e', 0);
  const old = bridge.socket;
  old.lose();
  bridge.pass(250);
  old.say(event(1));
  bridge.socket.accept('e', 0);
  bridge.socket.say(event(1));
  assert.deepEqual(seqs(), [1]);
});

test('feed: a bridge that does not want it is not asked again', async () => {
  const { bridge, feed } = setUp({ batch: false });
  bridge.socket.open();
  bridge.socket.reply({ status: 'error', data: { error_type: 'unauthorized', message: 'no' } });
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(feed.state.status, 'refused');
  bridge.pass(100_000);
  assert.equal(bridge.sockets.length, 1);
});

test('feed: closed for good, it does not come again by itself', () => {
  for (const code of [4001, 4003]) {
    const { bridge, feed } = setUp();
    bridge.socket.accept('e', 0);
    bridge.socket.lose(code, 'nothing for you');
    assert.equal(feed.state.status, 'refused');
    assert.equal(feed.state.wantsToken, true);
    bridge.pass(100_000);
    assert.equal(bridge.sockets.length, 1);
  }
});

test('feed: commands are answered by id, whatever comes between', async () => {
  const { bridge, feed } = setUp();
  await assert.rejects(feed.command('pause'), { errorType: 'not_connected' });
  bridge.socket.accept('e', 0);
  const pause = feed.command('pause', { target: 'agent_0', params: { n: 2n ** 63n } });
  const first = bridge.socket.last();
  const status = feed.command('get_status');
  const second = bridge.socket.last();
  assert.equal(first.target, 'agent_0');
  bridge.socket.say({ status: 'command_result', action: 'command', id: second.id, command: 'x',
    result: { a: 1 } });
  bridge.socket.say(event(1));
  bridge.socket.say({ status: 'error', action: 'command', id: first.id,
    data: { error_type: 'rejected', message: 'not now' } });
  assert.deepEqual((await status).result, { a: 1 });
  await assert.rejects(pause, (error: FeedError) =>
    error.errorType === 'rejected' && error.message === 'not now');
});

test('feed: a command without an answer ends by its deadline or with the connection', async () => {
  const { bridge, feed } = setUp();
  bridge.socket.accept('e', 0);
  const late = assert.rejects(feed.command('a', { deadline_ms: 100 }), { errorType: 'timeout' });
  bridge.pass(1100);
  await late;
  const cut = assert.rejects(feed.command('b'), { errorType: 'disconnected' });
  bridge.socket.lose();
  await cut;
  feed.stop();
  bridge.pass(100_000);
  assert.equal(bridge.sockets.length, 1);
});

test('feed: a new subscription with `since` hands over again what it asks for', async () => {
  const { bridge, feed, seqs } = setUp({ batch: false, subscription: { subscriptions: [] } });
  bridge.socket.accept('e', 9);
  const done = feed.subscribe({ subscriptions: ['*'] }, { last: 2 });
  bridge.socket.say(event(10));
  bridge.socket.reply({ status: 'subscribed', epoch: 'e', seq: 10 });
  bridge.socket.say(event(9));
  bridge.socket.say(event(10));
  await done;
  bridge.socket.lose();
  bridge.pass(250);
  bridge.socket.open();
  assert.deepEqual(bridge.socket.last().subscriptions, ['*']);
  assert.deepEqual(bridge.socket.last().since, { epoch: 'e', seq: 10 });
  assert.deepEqual(seqs(), [10, 9, 10]);
});

test('feed: a token is sent to nobody whom others can overhear', () => {
  for (const url of ['ws://bridge/ws', 'ws://10.0.0.7:5178/ws', 'ws://127.evil.example/ws', 'ws://localhost.evil/ws', 'ws://[fd00::1]/ws']) {
    const { states } = setUp({ url, token: 't' });
    assert.equal(states.at(-1)!.status, 'refused', url);
    assert.match(states.at(-1)!.reason!, /^no token is sent to ws:/);
    assert.equal(setUp({ url, token: 't', insecure: true }).states.at(-1)!.status, 'connecting');
    assert.equal(setUp({ url }).states.at(-1)!.status, 'connecting');
  }
  for (const url of ['wss://bridge/ws', 'ws://127.0.0.1:5178/ws', 'ws://localhost/ws', 'ws://[::1]:1/ws', 'ws://127.3.2.1']) {
    assert.equal(setUp({ url, token: 't' }).states.at(-1)!.status, 'connecting', url);
  }
});

test('feed: refused for want of a token, it comes again with another one and only then', () => {
  const { bridge, feed } = setUp({ token: 'old' });
  bridge.socket.open();
  bridge.socket.reply({ status: 'error', data: { error_type: 'unauthorized', message: 'no' } });
  return Promise.resolve().then(() => Promise.resolve()).then(() => {
    assert.equal(feed.state.status, 'refused');
    assert.equal(feed.state.wantsToken, true);
    feed.useToken('new');
    assert.equal(feed.state.status, 'connecting');
    bridge.socket.open();
    assert.equal(bridge.socket.last().action, 'authenticate');
    assert.equal(bridge.socket.last().token, 'new');
  });
});

test('feed: says first who it is, and is told what that may do', () => {
  const { bridge, feed } = setUp({ token: 't' });
  bridge.socket.open();
  bridge.socket.reply({ status: 'authenticated', name: 'alice', role: 'viewer', expires: null });
  assert.equal(bridge.socket.last().action, 'register');
  bridge.socket.reply({ status: 'registered', epoch: 'e', seq: 0 });
  assert.deepEqual(feed.state.access, { name: 'alice', role: 'viewer' });
  // The bridge may know it without being told.
  const known = setUp();
  known.bridge.socket.open();
  known.bridge.socket.say({ type: 'system_status', data: { auth: { name: 'bob', role: 'bot', expires: null } }, timestamp: 1 });
  known.bridge.socket.reply({ status: 'registered', epoch: 'e', seq: 0 });
  assert.deepEqual(known.feed.state.access, { name: 'bob', role: 'bot' });
});

test('feed: a token that nobody asks for does no harm', async () => {
  const { bridge, feed } = setUp({ token: 't' });
  bridge.socket.open();
  bridge.socket.reply({ status: 'error', data: { error_type: 'bad_request', message: 'nobody has to say who he is here' } });
  await Promise.resolve();
  await Promise.resolve();
  bridge.socket.reply({ status: 'registered', epoch: 'e', seq: 0 });
  assert.equal(feed.state.status, 'live');
  assert.equal(feed.state.access, undefined);
});

test('feed: of several bridges one that falls silent is left within seconds', () => {
  const { bridge, feed } = setUp({ url: 'ws://a/ws' });
  bridge.socket.accept('e', 0);
  feed.alsoAt('ws://b/ws'); // as the bridge tells
  feed.alsoAt('ws://a/ws');
  bridge.pass(7000);
  assert.equal(feed.state.status, 'live');
  bridge.pass(2000);
  assert.notEqual(feed.state.status, 'live');
  assert.equal(feed.url, 'ws://b/ws');
});

test('feed: of several bridges the next one is tried when one is lost, and goes on where that ended', () => {
  const urls: string[] = [];
  const bridge = new FakeBridge();
  const { feed, seqs } = setUp({
    url: 'ws://a/ws, ws://b/ws', timers: bridge,
    connect: (url) => {
      urls.push(url);
      return bridge.connect();
    },
  });
  bridge.socket.accept('e', 0);
  bridge.socket.say(event(1));
  bridge.socket.lose();
  bridge.pass(250);
  bridge.socket.open();
  assert.deepEqual(bridge.socket.last().since, { epoch: 'e', seq: 1 });
  assert.equal(feed.url, 'ws://b/ws');
  bridge.socket.lose();
  bridge.pass(1000);
  assert.deepEqual(urls, ['ws://a/ws', 'ws://b/ws', 'ws://a/ws']);
  bridge.socket.accept('e', 1);
  bridge.socket.lose(4001);
  bridge.pass(60_000);
  assert.equal(urls.length, 3);
  assert.equal(feed.state.status, 'refused');
  assert.deepEqual(seqs(), [1]);
});
