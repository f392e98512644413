import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, JsonObject } from '../../../clients/web/src/feed/index.js';
import { runIdOf, Runs } from '../../../clients/web/src/model/runs.js';
import { lookNumber, looksOf } from '../../../clients/web/src/ui/run_colours.js';

const ids = (n: number) => Array.from({ length: n }, (_, i) => `trainer-${i}@r${i % 7}/agent_${i % 3}`);

test('run colours: the same run looks the same, and runs are spread over all colours', () => {
  // Of another day and another browser: the numbers must never change.
  assert.deepEqual(['trainer-1@k3f9a2/agent_0', 'trainer-1@k3f9a2/agent_1', '@', 'ü@r'].map(lookNumber), [6, 4, 19, 18]);
  const looks = ids(1000).map(lookNumber);
  for (let colour = 0; colour < 8; ++colour) {
    const share = looks.filter((look) => look % 8 === colour).length;
    assert.ok(share > 80 && share < 180, `colour ${colour}: ${share} of 1000`);
  }
  assert.equal(new Set(looks).size, 32);
});

test('run colours: runs shown together look different, in whatever order they were chosen', () => {
  const chosen = ids(32);
  const looks = looksOf(chosen);
  assert.equal(new Set(looks.values()).size, 32);
  assert.deepEqual([...looksOf([...chosen].reverse())].sort(), [...looks].sort());
  // The first of those that would have one colour keeps its own look.
  for (const id of chosen) {
    const alike = chosen.filter((other) => lookNumber(other) % 8 === lookNumber(id) % 8).sort();
    if (alike[0] === id) assert.equal(looks.get(id), lookNumber(id));
  }
  assert.equal(looksOf(ids(64)).size, 64);
});

test('run colours: up to eight runs have eight colours, and who has a colour alone keeps its look', () => {
  for (let from = 0; from < 40; ++from) {
    const chosen = ids(48).slice(from, from + 8);
    const looks = looksOf(chosen);
    assert.equal(new Set([...looks.values()].map((look) => look % 8)).size, 8, chosen.join());
    for (const id of chosen) {
      const alone = chosen.every((other) => other === id || lookNumber(other) % 8 !== lookNumber(id) % 8);
      if (alone) assert.equal(looks.get(id), lookNumber(id));
    }
  }
});

/** A bridge that holds runs, and counts what it is asked. */
function fakeBridge(count: number) {
  const held = Array.from({ length: count }, (_, i): JsonObject => ({
    run_id: `s@r${i}/a`, source: 's', run: `r${i}`, agent_id: 'a', name: null, state: 'finished', started: 1000 + i,
    ended: 2000 + i, last_event: 2000 + i, steps: i, config: { seed: i }, metrics: { 'episode_end/reward': i / 2 },
    error: null, tags: [], note: null, pinned: false, hidden: false,
  }));
  let seq = 100;
  const asked: JsonObject[] = [];
  let now_ms = 0;
  const timers: { at_ms: number; run: () => void }[] = [];
  let chosen: string[] = [];
  let between: { from?: number; to?: number } = {};
  const runs = new Runs({
    async ask(command, params): Promise<JsonObject> {
      asked.push(params);
      if (command === 'set_run') {
        const run = held.find(({ run_id }) => run_id === params.run_id)!;
        if (params.deleted === true) held.splice(held.indexOf(run), 1);
        else Object.assign(run, params, params.note === '' && { note: 'as it was given' });
        return { changed: true };
      }
      const { filter = {}, sort, count: most, offset = 0 } = params as { filter?: JsonObject; sort?: string; count: number; offset?: number };
      const by = sort === '-last' ? 'last_event' : 'started';
      const wanted = filter.run_id as string[] | undefined;
      const all = held.filter((run) => run.hidden === (filter.hidden ?? false) && (wanted?.includes(String(run.run_id)) ?? true))
        .sort((a, b) => Number(b[by]) - Number(a[by]));
      return { runs: structuredClone(all.slice(offset, offset + most)), count: all.length, since: { seq: 1, timestamp: 5 }, seq };
    },
    chosen: () => chosen, between: () => between, visible: () => true, now_ms: () => now_ms,
    after: (delay_ms, run) => timers.push({ at_ms: now_ms + delay_ms, run }),
    changed: () => {}, bytesMax: 4_000_000,
  });
  return {
    runs, held, asked,
    choose: (...list: string[]) => (chosen = list),
    look: (at: typeof between) => (between = at),
    event: (type: string, run: string, data: JsonObject) => runs.apply([
      { type, source: 's', run, seq: ++seq, timestamp: 5000, data: { agent_id: 'a', ...data } } as BridgeEvent]),
    async pass(ms: number) {
      now_ms += ms;
      for (const timer of timers.splice(0)) (timer.at_ms <= now_ms ? timer.run() : timers.push(timer));
      runs.tick();
      for (let i = 0; i < 100; ++i) await Promise.resolve();
    },
  };
}

test('runs: all of them come, the newest at once, and one that is deleted elsewhere goes', async () => {
  const bridge = fakeBridge(2500);
  await bridge.pass(0);
  assert.equal(bridge.asked[0]!.count, 100);
  assert.equal(bridge.runs.all.size, 2500);
  assert.equal(bridge.runs.leftOut, 0);
  bridge.held.splice(1200, 1);
  for (let i = 0; i < 12; ++i) await bridge.pass(10_000);
  assert.equal(bridge.runs.all.size, 2499);
});

