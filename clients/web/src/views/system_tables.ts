// Of the system's view: memory by queue, and how long events take from the bridge's intake to a client's socket.
import type { BridgeStatus } from '../model/bridge_status.js';
import { numberOf, objectOf } from '../model/values.js';
import { setBar } from '../ui/bar_cell.js';
import { setText, setTitle } from '../ui/dom.js';
import { bytes, dash, full, percent } from '../ui/format.js';
import { Table, textColumn } from '../ui/table.js';

export interface QueueMemory {
  name: string;
  bytes: number;
  bytesMax: number;
  refused: number;
  /** Since when refusals are counted. */
  since: string;
}

// What each holds, and what happens where it is full.
const meanings: { [queue: string]: string } = {
  history: 'The newest events, for clients that come or fall behind. Full: the oldest leave.',
  held_events: "Events that came before one that is missing. Full: they are let go of, and asked for again.",
  journal_queue: 'Events that wait to be written to the journal. Full: a hole in the journal, or intake waits.',
  bot_backlog: 'What waits for the thread of the bots. Full: the log keeps the rest, and what it lets go of bots ask for.',
  events_in: 'What has come of events that are not all there. Full: no further large one is begun; one that does not end is let go of.',
  thread_backlog: 'What waits for the threads that serve clients. Full: no more is read from sources.',
  past: 'Parts of the journal that were read for clients. Full: what was read first goes.',
  snapshot: 'The latest event of each thing. Full: what changed longest ago goes.',
  clients: 'Connections. Full: new ones are refused.',
  sources: 'Who publishes, and what they announced. Full: the run that has been silent longest goes.',
  cohorts: 'Messages that were made once for clients that want the same. Full: the one used longest ago goes.',
  unread: 'What clients have not read yet. Full: who has most is cut off.',
  subscriptions: 'What clients want. Full: they are answered busy.',
  requests: 'Requests and searches under way. Full: searches wait, or are answered busy.',
  commands: 'Commands on their way to trainers. Full: they are answered busy.',
  http: 'HTTP requests under way. Full: 503.',
  bot_events: 'Events that bots have not read yet. Full: who is furthest behind is disconnected.',
  bot_topics: 'What bots want. Full: who asks for most is disconnected.',
  bot_replies: 'Replies that bots have not read yet. Full: they are answered busy.',
  runs: 'What is known of runs. Full: those silent for longest leave memory.',
  alerts: 'Rules, and what they wait for. Full: sources silent for longest are forgotten.',
  zeromq: 'What ZeroMQ has read and no queue holds. Full: the peers of whom it holds most are disconnected.',
};

export function memoryTable(): Table<QueueMemory> {
  return new Table<QueueMemory>({
    label: 'Memory by queue', empty: 'Not told yet.', sortedBy: { column: 1, descending: true }, id: ({ name }) => name,
    columns: [
      { name: 'Queue', kind: 'name', sort: ({ name }) => name, fill: (cell, { name }) => {
        setText(cell, name.replaceAll('_', ' '));
        setTitle(cell, meanings[name]);
      } },
      { name: 'Share', title: 'Of what it may take', kind: 'bar-cell', sort: shareOf, fill: (cell, queue) => {
        setBar(cell, shareOf(queue), shareOf(queue) > 0.9);
        setTitle(cell, queue.bytesMax === 0 ? 'It is not in use.' : `${percent(shareOf(queue))} of what it may take`);
      } },
      { name: 'Bytes', title: 'Held now', kind: 'num', sort: (queue) => queue.bytes, fill: (cell, queue) => {
        setText(cell, bytes(queue.bytes));
        setTitle(cell, `${full(queue.bytes)} bytes held now`);
      } },
      { name: 'At most', title: 'What it may take', kind: 'num wide', sort: ({ bytesMax }) => bytesMax, fill: (cell, { bytesMax }) => {
        setText(cell, bytesMax === 0 ? dash : bytes(bytesMax));
        setTitle(cell, `It may take ${full(bytesMax)} bytes`);
      } },
      { name: 'Refused', title: 'How often there was no room', kind: 'num', sort: ({ refused }) => refused, fill: (cell, { refused, since }) => {
        setText(cell, full(refused));
        setTitle(cell, `${full(refused)}. ${since}`);
        cell.classList.toggle('loss', refused > 0);
      } },
    ],
  });
}

function shareOf({ bytes: held, bytesMax }: QueueMemory): number {
  return bytesMax > 0 ? held / bytesMax : 0;
}

export function queuesOf({ status }: BridgeStatus, since: string): QueueMemory[] {
  return Object.entries(objectOf(objectOf(status.memory).queues)).map(([name, value]) => ({
    name, bytes: numberOf(objectOf(value).bytes) ?? 0, bytesMax: numberOf(objectOf(value).bytes_max) ?? 0,
    refused: numberOf(objectOf(value).refused) ?? 0, since,
  }));
}

export interface DelayBucket {
  from_s: number;
  to_s: number;
  count: number;
  share: number;
}

export function delayTable(): Table<DelayBucket> {
  return new Table<DelayBucket>({
    label: 'Delay in the bridge', empty: 'No event went to a client yet.',
    columns: [
      textColumn('Within', ({ from_s, to_s }) => (to_s === Infinity ? `over ${milliseconds(from_s)}` : milliseconds(to_s)), { kind: 'num' }),
      { name: 'Share', title: 'Of all live events since the bridge started', kind: 'bar-cell', fill: (cell, { share }) => setBar(cell, share) },
      { name: 'Events', title: 'Each once for each client', kind: 'num', fill: (cell, { count, share }) => {
        setText(cell, full(count));
        setTitle(cell, `${percent(share, 2)} of all live events since the bridge started`);
      } },
    ],
  });
}

/** Of the buckets of /metrics, which each count all below, too. */
export function delayBuckets({ delays }: BridgeStatus): DelayBucket[] {
  const all = delays.at(-1)?.count ?? 0;
  return delays.map(({ le_s, count }, i) => {
    const before = delays[i - 1];
    const own = count - (before?.count ?? 0);
    return { from_s: before?.le_s ?? 0, to_s: le_s, count: own, share: all > 0 ? own / all : 0 };
  }).filter(({ count }) => count > 0);
}

function milliseconds(seconds: number): string {
  return `${Number((seconds * 1000).toPrecision(6))} ms`;
}
