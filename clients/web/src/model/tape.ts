// Every event as it came, the newest of them, and the ones that a filter lets through.
import { jsonText, type BridgeEvent } from '../feed/index.js';
import type { JsonObject } from '../feed/index.js';
import { Ring } from './ring.js';

const eventsMax = 60_000;
const rowsMax = 5000;
// How many events are looked at before the page gets its turn.
const scanStep = 2000;

export interface TapeFilter {
  type: string; // a type, or a beginning with `*`
  agent: string;
  item: string;
  text: string; // anywhere in the event
}

export const noFilter: TapeFilter = { type: '', agent: '', item: '', text: '' };

type Test = (event: BridgeEvent) => boolean;

const contains = (value: unknown, wanted: string) =>
  value !== undefined && String(value).toLowerCase().includes(wanted);

export function filterTest(filter: TapeFilter): Test {
  const tests: Test[] = [];
  const type = filter.type.trim();
  const agent = filter.agent.trim().toLowerCase();
  const item = filter.item.trim().toLowerCase();
  const text = filter.text.trim().toLowerCase();
  if (type.endsWith('*')) tests.push((event) => event.type.startsWith(type.slice(0, -1)));
  else if (type !== '') tests.push((event) => event.type === type);
  // An agent is named by itself, by its source, or by both.
  if (agent !== '') {
    tests.push((event) => contains(`${event.source ?? ''}/${String(event.data.agent_id ?? '')}`, agent));
  }
  if (item !== '') tests.push((event) => contains(event.data.item, item));
  if (text !== '') tests.push((event) => contains(eventText(event), text));
  return (event) => tests.every((test) => test(event));
}

export function eventText(event: BridgeEvent, indent = 0): string {
  return jsonText(event as unknown as JsonObject, indent);
}

export class Tape {
  private readonly events = new Ring<BridgeEvent>(eventsMax);
  private filter = noFilter;
  private test: Test = filterTest(noFilter);
  private matches = new Ring<BridgeEvent>(rowsMax);
  // Events numbered scanTo..scanFrom-1 still have to be looked at, for a filter that is new.
  private scanFrom = 0;
  private scanTo = 0;
  private older: BridgeEvent[] = []; // found by the scan, newest first
  private frozen: BridgeEvent[] | undefined; // oldest first
  private frozenAt = 0;

  push(event: BridgeEvent): void {
    this.events.push(event);
    if (this.test(event)) this.matches.push(event);
  }

  get total(): number {
    return this.events.pushed;
  }

  get kept(): number {
    return this.events.length;
  }

  get paused(): boolean {
    return this.frozen !== undefined;
  }

  /** Matching events that came since the pause. */
  get heldBack(): number {
    return this.frozen === undefined ? 0 : this.matches.pushed - this.frozenAt;
  }

  /** What is shown stays; what comes is kept, and shown at the end of the pause. */
  pause(paused: boolean): void {
    if (paused === this.paused) return;
    this.frozen = paused ? this.rows() : undefined;
    this.frozenAt = this.matches.pushed;
  }

  /** What is older is looked through by scan(). */
  setFilter(filter: TapeFilter): void {
    this.filter = filter;
    this.test = filterTest(filter);
    this.matches = new Ring<BridgeEvent>(rowsMax);
    this.older = [];
    this.scanFrom = this.events.pushed;
    this.scanTo = this.events.pushed - this.events.length;
    this.frozen = this.frozen && this.frozen.filter(this.test);
    this.frozenAt = 0;
    this.scan();
  }

  get currentFilter(): TapeFilter {
    return this.filter;
  }

  /** Looks at some more of the older events. True while there are more. */
  scan(): boolean {
    const until = Math.max(this.scanTo, this.scanFrom - scanStep);
    for (; this.scanFrom > until; --this.scanFrom) {
      const event = this.events.numbered(this.scanFrom - 1);
      if (event === undefined || this.older.length >= rowsMax) {
        this.scanFrom = this.scanTo;
        break;
      }
      if (this.test(event)) this.older.push(event);
    }
    return this.scanFrom > this.scanTo;
  }

  /** How many rows there are. */
  get length(): number {
    if (this.frozen !== undefined) return this.frozen.length;
    return Math.min(rowsMax, this.matches.length + this.older.length);
  }

  /** Row 0 is the newest. */
  row(index: number): BridgeEvent | undefined {
    if (this.frozen !== undefined) return this.frozen[this.frozen.length - 1 - index];
    if (index < this.matches.length) return this.matches.at(this.matches.length - 1 - index);
    return this.older[index - this.matches.length];
  }

  private rows(): BridgeEvent[] {
    const all: BridgeEvent[] = [];
    for (let i = this.length - 1; i >= 0; --i) all.push(this.row(i)!);
    return all;
  }
}
