import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, Gap, Json, JsonObject } from '../../../clients/web/src/feed/index.js';
import { ByteDeque } from '../../../clients/web/src/model/byte_deque.js';
import { parseFilter } from '../../../clients/web/src/model/filter.js';
import { Tape } from '../../../clients/web/src/model/tape.js';
import { bytesOf, isMark, type Row } from '../../../clients/web/src/model/tape_rows.js';

function event(seq: number, type = 't', data: JsonObject = {}): BridgeEvent {
  return { type, data: { n: seq, ...data }, seq, timestamp: 1000 + seq, source: 's' };
}

// A bridge that holds events `first`..`last`, and answers as get_recent_events does.
class Log {
  asked: JsonObject[] = [];
  missed = 0;
  failing = false;

  constructor(public last: number, readonly first = 1, readonly make: (seq: number) => BridgeEvent = event) {}

  readonly ask = async (_command: string, params: JsonObject = {}): Promise<JsonObject> => {
    this.asked.push(params);
    if (this.failing) throw new Error('the journal is in trouble');
    const { type, count, before_seq, since_seq, from_time, to_time } = params as Record<string, number> & { type?: string };
    const passing: BridgeEvent[] = [];
    for (let seq = Math.max(this.first, (since_seq ?? 0) + 1); seq <= Math.min(this.last, (before_seq ?? Infinity) - 1); ++seq) {
      const made = this.make(seq);
      const inTime = made.timestamp >= (from_time ?? 0) && made.timestamp <= (to_time ?? Infinity);
      if (inTime && (type === undefined || made.type === type)) passing.push(made);
    }
    const events = since_seq === undefined ? passing.slice(-count!) : passing.slice(0, count);
    // Looking back it stops with the last that is wanted: what is before that may pass, or not.
    const more = since_seq !== undefined ? events.length < passing.length
      : events.length === count && (events[0]?.seq ?? 0) > this.first;
    return { events: events as unknown as Json, more, missed: this.missed, seq: this.last };
  };
}

const seqs = (tape: Tape) => Array.from({ length: tape.length }, (_, i) => tape.row(i)!.seq);
const texts = (tape: Tape) => Array.from({ length: tape.length }, (_, i) => tape.row(i)!)
  .filter(isMark).map(({ text }) => text);
const settle = () => new Promise((done) => setTimeout(done, 0));
async function lookBack(tape: Tape, times = 50): Promise<void> {
  for (let i = 0; i < times; ++i) {
    tape.lookOlder();
    await settle();
  }
}
const range = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => from - i);

test('byte deque: both ends, bytes, and where a seq stands', () => {
  const deque = new ByteDeque<{ seq: number }>();
  for (let seq = 1; seq <= 20_000; ++seq) {
    deque.push({ seq }, 10);
    if (deque.length > 100) deque.shift();
  }
  assert.deepEqual([deque.length, deque.bytes, deque.at(0)?.seq, deque.at(99)?.seq, deque.at(100), deque.at(-1)],
    [100, 1000, 19_901, 20_000, undefined, undefined]);
  deque.prepend([{ seq: 5 }, { seq: 6 }], [1, 2]);
  assert.deepEqual([deque.bytes, deque.at(1)?.seq, deque.firstFrom(6), deque.firstFrom(7), deque.firstFrom(1e9)], [1003, 6, 1, 2, 102]);
  assert.deepEqual([deque.pop()?.seq, deque.shift()?.seq, deque.bytes], [20_000, 5, 992]);
});

test('tape: memory is bounded in bytes, whatever the events are like', () => {
  const tape = new Tape(1_000_000, 300_000);
  for (let seq = 1; seq <= 3000; ++seq) tape.push(event(seq, 't', { text: 'x'.repeat(seq % 100 === 0 ? 50_000 : 100) }));
  assert.ok(tape.bytes <= 1_300_000, `${tape.bytes}`);
  assert.equal(tape.kept + tape.letGo, 3000);
  assert.ok(tape.letGo > 1000);
  // One that is larger than all of it alone.
  tape.push(event(3001, 't', { text: 'x'.repeat(2_000_000) }));
  assert.deepEqual([tape.kept, seqs(tape)], [1, [3001]]);
  assert.ok(bytesOf(event(1, 't', { a: ['é'.repeat(1000), { b: 'x'.repeat(500) }] })) >= 1500);
});

