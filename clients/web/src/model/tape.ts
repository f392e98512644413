// The events that a filter lets through, as rows over the whole log: a window that goes on with what comes, or
// stands still, and can be moved back as far as the bridge remembers. The newest events are kept in memory, which
// is bounded in bytes; what is older is asked of the bridge, a page at a time.
import type { BridgeEvent, Gap, JsonObject } from '../feed/index.js';
import type { Ask } from '../past/ask.js';
import { ByteDeque } from './byte_deque.js';
import { noFilter, type Filter } from './filter.js';
import { bytesOf, gapText, isMark, type Mark, type Row } from './tape_rows.js';
import { eventsOf, numberOf, wordsOf } from './values.js';

/** Of the texts of events, about. */
export const memoryBytesMax = 24 * 1024 * 1024;
export const windowBytesMax = 8 * 1024 * 1024;
// How many events are looked at before the page gets its turn.
const scanStep = 5000;
const firstRows = 300;
const pageEvents = 1000;
const pageEventsLooked = 10_000; // where only some of them pass
const pagesInARow = 20;

export type OlderState = 'more' | 'asking' | 'paused' | 'end' | 'failed' | 'other epoch';

export class Tape {
  /** Everything that came, without a hole and of one numbering. */
  private readonly memory = new ByteDeque<Row>();
  private readonly rows = new ByteDeque<Row>();
  private readonly fetched = new WeakSet<BridgeEvent>();
  private filter: Filter = noFilter;
  private from_s = -Infinity;
  private to_s = Infinity;
  private lastSeq = 0;
  private top = 0; // the highest number among the rows, of this numbering
  private attached = true; // the window's upper end is the newest event
  /** Newer rows were let go of to make room for older ones. */
  cut = false;
  private following = true;
  private generation = 0;
  private pages = 0; // asked one after another
  private marks = 0; // among the rows
  /** Events that came since the page was opened. */
  total = 0;
  /** Of these, how many memory has let go of. */
  letGo = 0;
  /** Matching events that came while the rows stood still. */
  heldBack = 0;
  older: OlderState = 'more';
  /** Why it is so, or how far back the rows have been looked for. */
  olderText = '';
  private lookedTo: { seq: number; timestamp: number } | undefined;
  /** Grows whenever the rows change. */
  version = 0;
  ask: Ask | undefined;
  onChange: () => void = () => {};

  constructor(private readonly memoryMax = memoryBytesMax, private readonly windowMax = windowBytesMax) {}

  /** `older`: it was there before, and does not come as it happens. */
  push(event: BridgeEvent, older = false): void {
    // A hole that no gap tells of: the bridge is asked for what is before.
    const hole = this.memory.length > 0 ? event.seq !== this.lastSeq + 1 : this.top > 0 && event.seq > this.top + 1;
    if (hole) this.forget();
    this.lastSeq = event.seq;
    ++this.total;
    if (older) this.fetched.add(event);
    this.remember(event, hole);
  }

  /** An event that is among the rows already, of another numbering: nothing is missing where it was. */
  passOver(seq: number): void {
    this.lastSeq = seq;
  }

  pushGap(gap: Gap, time_s: number): void {
    const mark: Mark = { seq: this.lastSeq + 0.5, timestamp: time_s, mark: 'gap', text: gapText(gap) };
    if (gap.to_seq !== undefined && gap.to_seq > this.lastSeq) this.lastSeq = gap.to_seq;
    this.remember(mark);
  }

  /** Events are numbered anew, or may be: what is in the rows is of another numbering than what the bridge has. */
  newEpoch(time_s: number): void {
    if (this.total === 0) return;
    if (this.rows.length > 0) {
      if (this.older === 'asking') ++this.generation;
      this.older = 'other epoch';
    }
    const text = 'The bridge was started anew';
    this.remember({ seq: this.lastSeq + 0.5, timestamp: time_s, mark: 'epoch', text });
    this.forget();
    this.top = 0;
  }

  get kept(): number {
    return this.memory.length;
  }

  get bytes(): number {
    return this.memory.bytes + this.rows.bytes;
  }

  get length(): number {
    return this.rows.length;
  }

  get events(): number {
    return this.rows.length - this.marks;
  }

  /** Row 0 is the newest. */
  row(index: number): Row | undefined {
    return this.rows.at(this.rows.length - 1 - index);
  }

  /** Whether it was asked of the bridge: it was there before, and did not come as it happened. */
  isOlder(event: BridgeEvent): boolean {
    return this.fetched.has(event);
  }

  /** The row of an event that is in the window or in memory. */
  find(seq: number): BridgeEvent | undefined {
    const row = this.row(this.indexOf(seq)) ?? this.memory.at(this.memory.firstFrom(seq));
    return row?.seq === seq && !isMark(row) ? row : undefined;
  }

  /** -1 where it is none of the rows. They may be of two numberings: the newer one counts. */
  indexOf(seq: number): number {
    for (let i = 0; i < this.rows.length; ++i) if (this.row(i)!.seq === seq) return i;
    return -1;
  }

