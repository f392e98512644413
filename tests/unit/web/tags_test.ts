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