test('tape: what is older than memory comes from the log, each row once and in order', async () => {
  const log = new Log(4000);
  const tape = new Tape(200_000, 10_000_000);
  tape.ask = log.ask;
  for (let seq = 3001; seq <= 4000; ++seq) tape.push(event(seq));
  assert.deepEqual(seqs(tape), range(4000, 3001));
  await lookBack(tape);
  assert.deepEqual(seqs(tape), range(4000, 1));
  assert.deepEqual([tape.older, tape.olderText], ['end', 'The log of the bridge begins here.']);
  assert.deepEqual(log.asked.map(({ before_seq }) => before_seq), [3001, 2001, 1001]);
  assert.equal(tape.isOlder(tape.row(3999) as BridgeEvent), true);
  assert.equal(tape.isOlder(tape.row(0) as BridgeEvent), false);
  tape.push(event(4001));
  assert.equal(tape.row(0)?.seq, 4001);
});

test('tape: a new filter finds what came before, in memory and in the log', async () => {
  const make = (seq: number) => event(seq, seq % 100 === 0 ? 'rare' : 'often');
  const log = new Log(20_000, 1, make);
  const tape = new Tape(1_000_000);
  tape.ask = log.ask;
  for (let seq = 10_001; seq <= 20_000; ++seq) tape.push(make(seq));
  tape.show(parseFilter('rare where n > 5000'));
  assert.equal(tape.row(0)?.seq, 20_000);
  await lookBack(tape);
  assert.deepEqual(seqs(tape), range(200, 51).map((n) => n * 100));
  assert.ok(log.asked.every(({ type }) => type === 'rare'));
  tape.push(make(20_001));
  tape.push({ ...make(20_002), type: 'rare' });
  assert.equal(tape.row(0)?.seq, 20_002);
  assert.equal(tape.row(1)?.seq, 20_000);
});

test('tape: where little passes it stops after many pages, and goes on when asked', async () => {
  const log = new Log(300_000, 1);
  const tape = new Tape();
  tape.ask = log.ask;
  tape.show(parseFilter('t where n = 3'));
  await lookBack(tape, 60);
  assert.deepEqual([tape.older, tape.length, log.asked.length], ['paused', 0, 20]);
  assert.equal(tape.looked?.seq, 100_001);
  tape.lookFurther();
  await lookBack(tape, 60);
  assert.deepEqual([seqs(tape), tape.older], [[3], 'end']);
  // Where each page finds some it goes on by itself.
  const some = new Tape();
  some.ask = new Log(300_000, 1, (seq) => event(seq, 't', { some: seq % 10_000 === 1 })).ask;
  some.show(parseFilter('t where some = true'));
  await lookBack(some, 60);
  assert.deepEqual([some.length, some.older], [30, 'end']);
});

test('tape: rows stand still, what comes is counted, and then shown', () => {
  const tape = new Tape();
  for (let seq = 1; seq <= 10; ++seq) tape.push(event(seq));
  tape.follow(false);
  for (let seq = 11; seq <= 15; ++seq) tape.push(event(seq, seq === 12 ? 'u' : 't'));
  assert.deepEqual([tape.heldBack, seqs(tape)], [5, range(10, 1)]);
  tape.follow(true);
  assert.deepEqual([tape.heldBack, seqs(tape)], [0, range(15, 1)]);
  // Also a filter that is chosen meanwhile counts only what passes it.
  tape.follow(false);
  tape.show(parseFilter('u'));
  assert.deepEqual(seqs(tape), [12]);
  tape.push(event(16));
  tape.push(event(17, 'u'));
  assert.deepEqual([tape.heldBack, seqs(tape)], [1, [12]]);
});