  /** What is shown; `from_s` and `to_s` are seconds since 1970. Nothing is done where it is shown already. */
  show(filter: Filter, from_s = -Infinity, to_s = Infinity): void {
    const alike = filter.text === this.filter.text && to_s === this.to_s;
    if (alike && from_s === this.from_s) return;
    if (alike && from_s > this.from_s) return this.beginAt(from_s);
    this.filter = filter;
    this.from_s = from_s;
    this.to_s = to_s;
    this.restart();
  }

  // A range that moves on with the time: rows leave it at its end, unless somebody reads them.
  private beginAt(from_s: number): void {
    this.from_s = from_s;
    if (!this.following) return;
    while ((this.rows.at(0)?.timestamp ?? Infinity) < from_s) {
      if (isMark(this.rows.shift()!)) --this.marks;
      ++this.version;
    }
    this.lookedTo = undefined;
  }

  /** Begins at the newest row again. */
  restart(): void {
    ++this.generation;
    ++this.version;
    this.rows.clear();
    this.top = 0;
    this.marks = 0;
    this.attached = true;
    this.cut = false;
    this.heldBack = 0;
    this.pages = 0;
    this.lookedTo = undefined;
    this.older = 'more';
    this.olderText = '';
    for (let steps = 0; steps < 4 && this.rows.length < firstRows && this.lookInMemory(); ++steps);
  }

  /** False: the rows stand still, and what comes is counted. */
  follow(on: boolean): void {
    if (on === this.following) return;
    this.following = on;
    this.heldBack = 0;
    if (on && !this.attached) this.restart();
  }

  /** Something came that the rows do not show. */
  get paused(): boolean {
    return this.heldBack > 0;
  }

  get follows(): boolean {
    return this.following;
  }

  /**
   * Looks for more older rows. Call again as long as they are wanted; onChange tells of an answer. Where the window
   * is full, newer rows make room only if the newest are out of sight. True where there is more to look at right now.
   */
  lookOlder(newestInSight = false): boolean {
    if (this.older !== 'more' || (newestInSight && this.rows.bytes > this.windowMax / 2)) return false;
    if (this.lookInMemory()) return true;
    if (this.ask === undefined) return false;
    if (this.pages >= pagesInARow) this.older = 'paused';
    else void this.askOlder(this.ask);
    return false;
  }

  /** Goes on where it stopped after many pages, or after an error. */
  lookFurther(): void {
    if (this.older === 'other epoch') return this.restart();
    if (this.older !== 'paused' && this.older !== 'failed') return;
    this.older = 'more';
    this.pages = 0;
    this.lookOlder();
  }

  /** How many rows were put in above the others. */
  async lookNewer(): Promise<number> {
    if (!this.cut || this.rows.length === 0 || this.older === 'other epoch' || this.lookingUp) return 0;
    const after = this.rows.at(this.rows.length - 1)!.seq;
    const held = this.memory.at(0);
    let found: Row[];
    if (held !== undefined && held.seq <= after + 1) {
      const begin = this.memory.firstFrom(after + 0.25);
      found = [];
      let at = begin;
      for (; at < this.memory.length && found.length < pageEvents; ++at) {
        if (this.passes(this.memory.at(at)!)) found.push(this.memory.at(at)!);
      }
      this.attached = at === this.memory.length;
    } else {
      const { generation } = this;
      const answer = await this.askNewer(Math.floor(after)).finally(() => {
        this.lookingUp = false;
      });
      if (answer === undefined || generation !== this.generation) return 0;
      const events = eventsOf(answer);
      found = events.filter((event) => this.passes(event));
      for (const event of events) this.fetched.add(event);
      this.attached = answer.more !== true && (this.to_s !== Infinity || this.memory.length === 0);
    }
    for (const row of found) this.addNewest(row);
    this.trimOldest();
    this.cut = !this.attached;
    if (this.attached) this.heldBack = 0;
    return found.length;
  }

  private lookingUp = false;
  private async askNewer(since_seq: number): Promise<JsonObject | undefined> {
    this.lookingUp = true;
    return this.ask?.('get_recent_events', {
      ...this.filter.asked, ...this.times(), since_seq, count: pageEvents,
    });
  }

  /** Rows that were let go of at the upper end since the last call: the others have moved up by as many. */
  takeDropped(): number {
    const dropped = this.dropped;
    this.dropped = 0;
    return dropped;
  }
  private dropped = 0;

  private remember(row: Row, hole = false): void {
    const bytes = bytesOf(row);
    this.memory.push(row, bytes);
    while (this.memory.bytes > this.memoryMax && this.memory.length > 1) {
      if (!isMark(this.memory.shift()!)) ++this.letGo;
    }
    if (hole && this.following) return this.restart();
    if (row.seq <= this.top || !this.passes(row)) return; // the bridge was asked for it already
    if (!this.following || !this.attached) {
      this.attached = false;
      if (!isMark(row)) ++this.heldBack;
      ++this.version;
      return;
    }
    this.addNewest(row, bytes);
    this.trimOldest();
  }

