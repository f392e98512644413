// How the bridge is: rates, memory, clients, sources, and what was lost or refused.
import type { ClientInfo, SourceInfo } from '../model/bridge_status.js';
import type { SeenGap } from '../model/store.js';
import { objectOf } from '../model/values.js';
import { jsonText, type Json } from '../feed/index.js';
import { fillBadge } from '../ui/badge.js';
import { Chart } from '../ui/chart.js';
import { ChartMenu } from '../ui/chart_menu.js';
import { card, h, setName, setQuantity, setText, setTitle } from '../ui/dom.js';
import { bytes, compact, dash, dateTime, duration, full, time } from '../ui/format.js';
import { Table, textColumn } from '../ui/table.js';
import { Tiles } from '../ui/tiles.js';
import { ClusterCard } from './system_cluster.js';
import { delayBuckets, delayTable, memoryTable, queuesOf } from './system_tables.js';
import type { App, View } from './view.js';

interface Pair {
  name: string;
  value: Json;
  title?: string;
  /** Since when the value counts, and from where. */
  since?: string;
}

// What the tiles mean.
const meanings: { [tile: string]: string } = {
  'Events in/s': 'Accepted from all sources, over the last second',
  'Events out/s': 'Sent to all clients together, over the last second',
  'Bytes out/s': 'Sent to all clients together, as it goes over the wire',
  Clients: 'Connected now, this page too',
  Memory: 'Resident, of what the bridge may take',
  'Longest turn': 'Of the thread that does the work, within the last minute: so long nothing else was done',
  'Up for': 'Since the bridge was started',
  Version: "The bridge's",
};

// The page itself counts these.
const loaded = `Counted by this page since it was loaded, ${dateTime(Math.round(performance.timeOrigin / 1000))}.`;
const connected = 'Since it connected, as the bridge tells.';

export class SystemView implements View {
  readonly name = 'system';
  readonly title = 'System';
  readonly element = h('div', { class: 'view system' });
  private readonly tiles = new Tiles([
    'Events in/s', 'Events out/s', 'Bytes out/s', 'Clients', 'History', 'Journal', 'Memory',
    'Longest turn', 'Handed on in', 'Delay to here', 'Up for', 'Version',
  ]);
  private readonly rates = new Chart({ label: 'Events a second', height: 170, x: 'time', y: 'gold', minAtZero: true });
  private readonly cluster = new ClusterCard();
  private readonly sources: Table<SourceInfo>;
  private readonly clients: Table<ClientInfo>;
  private readonly memory = memoryTable();
  private readonly delays = delayTable();
  private readonly rejects = pairs('Rejects by reason', 'Nothing was refused.');
  private readonly types = pairs('Events by type', 'No event yet.');
  private readonly journal = pairs('Journal', 'This bridge keeps no journal.');
  private readonly gaps: Table<SeenGap>;
  private readonly ofMetrics: HTMLElement[];
  private painted = -1;
  private since = ''; // since when the bridge counts
  private readonly past = h('p', { class: 'note', role: 'status', hidden: true }, 'How the bridge is now: of the past it keeps what happened, not how it was itself.');

