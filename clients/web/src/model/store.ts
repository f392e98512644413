// All that the page shows, as parts that the bridge's answers begin and events continue (past/backfill.ts).
// Every part is bounded, so that an hour at full rate takes no more memory than a minute.
import { SeenEvents, type BridgeEvent, type Gap, type Position, type WallSeconds } from '../feed/index.js';
import type { Part, Past } from '../past/backfill.js';
import { positionOf } from '../past/origin.js';
import { Agents } from './agents.js';
import { Commands } from './commands.js';
import { Market } from './market.js';
import { Ring } from './ring.js';
import { Tallies } from './tallies.js';
import { Tape } from './tape.js';
import { BoundedMap, eventsOf } from './values.js';

const gapsMax = 200;
const typesMax = 512;
const delaysMax = 2048;
const recentMax = 10_000; // of each type; at most 4 MiB
// What the tape begins with, and how much it catches up with rather than begin anew.
const tapeAtFirst = 500;
const tapeCatchesUp = 20_000;
const quiet_ms = 2000;

export interface SeenGap extends Gap {
  time_s: WallSeconds;
}

export class Store {
  readonly tallies = new Tallies();
  readonly agents = new Agents(this.tallies);
  readonly market = new Market();
  readonly tape = new Tape();
  readonly commands = new Commands();
  readonly gaps = new Ring<SeenGap>(gapsMax);
  /** How many events of each type came. */
  readonly types = new BoundedMap<number>(typesMax);
  /** From the bridge's stamp to this page, of events that came as they were accepted; ms. */
  readonly delays = new Ring<number>(delaysMax);
  events = 0;
  /** The stamp of the newest event, and when it came here. */
  newest: { stamp_s: WallSeconds; came_ms: number } | undefined;
  private readonly kept = new SeenEvents();
  private keptTo = 0;
  private epoch = '';
  private manyEpochs = false;
  private begun = false; // the tape

  constructor(private readonly now_ms: () => number) {}

  /** In this order they are asked for. */
  readonly parts: Part[] = [
    this.tallies, this.agents,
    new RecentPart('market', this.market, ['price_update', 'margin_update', 'trade_executed']),
    this.commands,
    { name: 'tape', optional: true, fill: (past) => this.fillTape(past), apply: (event) => this.keep(event) },
  ];

  /** Events as they come, beside the parts. Up to `backlogTo` they were only fetched. */
  came(events: readonly BridgeEvent[], backlogTo: number): void {
    const newest = events[events.length - 1];
    if (newest === undefined) return;
    const now_ms = this.now_ms();
    this.newest = { stamp_s: newest.timestamp, came_ms: now_ms };
    if (newest.seq > backlogTo) this.delays.push(now_ms - newest.timestamp * 1000);
  }

  /** By how many seconds what comes now is older than now; 0 where nothing comes. */
  behind_s(): number {
    const { newest } = this;
    if (newest === undefined || this.now_ms() - newest.came_ms > quiet_ms) return 0;
    return Math.max(0, newest.came_ms / 1000 - newest.stamp_s);
  }

  /** The numbering of the events that come now. */
  newEpoch(epoch: string): void {
    if (epoch === this.epoch) return;
    this.manyEpochs ||= this.epoch !== '';
    this.epoch = epoch;
    this.keptTo = 0;
    this.tape.newEpoch(this.now_ms() / 1000);
  }

  applyGap(gap: Gap): void {
    this.gaps.push({ ...gap, time_s: this.now_ms() / 1000 });
    this.tape.pushGap(gap, this.now_ms() / 1000);
  }

  private keep(event: BridgeEvent): void {
    if (event.seq <= this.keptTo) return;
    if (!this.isNew(event)) return this.tape.passOver(event.seq);
    this.tape.push(event);
    ++this.events;
    this.types.set(event.type, (this.types.get(event.type) ?? 0) + 1);
  }

  // Each event once, also where a source says again in another epoch what it said before.
  private isNew({ seq, source, run, source_seq }: BridgeEvent): boolean {
    if (seq <= this.keptTo) return false;
    this.keptTo = seq;
    if (source === undefined || source_seq === undefined) return true;
    const fresh = this.kept.insert(source, run ?? '', source_seq);
    return fresh || !this.manyEpochs;
  }

  private async fillTape({ ask, reason, position }: Past): Promise<Position | undefined> {
    if (this.begun && reason !== 'hidden') return undefined;
    const answer = await ask('get_recent_events', { count: tapeAtFirst });
    const at = positionOf(answer);
    if (this.begun && at.epoch === position?.epoch && at.seq - position.seq <= tapeCatchesUp) return undefined;
    for (const event of eventsOf(answer)) {
      if (this.isNew(event)) this.tape.push(event, true);
    }
    this.begun = true;
    return at;
  }
}

/** A model that is made from the latest event of each thing. */
class RecentPart implements Part {
  readonly optional = true;

  constructor(readonly name: string, private readonly model: { clear(): void; apply(event: BridgeEvent): void },
              private readonly types: readonly string[]) {}

  async fill({ ask, asOf }: Past): Promise<Position> {
    const snapshot = await ask('get_snapshot');
    const at = positionOf(snapshot);
    // Of a moment long ago the bridge has no snapshot.
    const recent = asOf === undefined ? [] : await Promise.all(this.types.map((type) =>
      ask('get_recent_events', { type, count: recentMax })));
    const events = [snapshot, ...recent].flatMap(eventsOf);
    const bySeq = new Map(events.map((event) => [event.seq, event]));
    this.model.clear();
    for (const event of [...bySeq.values()].sort((a, b) => a.seq - b.seq)) this.model.apply(event);
    return at;
  }

  apply(event: BridgeEvent): void {
    this.model.apply(event);
  }
}
