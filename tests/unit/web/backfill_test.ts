import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeedError, type BridgeEvent, type FeedState, type Gap, type JsonObject, type Message,
         type Position } from '../../../clients/web/src/feed/index.js';
import { Asker, askedAtOnceMax } from '../../../clients/web/src/past/ask.js';
import { Backfill, placeBehind, type Past } from '../../../clients/web/src/past/backfill.js';

const settled = () => new Promise((done) => setTimeout(done, 5));

function setUp() {
  const state = { status: 'live', attempts: 0 } as FeedState;
  const stream = {
    state, position: { epoch: 'e', seq: 3 } as Position | undefined,
    subscribed: [] as Position[], refuse: 0,
    async subscribe(_: unknown, since: unknown, onReply: (reply: Message) => void): Promise<Message> {
      this.subscribed.push(since as Position);
      if (this.refuse-- > 0) throw new FeedError('rate_limited', 'too many');
      onReply({});
      return {};
    },
  };
  const asked: string[] = [];
  const waits: number[] = [];
  const backfill = new Backfill(stream, async (command, params) => {
    asked.push(command + (params ? JSON.stringify(params) : ''));
    return { seq: 10 } as JsonObject;
  }, () => 0, async (delay_ms) => { waits.push(delay_ms); });
  const part = (name: string, fill: (past: Past) => Promise<Position | undefined>, optional = false) => {
    const got: number[] = [];
    backfill.add({ name, optional, fill, apply: ({ seq }) => got.push(seq) });
    return got;
  };
  const say = (...seqs: number[]) => backfill.apply(seqs.map((seq) => ({ seq }) as BridgeEvent));
  return { backfill, stream, asked, waits, part, say };
}

test('backfill: each part goes on behind its own answer, and nothing comes before there is one', async () => {
  const { backfill, stream, part, say } = setUp();
  const low = part('low', async () => ({ epoch: 'e', seq: 7 }));
  const high = part('high', async () => ({ epoch: 'e', seq: 9 }));
  backfill.onState(stream.state);
  say(8);
  await settled();
  assert.deepEqual(stream.subscribed, [{ epoch: 'e', seq: 7 }]);
  assert.equal(backfill.filled, true);
  say(8, 9, 10);
  assert.deepEqual([low, high], [[8, 9, 10], [10]]);
});

test('backfill: the same question of two parts is asked once', async () => {
  const { backfill, stream, asked, part } = setUp();
  for (const name of ['a', 'b']) {
    part(name, async ({ ask }) => ({ epoch: 'e', seq: Number((await ask('get_snapshot')).seq) }));
  }
  backfill.onState(stream.state);
  await settled();
  assert.deepEqual(asked, ['get_snapshot']);
});

test('backfill: a refused subscription is asked for again, and until then nothing is taken for live', async () => {
  const { backfill, stream, waits, part } = setUp();
  part('a', async () => ({ epoch: 'e', seq: 7 }));
  stream.refuse = 3;
  const problems: string[] = [];
  backfill.onChange = () => problems.push(backfill.problem);
  backfill.onState(stream.state);
  await settled();
  assert.equal(stream.subscribed.length, 4);
  assert.deepEqual(problems, ['too many', 'too many', 'too many', '']);
  assert.ok(waits.every((wait, i) => i === 0 || wait > waits[i - 1]!), waits.join());
});

test('backfill: a part whose answer is not to be had holds up no other', async () => {
  const { backfill, stream, part, say } = setUp();
  const some = part('some', async () => { throw new FeedError('bad_request', 'no'); }, true);
  const other = part('other', async () => ({ epoch: 'e', seq: 2 }));
  backfill.onState(stream.state);
  await settled();
  say(3);
  assert.deepEqual([some, other], [[3], [3]]);
});

test('backfill: asked again after a gap and in another epoch, not for what a source lost', async () => {
  const { backfill, stream, part } = setUp();
  const reasons: string[] = [];
  part('a', async ({ reason }) => { reasons.push(reason); return { epoch: 'e', seq: 7 }; });
  const told: string[] = [];
  backfill.onRefill((reason) => told.push(reason));
  backfill.onState(stream.state);
  await settled();
  backfill.onState(stream.state); // a connection that was resumed without a gap
  backfill.onGap({ reason: 'source_lost' } as Gap);
  await settled();
  backfill.onGap({ reason: 'evicted', from_seq: 5, to_seq: 9 });
  await settled();
  backfill.onState({ ...stream.state, epochChanged: true });
  await settled();
  assert.deepEqual(reasons, ['start', 'gap', 'epoch']);
  assert.deepEqual(told, ['start', 'gap', 'epoch']);
});

