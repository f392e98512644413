// All that the page knows, made from events in the order in which they come. Every part of it is
// bounded, so that an hour at full rate takes no more memory than a minute.
import type { BridgeEvent, Gap } from '../feed/index.js';
import { Agents } from './agents.js';
import type { Alerts } from './alerts.js';
import { Market } from './market.js';
import { Ring } from './ring.js';
import { Tape } from './tape.js';
import { Training } from './training.js';
import { BoundedMap } from './values.js';

const gapsMax = 200;
const typesMax = 512;
const delaysMax = 2048;

export interface SeenGap extends Gap {
  time_s: number;
}

export class Store {
  readonly agents = new Agents();
  readonly training = new Training();
  readonly market = new Market();
  readonly tape = new Tape();
  readonly gaps = new Ring<SeenGap>(gapsMax);
  /** How many events of each type came. */
  readonly types = new BoundedMap<number>(typesMax);
  /** From the bridge's stamp to this page, of the newest events; ms. */
  readonly delays = new Ring<number>(delaysMax);
  events = 0;
  // By type: what was taken in out of the bridge's memory, before the events as they come.
  private readonly backfilled = new Map<string, number>();

  constructor(readonly alerts: Alerts, private readonly now_ms: () => number) {}

  apply(events: readonly BridgeEvent[]): void {
    for (const event of events) {
      this.tape.push(event);
      ++this.events;
      this.types.set(event.type, (this.types.get(event.type) ?? 0) + 1);
      if (event.seq <= (this.backfilled.get(event.type) ?? 0)) continue;
      this.applyToModels(event);
      this.alerts.apply(event);
    }
    const newest = events[events.length - 1];
    if (newest !== undefined) this.delays.push(this.now_ms() - newest.timestamp * 1000);
  }

  /** Older events of some types, in order; they are not on the tape and raise no alert. */
  backfill(events: readonly BridgeEvent[]): void {
    for (const event of events) {
      if (event.seq <= (this.backfilled.get(event.type) ?? 0)) continue;
      this.applyToModels(event);
      this.backfilled.set(event.type, event.seq);
    }
  }

  /** Events are numbered anew. */
  newEpoch(): void {
    this.backfilled.clear();
  }

  applyGap(gap: Gap): void {
    this.gaps.push({ ...gap, time_s: this.now_ms() / 1000 });
    this.alerts.applyGap(gap);
  }

  private applyToModels(event: BridgeEvent): void {
    this.agents.apply(event);
    this.training.apply(event);
    this.market.apply(event);
  }
}
