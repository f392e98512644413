// What the bridge still holds from before this page was opened, so that it does not begin empty.
import type { BridgeEvent, Feed } from './feed/index.js';
import { listOf } from './model/values.js';

// The types that rows and curves are made from. One request each, at most 4 MiB of reply.
const types = [
  'portfolio_update', 'trade_executed', 'training_update', 'episode_end', 'price_update',
  'margin_update', 'agent_decision',
];
const eventsOfTypeMax = 10_000;
const deadline_ms = 10_000;

/** In order, each once. What the bridge does not answer is left out. */
export async function olderEvents(feed: Feed): Promise<BridgeEvent[]> {
  const bySeq = new Map<number, BridgeEvent>();
  // The latest of each thing first: some may have changed longer ago than the rest reaches back.
  for (const ask of [
    () => feed.command('get_snapshot', { deadline_ms }),
    ...types.map((type) => () => feed.command('get_recent_events', {
      params: { type, count: eventsOfTypeMax }, deadline_ms,
    })),
  ]) {
    try {
      for (const event of listOf((await ask()).result?.events)) {
        const { seq } = event as unknown as BridgeEvent;
        bySeq.set(seq, event as unknown as BridgeEvent);
      }
    } catch {
      if (feed.state.status !== 'live') break;
    }
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