test('backfill: nothing is asked while nobody looks, and everything afterwards, though the connection went', async () => {
  const { backfill, stream, part, say } = setUp();
  const reasons: string[] = [];
  const got = part('a', async ({ reason }) => { reasons.push(reason); return { epoch: 'e', seq: 7 }; });
  const told: string[] = [];
  backfill.onRefill((reason) => told.push(reason));
  backfill.onState(stream.state);
  await settled();
  backfill.rest(['alert_raised']);
  say(8);
  backfill.onGap({ reason: 'evicted', from_seq: 5, to_seq: 9 });
  backfill.onState({ ...stream.state, epochChanged: true });
  await settled();
  assert.deepEqual([reasons, got], [['start'], []]);
  stream.state.status = 'waiting';
  backfill.wake();
  await settled();
  stream.state.status = 'live';
  backfill.onState(stream.state);
  await settled();
  say(8);
  assert.deepEqual([reasons, got], [['start', 'hidden'], [8]]);
  assert.deepEqual(told, ['start', 'hidden', 'start']);
});

test('backfill: what only goes on misses none of the events that were passed over meanwhile', async () => {
  const { backfill, stream, part } = setUp();
  let begun = false;
  part('kept', async () => {
    if (begun) return undefined;
    begun = true;
    return { epoch: 'e', seq: 3 };
  });
  part('asked', async () => ({ epoch: begun ? 'f' : 'e', seq: 30 }));
  backfill.onState(stream.state);
  await settled();
  stream.position = { epoch: 'e', seq: 12 };
  backfill.onState({ ...stream.state, epochChanged: true });
  stream.position = { epoch: 'f', seq: 25 };
  backfill.refill('gap');
  await settled();
  assert.deepEqual(stream.subscribed[1], { epoch: 'e', seq: 12 });
});

test('backfill: the stream begins behind the lowest answer, or where it was in an earlier epoch', () => {
  const at = (epoch: string, seq: number) => ({ epoch, seq });
  assert.deepEqual(placeBehind([at('e', 9), at('e', 7)], undefined), at('e', 7));
  assert.deepEqual(placeBehind([at('e', 9), at('e', 7)], at('e', 8)), at('e', 7));
  assert.deepEqual(placeBehind([at('e', 9)], at('e', 8)), at('e', 8));
  assert.deepEqual(placeBehind([at('f', 9)], at('e', 800)), at('e', 800));
});

test('ask: a few at a time, and again where the bridge has no time just now', async () => {
  let busy = 2;
  let atOnce = 0;
  let most = 0;
  const waits: number[] = [];
  const { ask } = new Asker(async (command) => {
    most = Math.max(most, ++atOnce);
    await settled();
    --atOnce;
    if (command === 'bad') throw new FeedError('bad_request', 'no');
    if (busy-- > 0) throw new FeedError('busy', 'later');
    return { command, result: { command } };
  }, async (delay_ms) => { waits.push(delay_ms); });
  await assert.rejects(ask('bad'), { errorType: 'bad_request' });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(`c${n}`)));
  assert.deepEqual(answers.map(({ command }) => command), Array.from({ length: 20 }, (_, n) => `c${n}`));
  assert.equal(most, askedAtOnceMax);
  assert.equal(waits.length, 2);
});

test('ask: searches of the journal hold up no other question', async () => {
  const answer: (() => void)[] = [];
  const asked: string[] = [];
  const { ask } = new Asker((command) => {
    asked.push(command);
    return new Promise((done) => answer.push(() => done({ command, result: {} })));
  });
  const all = [...Array.from({ length: 10 }, () => ask('get_recent_events')), ask('get_series')];
  await settled();
  assert.deepEqual(asked, ['get_recent_events', 'get_recent_events', 'get_series']);
  while (answer.length > 0) {
    answer.shift()!();
    await settled();
  }
  await Promise.all(all);
});