test('tape: a window that was moved far back comes up again without a hole', async () => {
  const log = new Log(5000);
  const tape = new Tape(20_000, 100_000); // about 200 events, and 1,000 rows
  tape.ask = log.ask;
  for (let seq = 4001; seq <= 5000; ++seq) tape.push(event(seq));
  tape.follow(false);
  let dropped = 0;
  for (let i = 0; i < 10 && tape.older !== 'end'; ++i) {
    await lookBack(tape, 1);
    dropped += tape.takeDropped();
  }
  const all = seqs(tape);
  assert.equal(all[all.length - 1], 1);
  assert.ok(tape.length < 1500 && dropped > 3000, `${tape.length} ${dropped}`);
  assert.ok(tape.cut);
  for (let i = 0; i < 20 && tape.cut; ++i) await tape.lookNewer();
  assert.equal(tape.cut, false);
  const up = seqs(tape);
  assert.deepEqual(up, range(5000, up[up.length - 1]!));
  tape.push(event(5001));
  assert.equal(tape.row(0)?.seq, 5000); // it is held
  tape.follow(true);
  assert.equal(tape.row(0)?.seq, 5001);
});

test('tape: a range shows its own rows and asks for its own times', async () => {
  const log = new Log(5000);
  const tape = new Tape();
  tape.ask = log.ask;
  for (let seq = 4501; seq <= 5000; ++seq) tape.push(event(seq));
  tape.show(parseFilter(''), 2500, 3500);
  await lookBack(tape);
  assert.deepEqual(seqs(tape), range(2500, 1500));
  assert.deepEqual([log.asked[0]!.from_time, log.asked[0]!.to_time, tape.olderText], [2500, 3500, 'The range begins here.']);
  tape.push(event(5001));
  assert.equal(tape.length, 1001);
  // A bridge that does not know of times is asked on and on, until the range is over.
  const old = new Tape();
  old.ask = (command, { from_time, to_time, ...params } = {}) => log.ask(command, params);
  old.show(parseFilter(''), 2500, 3500);
  await lookBack(old);
  assert.deepEqual(seqs(old), range(2500, 1500));
  // Half of it in memory, and open to what comes.
  tape.show(parseFilter(''), 5000);
  await lookBack(tape);
  assert.deepEqual(seqs(tape), range(5001, 4000));
  tape.push(event(5002));
  assert.equal(tape.row(0)?.seq, 5002);
});

test('tape: a range that moves on with the time leaves the rows where they are', async () => {
  const tape = new Tape();
  tape.ask = new Log(100).ask;
  for (let seq = 51; seq <= 100; ++seq) tape.push(event(seq));
  tape.show(parseFilter(''), 1030);
  await lookBack(tape);
  assert.deepEqual([seqs(tape), tape.olderText], [range(100, 30), 'The range begins here.']);
  tape.follow(false);
  tape.show(parseFilter(''), 1040);
  assert.deepEqual(seqs(tape), range(100, 30));
  tape.follow(true);
  tape.show(parseFilter(''), 1041);
  assert.deepEqual(seqs(tape), range(100, 41));
  await lookBack(tape);
  assert.deepEqual(seqs(tape), range(100, 41));
});

test('tape: gaps stand in their place, and missing events have their number', async () => {
  const log = new Log(100, 51);
  log.missed = 50;
  const tape = new Tape();
  tape.ask = log.ask;
  for (let seq = 91; seq <= 95; ++seq) tape.push(event(seq));
  tape.pushGap({ reason: 'slow_client', from_seq: 96, to_seq: 99 } as Gap, 1099);
  tape.push(event(100));
  assert.deepEqual(seqs(tape), [100, 95.5, 95, 94, 93, 92, 91]);
  tape.show(parseFilter('t where n > 0'));
  assert.deepEqual(texts(tape), ['Events 96 to 99 are missing here (slow_client)']);
  await lookBack(tape);
  assert.deepEqual(texts(tape)[1], '50 events about here are held by nobody any more');
  assert.deepEqual([tape.row(tape.length - 1)?.seq, tape.events], [50.5, 46]);
  // A hole that nobody told of is looked for in the log.
  log.last = 200;
  tape.push(event(200));
  await lookBack(tape);
  assert.deepEqual(seqs(tape).slice(0, 150), range(200, 51));
});

