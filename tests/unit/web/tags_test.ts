import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, JsonObject } from '../../../clients/web/src/feed/index.js';
import { Tags } from '../../../clients/web/src/model/tags.js';

// A bridge whose runs have these tags.
function setUp(held: { [runId: string]: string[] }) {
  const tags = new Tags({
    async ask(_, params): Promise<JsonObject> {
      const names = new Set((params!.run_ids as string[]).flatMap((id) => held[id] ?? []));
      return { tags: [...names].map((tag) => ({ tag, runs: 1 })), complete: true };
    },
    now_ms: () => 0, after: () => {}, changed: () => {},
  });
  const told = (runIds: string[]) => tags.of(runIds).map(({ tag }) => tag);
  return { tags, told, settle: () => new Promise((done) => setTimeout(done, 0)) };
}

test('tags: of other runs there are only those that these have', async () => {
  const { told, settle } = setUp({ a: ['loss', 'reward'], b: ['loss', 'price'] });
  const first = ['a'];
  told(first);
  await settle();
  assert.deepEqual(told(first), ['loss', 'reward']);
  const second = ['b'];
  assert.deepEqual(told(second), ['loss', 'reward'], 'what is shown stays until there is an answer');
  await settle();
  assert.deepEqual(told(second), ['loss', 'price']);
});

test('tags: what comes live while the bridge is asked stays', async () => {
  const { tags, told, settle } = setUp({ 's@r/a': ['loss'] });
  const runIds = ['s@r/a'];
  told(runIds);
  tags.apply([{ type: 'scalar', source: 's', run: 'r', seq: 1, timestamp: 1, data: { agent_id: 'a', tag: 'new', step: 1, value: 1 } } as BridgeEvent]);
  await settle();
  assert.deepEqual(told(runIds), ['loss', 'new']);
});

test('tags: trainers that make up thousands do not hold the page up, and there are no more than the bridge keeps', async () => {
  const { tags, told, settle } = setUp({ 's@r/a0': ['loss'] });
  const made = (agent: string, n: number) => {
    const data: JsonObject = { agent_id: agent, step: n };
    for (let i = 0; i < 500; ++i) data[`t${n}_${i}`] = 1;
    return { type: 'training_update', source: 's', run: 'r', seq: n + 1, timestamp: 1, data } as BridgeEvent;
  };
  const runIds = Array.from({ length: 20 }, (_, i) => `s@r/a${i}`);
  told(runIds);
  await settle();
  told(runIds);
  const before = performance.now();
  for (let n = 0; n < 60; ++n) tags.apply([made(`a${n % 20}`, n)]);
  const all = told(runIds);
  assert.ok(performance.now() - before < 5000, 'it took minutes to sort them anew for each');
  assert.deepEqual([all.length, all[0], all[1], all[2]], [20_000, 'loss', 'training_update/t0_0', 'training_update/t0_1']);

  const one = ['s@r/a0'];
  told(one);
  await settle();
  for (let n = 0; n < 60; ++n) tags.apply([made('a0', n)]);
  assert.equal(told(one).length, 1000);
  assert.ok(tags.cut);
});