test('runs: hidden ones are known, and what another browser said of one is seen', async () => {
  const bridge = fakeBridge(3);
  bridge.held[1]!.hidden = true;
  await bridge.pass(0);
  assert.equal(bridge.runs.find('s@r1/a')!.hidden, true);
  assert.equal(bridge.runs.hiddenTotal, 1);
  Object.assign(bridge.held[0]!, { note: 'the good one', hidden: true });
  await bridge.pass(10_000);
  assert.equal(bridge.runs.find('s@r0/a')!.note, 'the good one');
  assert.equal(bridge.runs.find('s@r0/a')!.hidden, true);
  assert.equal(bridge.runs.all.size, 3);
  await bridge.runs.set(['s@r0/a'], { note: '' });
  assert.equal(bridge.runs.find('s@r0/a')!.note, 'as it was given', 'what the bridge says counts');
  await bridge.runs.set(['s@r2/a'], { hidden: true });
  assert.equal(bridge.runs.hiddenTotal, 3, 'told at once');
  await bridge.runs.set(['s@r2/a'], { deleted: true });
  assert.equal(bridge.runs.find('s@r2/a'), undefined);
});

test('runs: steps and reward follow the events, and an older answer does not set them back', async () => {
  const bridge = fakeBridge(1);
  bridge.held[0]!.state = 'running';
  await bridge.pass(0);
  bridge.event('training_update', 'r0', { steps: 4096, policy_loss: 1 });
  bridge.event('episode_end', 'r0', { reward: 12.5, global_step: 5000 });
  const stale = bridge.runs.find('s@r0/a')!;
  assert.deepEqual([stale.steps, stale.reward, stale.last_event], [5000, 12.5, 5000]);
  stale.seq += 1000;
  await bridge.pass(10_000);
  assert.equal(bridge.runs.find('s@r0/a')!.steps, 5000);
  bridge.event('episode_end', 'r0', { reward: null });
  assert.equal(stale.reward, 12.5, 'an event of before the answer');
});

test('runs: an unknown run is asked for, but not with each event', async () => {
  const bridge = fakeBridge(1);
  await bridge.pass(0);
  const before = bridge.asked.length;
  bridge.held.push({ ...bridge.held[0]!, run_id: 's@new/a', run: 'new', started: 9000, last_event: 9000 });
  for (let i = 0; i < 1000; ++i) bridge.event('scalar', 'new', { tag: 'x', value: 1, step: i });
  await bridge.pass(2000);
  assert.ok(bridge.runs.find('s@new/a') !== undefined);
  assert.equal(bridge.asked.length, before + 1);
});

test('runs: bounded in bytes; the oldest are left out and counted, but not the chosen and pinned ones', async () => {
  const bridge = fakeBridge(9000);
  bridge.choose('s@r5/a');
  await bridge.pass(0);
  const { runs } = bridge;
  assert.ok(runs.all.size > 2000 && runs.all.size < 9000, `${runs.all.size}`);
  assert.equal(runs.leftOut, 9000 - runs.all.size);
  assert.ok(runs.find('s@r8999/a') !== undefined && runs.find('s@r10/a') === undefined);
  assert.ok(runs.find('s@r5/a') !== undefined);
  for (let i = 0; i < 30; ++i) await bridge.pass(10_000);
  assert.ok(runs.all.size > 2000 && runs.find('s@r5/a') !== undefined);
  // Newer ones take the room of the oldest.
  const held = runs.all.size;
  for (let i = 0; i < 30; ++i) {
    for (let n = 0; n < 200; ++n) {
      const run = `new${200 * i + n}`;
      bridge.held.push({ ...bridge.held[0]!, run_id: `s@${run}/a`, run, started: 20_000 + i, last_event: 20_000 + i });
    }
    bridge.event('scalar', `new${200 * i}`, { tag: 'x', value: 1 });
    await bridge.pass(2000);
  }
  assert.ok(runs.find('s@new5999/a') !== undefined && runs.all.size < 1.2 * held, `${runs.all.size} after ${held}`);
});

test('runs: without a choice the newest running ones are shown, else the newest', async () => {
  const bridge = fakeBridge(20);
  await bridge.pass(0);
  assert.deepEqual(bridge.runs.chosen().slice(0, 2), ['s@r19/a', 's@r18/a']);
  assert.equal(bridge.runs.chosen().length, 8);
  bridge.held[3]!.state = 'running';
  await bridge.pass(10_000);
  assert.deepEqual(bridge.runs.chosen(), ['s@r3/a']);
  assert.equal(bridge.runs.chosen(), bridge.runs.chosen());
  // As it was at another moment: each of these ran for 1,000 s.
  bridge.look({ from: 0, to: 1002.5 });
  assert.deepEqual(bridge.runs.chosen(), ['s@r3/a', 's@r2/a', 's@r1/a', 's@r0/a'].slice(1));
  bridge.choose('unknown@r', 's@r1/a');
  assert.deepEqual(bridge.runs.chosen(), ['unknown@r', 's@r1/a']);
});

test('runs: a run is named as the bridge names it', () => {
  assert.equal(runIdOf('s', 'r', 'a'), 's@r/a');
  assert.equal(runIdOf('s', undefined, undefined), 's@');
  assert.equal(runIdOf('s', 'r', 5), 's@r');
  assert.equal(runIdOf('s', 'r', 'x'.repeat(256)), `s@r/${'x'.repeat(256)}`);
  assert.equal(runIdOf('s', 'r', 'ü'.repeat(129)), 's@r');
});