  constructor(private readonly app: App) {
    this.sources = new Table<SourceInfo>({
      label: 'Sources', empty: 'No source yet.', sortedBy: { column: 0, descending: false }, id: ({ source, run }) => `${source}@${run}`,
      columns: [
        { name: 'Source', kind: 'name', sort: ({ source }) => source, fill: (cell, { source, run, targets }) => {
          setName(cell, source || '(anonymous)', 24);
          setTitle(cell, targets.length > 1 ? `${source}, two processes: ${targets.join(', ')}` : run ? `${source}, run ${run}` : source || undefined);
        } },
        { name: 'State', title: 'Live; stalled: connected, but silent; gone', sort: ({ state }) => state, fill: (cell, { state, activity, targets }) =>
          fillBadge(cell, targets.length > 1 ? 'conflict'
            : state === 'live' && activity === 'paused' ? 'paused' : state) },
        { name: 'Events', title: 'Accepted of it since the bridge started', kind: 'num', sort: ({ events }) => events, fill: (cell, { events }) => setQuantity(cell, events, this.since) },
        textColumn('Events/s', ({ events_per_s }) => compact(Math.round(events_per_s)), { kind: 'num', sort: ({ events_per_s }) => events_per_s },
          ({ events_per_s }) => `${full(events_per_s)} over the last second, as the bridge counts them`),
        { name: 'Lost', title: 'Events of it that never came, nor could be had again', kind: 'num', sort: ({ lost }) => lost, fill: (cell, { lost }) => {
          setQuantity(cell, lost, this.since);
          cell.classList.toggle('loss', lost > 0);
        } },
        { name: 'Last event', title: 'How long ago', kind: 'num wide', sort: ({ last_event }) => last_event, fill: (cell, { last_event }) => {
          setText(cell, last_event === undefined ? dash : duration(Math.max(0, Date.now() / 1000 - last_event)));
          setTitle(cell, last_event === undefined ? undefined : dateTime(last_event));
        } },
      ],
    });
    this.clients = new Table<ClientInfo>({
      label: 'Clients', empty: 'No client.', sortedBy: { column: 2, descending: true }, rowsMax: 100, id: ({ connection }) => String(connection),
      columns: [
        { name: 'Client', kind: 'name', sort: ({ name }) => name, fill: (cell, { name, connection, remote, type }) => {
          setName(cell, `${name || `#${connection}`}${name === app.clientId ? ' (this page)' : ''}`, 32);
          setTitle(cell, `${name || 'no name'}: connection ${connection}, ${type || 'no type'}, from ${remote}`);
        } },
        { name: 'Sent', title: 'Events', kind: 'num', sort: ({ sent }) => sent, fill: (cell, { sent }) => setQuantity(cell, sent, connected) },
        { name: 'Lag', title: 'Events that wait for it: the slowest first', kind: 'num', sort: ({ lag }) => lag, fill: (cell, { lag }) => setQuantity(cell, lag, 'Now, as the bridge tells.') },
        { name: 'Gaps', title: 'How often it was told that it missed some', kind: 'num', sort: ({ gaps }) => gaps, fill: (cell, { gaps }) => setQuantity(cell, gaps, connected) },
        textColumn('Wants', ({ subscriptions }) => subscriptions, { kind: 'wide text' }),
      ],
    });
    this.gaps = new Table<SeenGap>({
      label: 'Gaps', empty: 'This page has missed nothing.', rowsMax: 100,
      columns: [
        textColumn('Time', ({ time_s }) => time(time_s)),
        textColumn('Reason', ({ reason }) => reason),
        textColumn('Missing', gapRange, { kind: 'text' }),
      ],
    });
    for (const table of [this.sources, this.clients, this.memory]) table.onSort = () => {
      this.painted = -1;
      app.repaint();
    };
    const delays = card('Delay in the bridge, of live events', this.delays.element);
    const journal = card('Journal', this.journal.element);
    this.ofMetrics = [delays, journal];
    const rates = card('Events a second', this.rates.element, h('p', { class: 'key' }, h('span', {}, h('i', { class: 'swatch curve-0' }), 'in'),
      h('span', {}, h('i', { class: 'swatch curve-1' }), 'out, over all clients')));
    rates.firstElementChild!.append(new ChartMenu({ name: () => 'Events a second', chart: () => this.rates }).element);
    this.element.append(this.past, this.tiles.element, this.cluster.element, rates,
      h('div', { class: 'grid' },
        stack(card('Sources', this.sources.element), card('Rejects by reason', this.rejects.element), card('Events by type seen by this page', this.types.element)),
        stack(card('Clients, the slowest first', this.clients.element), delays, card('Gaps seen by this page', this.gaps.element)),
        stack(card('Memory by queue', this.memory.element), journal)));
  }

  update(): void {
    const { status, store, state } = this.app;
    this.past.hidden = state.to === undefined;
    this.gaps.update([...store.gaps.newestFirst()]);
    this.types.update([...store.types].sort(([, a], [, b]) => b - a).map(([name, value]) => ({ name, value, since: loaded })));
    this.updateDelay([...store.delays]);
    if (status.version === this.painted) return;
    this.painted = status.version;
    this.since = `Since the bridge was started, ${dateTime(Math.round(status.started_s))}, as it tells.`;
    const { x, columns } = status.rates;
    const last = (column: number) => {
      const rate = columns[column]![x.length - 1];
      return rate === null || rate === undefined ? dash : compact(Math.round(rate));
    };
    const set = (name: string, text: string, title = meanings[name]) => this.tiles.set(name, text, title);
    set('Events in/s', last(0));
    set('Events out/s', last(1));
    set('Bytes out/s', status.bytesOutPerSecond === undefined ? dash : bytes(status.bytesOutPerSecond));
    const clients = status.number('clients', 'connected');
    set('Clients', clients === undefined ? dash : full(clients));
    const events = status.number('history', 'events');
    set('History', events === undefined ? dash : compact(events), events === undefined ? undefined
      : `${full(events)} events in memory, from event ${full(status.number('history', 'first_seq') ?? 0)} to ${full(status.number('seq') ?? 0)}, in ${bytes(status.number('history', 'bytes') ?? 0)}`);
    const journal = new Map(status.journal);
    const [first, newest] = [journal.get('first seq'), journal.get('committed seq')];
    for (const each of this.ofMetrics) each.hidden = !status.metricsTold;
    if (!status.metricsTold) set('Journal', dash, 'Told only to who may read /metrics: operators, and the roles metrics and admin');
    else set('Journal', first === undefined || newest === undefined ? 'none' : first === 0 ? '0' : compact(newest - first + 1),
        first === undefined || newest === undefined ? 'This bridge keeps no journal.'
          : `From event ${full(first)} to ${full(newest)}, in ${bytes(journal.get('bytes') ?? 0)}`);
    const [resident, memoryMax] = [status.number('memory', 'resident_bytes'), status.number('memory', 'bytes_max')];
    set('Memory', resident === undefined ? dash : bytes(resident),
        memoryMax === undefined ? undefined : `${meanings.Memory}: at most ${bytes(memoryMax)} (limits.memory_bytes_max)`);
    const turn_us = status.number('loop', 'turn_us_max');
    set('Longest turn', turn_us === undefined ? dash : `${Number((turn_us / 1000).toPrecision(3))} ms`,
        `${meanings['Longest turn']}. ${full(status.number('loop', 'turns_long') ?? 0)} turns took more than 2 ms since it was started.`);
    set('Up for', duration(status.number('uptime_s') ?? 0));
    set('Version', String(status.status.version ?? dash));
    this.rates.update({
      lines: [{ label: 'in', colour: 0 }, { label: 'out', colour: 1 }],
      curves: columns.map((y) => ({ x, y })), marks: [],
    });
    this.cluster.update(objectOf(status.status.cluster));
    this.sources.update(status.sources);
    this.clients.update(status.clients);
    this.rejects.update(rejected(objectOf(objectOf(status.status.events).rejected_by_reason)).map((pair) => ({ ...pair, since: this.since })));
    this.memory.update(queuesOf(status, this.since));
    this.delays.update(delayBuckets(status));
    this.journal.update(status.journal.map(([name, value]) => ({ name, value, title: status.meanings.get(name), since: this.since })));
    const { handedOn } = status;
    set('Handed on in', handedOn === undefined ? dash : `${handedOn.half * 1000} ms`, handedOn &&
      `half of all live events, since the bridge started; 99 % within ${handedOn.most * 1000} ms`);
  }

  // The middle and the worst of the newest; clocks of two machines may differ, those of one do not.
  private updateDelay(delays_ms: number[]): void {
    if (delays_ms.length === 0) return;
    const sorted = delays_ms.sort((a, b) => a - b);
    const at = (share: number) => Math.max(0, sorted[Math.floor((sorted.length - 1) * share)]!).toFixed(1);
    this.tiles.set('Delay to here', `${at(0.5)} ms`,
                   `from the bridge's stamp to this page; half come sooner. 99 % within ${at(0.99)} ms`);
  }
}

function stack(...cards: HTMLElement[]): HTMLElement {
  return h('div', { class: 'stack' }, ...cards);
}

function pairs(label: string, empty: string): Table<Pair> {
  return new Table<Pair>({
    label, empty,
    columns: [
      { name: '', fill: (cell, { name, title }) => {
        setText(cell, name);
        setTitle(cell, title);
      } },
      { name: '', kind: 'num', fill: (cell, { name, value, since }) =>
        typeof value === 'object' && value !== null ? setText(cell, jsonText(value))
          : fillCount(cell, name, value, since) },
    ],
  });
}

function fillCount(cell: HTMLElement, name: string, value: Json, since: string | undefined): void {
  setQuantity(cell, value, since);
  if (name.includes('bytes')) setText(cell, bytes(Number(value)));
}

function rejected(reasons: { [name: string]: Json }): Pair[] {
  return Object.entries(reasons).filter(([, value]) => value !== 0).map(([name, value]) => ({ name, value }));
}

function gapRange(gap: SeenGap): string {
  if (gap.source !== undefined) {
    return `${gap.source} (run ${gap.run ?? '?'}): ${range(gap.from_source_seq, gap.to_source_seq)}`;
  }
  return range(gap.from_seq, gap.to_seq);
}

function range(from: number | bigint | undefined, to: number | bigint | undefined): string {
  if (from === undefined || to === undefined) return dash;
  return from === to ? full(from) : `${full(from)} to ${full(to)} (${full(Number(to) - Number(from) + 1)})`;
}