  private forget(): void {
    while (this.memory.length > 0) if (!isMark(this.memory.shift()!)) ++this.letGo;
  }

  private passes(row: Row): boolean {
    if (row.timestamp < this.from_s || row.timestamp > this.to_s) return false;
    return isMark(row) || this.filter.matches(row);
  }

  private addNewest(row: Row, bytes = bytesOf(row)): void {
    this.rows.push(row, bytes);
    this.top = row.seq;
    if (isMark(row)) ++this.marks;
    ++this.version;
  }

  private trimOldest(): void {
    while (this.rows.bytes > this.windowMax && this.rows.length > 1) {
      const row = this.rows.shift()!;
      if (isMark(row)) --this.marks;
      if (this.older === 'other epoch' && !(isMark(row) && row.mark === 'epoch')) continue;
      if (this.older === 'asking') ++this.generation;
      this.older = 'more';
      this.lookedTo = undefined;
    }
  }

  private addOlder(rows: Row[]): void {
    this.top = Math.max(this.top, rows[rows.length - 1]?.seq ?? 0);
    this.rows.prepend(rows, rows.map(bytesOf));
    this.marks += rows.filter(isMark).length;
    while (this.rows.bytes > this.windowMax && this.rows.length > 1) {
      if (isMark(this.rows.pop()!)) --this.marks;
      this.attached = false;
      this.cut = true;
      ++this.dropped;
    }
    ++this.version;
  }

  // Looks at some more of memory; false where that has no more, and the bridge is to be asked.
  private lookInMemory(): boolean {
    const oldest = this.memory.at(0);
    if (oldest === undefined) return false;
    const before = this.lookedTo?.seq ?? this.rows.at(0)?.seq ?? Infinity;
    if (before <= oldest.seq || this.to_s < oldest.timestamp) return false;
    const found: Row[] = [];
    let at = this.memory.firstFrom(before);
    for (const until = Math.max(0, at - scanStep); at > until && found.length < pageEvents;) {
      const row = this.memory.at(--at)!;
      if (this.passes(row)) found.push(row);
      this.lookedTo = { seq: row.seq, timestamp: row.timestamp };
    }
    if (found.length > 0) this.addOlder(found.reverse());
    ++this.version;
    if ((this.lookedTo?.timestamp ?? Infinity) < this.from_s) this.end('The range begins here.');
    return true;
  }

  private times(): JsonObject {
    return {
      ...(this.from_s !== -Infinity && { from_time: this.from_s }), ...(this.to_s !== Infinity && { to_time: this.to_s }),
    };
  }

  private async askOlder(ask: Ask): Promise<void> {
    const { generation } = this;
    this.older = 'asking';
    ++this.pages;
    ++this.version;
    const before = Math.ceil(this.lookedTo?.seq ?? this.rows.at(0)?.seq ?? Infinity);
    const count = this.filter.more ? pageEventsLooked : pageEvents;
    try {
      const answer = await ask('get_recent_events', {
        ...this.filter.asked, ...this.times(), count, ...(before !== Infinity && { before_seq: before }),
      });
      if (generation !== this.generation) return;
      // The newest were asked for, and meanwhile those that come have begun: what is before them is asked for.
      const begun = before === Infinity && this.to_s === Infinity && (this.rows.length > 0 || this.memory.length > 0);
      if (begun) this.older = 'more';
      else this.take(answer);
    } catch (error) {
      if (generation !== this.generation) return;
      this.older = 'failed';
      this.olderText = wordsOf(error);
      ++this.version;
    }
    this.onChange();
  }

  private take(answer: JsonObject): void {
    const events = eventsOf(answer);
    const found: Row[] = events.filter((event) => this.passes(event));
    for (const event of found) this.fetched.add(event as BridgeEvent);
    const oldest = events[0];
    if (oldest !== undefined) this.lookedTo = { seq: oldest.seq, timestamp: oldest.timestamp };
    if (found.length > 0) this.pages = 0;
    const missed = numberOf(answer.missed) ?? 0;
    if (missed > 0) {
      const { seq, timestamp } = oldest ?? this.rows.at(0) ?? { seq: 1, timestamp: 0 };
      found.unshift({ seq: seq - 0.5, timestamp, mark: 'gap', text: `${missed} events about here are held by nobody any more` });
    }
    this.older = 'more';
    this.addOlder(found);
    if (oldest === undefined || answer.more !== true) {
      this.end(this.from_s === -Infinity ? 'The log of the bridge begins here.' : 'The range begins here.');
    } else if (oldest.timestamp < this.from_s) this.end('The range begins here.');
  }

  private end(text: string): void {
    this.older = 'end';
    this.olderText = text;
  }

  /** How far back rows have been looked for, where that is further than the oldest of them. */
  get looked(): { seq: number; timestamp: number } | undefined {
    return this.lookedTo;
  }
}