test('tape: rows of before the bridge was started anew stay, and are not mixed with its numbers', async () => {
  const log = new Log(3);
  const tape = new Tape();
  tape.ask = log.ask;
  for (let seq = 50; seq <= 60; ++seq) tape.push(event(seq));
  tape.newEpoch(2000);
  for (let seq = 1; seq <= 3; ++seq) tape.push(event(seq));
  assert.deepEqual(seqs(tape), [3, 2, 1, 60.5, ...range(60, 50)]);
  await lookBack(tape);
  assert.deepEqual([tape.older, log.asked.length], ['other epoch', 0]);
  assert.equal(tape.find(60)?.seq, 60);
  tape.lookFurther();
  await lookBack(tape);
  assert.deepEqual([seqs(tape), tape.older], [[3, 2, 1], 'end']);
});

test('tape: what the log was asked for before it came is there once', async () => {
  const log = new Log(2000);
  const tape = new Tape();
  tape.ask = log.ask;
  await lookBack(tape, 1);
  assert.deepEqual(seqs(tape), range(2000, 1001));
  for (let seq = 1501; seq <= 2001; ++seq) tape.push(event(seq), true);
  assert.deepEqual(seqs(tape), range(2001, 1001));
  // What came between the answer and what is pushed is looked for.
  const late = new Tape();
  late.ask = log.ask;
  await lookBack(late, 1);
  log.last = 2600;
  for (let seq = 2501; seq <= 2600; ++seq) late.push(event(seq), true);
  await lookBack(late, 2);
  assert.deepEqual(seqs(late).slice(0, 1000), range(2600, 1601));
});

test('tape: what comes while the log is asked for the newest rows is there once', async () => {
  for (const last of [20, 40, 10]) {
    const log = new Log(last); // as of when it was asked
    const tape = new Tape();
    const answers: (() => void)[] = [];
    tape.ask = async (command, params) => {
      const answer = log.ask(command, params);
      if (answers.length === 0) await new Promise<void>((done) => answers.push(done));
      return answer;
    };
    tape.lookOlder();
    for (let seq = 21; seq <= 40; ++seq) tape.push(event(seq));
    log.last = 40;
    answers[0]!();
    await lookBack(tape);
    assert.deepEqual(seqs(tape), range(40, 1), String(last));
  }
});

test('tape: an answer that comes too late, or is none, changes nothing', async () => {
  const log = new Log(5000);
  const tape = new Tape();
  const answers: (() => void)[] = [];
  tape.ask = async (command, params) => {
    const answer = log.ask(command, params);
    await new Promise<void>((done) => answers.push(done));
    return answer;
  };
  tape.push(event(5000));
  tape.lookOlder();
  tape.show(parseFilter('t where n > 0'));
  answers.shift()!();
  await settle();
  assert.equal(tape.length, 1);
  tape.ask = log.ask;
  log.failing = true;
  await lookBack(tape);
  assert.deepEqual([tape.older, tape.olderText, log.asked.length], ['failed', 'the journal is in trouble', 2]);
  log.failing = false;
  tape.show(parseFilter(''));
  await lookBack(tape, 1);
  assert.equal(tape.length, 1001);
});

test('tape: at full rate the rows stay those of the newest events', () => {
  const tape = new Tape(2_000_000, 500_000);
  const rows: Row[] = [];
  for (let seq = 1; seq <= 100_000; ++seq) {
    tape.push(event(seq));
    if (seq % 10_000 === 0) rows.push(tape.row(0)!);
  }
  assert.deepEqual(rows.map(({ seq }) => seq), range(10, 1).reverse().map((n) => n * 10_000));
  assert.deepEqual(seqs(tape), range(100_000, 100_001 - tape.length));
  assert.equal(tape.older, 'more');
});
