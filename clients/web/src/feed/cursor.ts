import type { BridgeEvent, Gap, Position, Since } from './messages.js';
import { SeenEvents } from './seen.js';

// Where a client stands in the bridge's log: what to ask for after a lost connection, and which
// events to drop because they were handed over before. It is told of each registration and each
// event in the order of the wire.
export class Cursor {
  private place: Position | undefined;
  private currentEpoch = '';
  private handedOver = 0; // newest seq of this epoch
  private epochChanged = false; // ever: then a source's number decides too
  private lastGap = '';
  private readonly seen = new SeenEvents();

  constructor(private start: Since | undefined) {}

  get epoch(): string {
    return this.currentEpoch;
  }

  /** The place of the last event handed over, or where a live subscription began. */
  get position(): Position | undefined {
    return this.place;
  }

  /** What the next registration asks for. */
  nextSince(): Since | undefined {
    return this.place ?? this.start;
  }

  /** A registration that asked for nextSince() was accepted. True where its epoch is another one. */
  onRegistered(epoch: string, newest: number): boolean {
    const changed = this.currentEpoch !== '' && epoch !== this.currentEpoch;
    if (epoch !== this.currentEpoch) this.handedOver = 0;
    this.epochChanged ||= changed;
    this.currentEpoch = epoch;
    // From now on everything is owed, so a connection lost before the first event resumes here.
    if (this.place === undefined && this.start === undefined) this.place = { epoch, seq: newest };
    return changed;
  }

  /** Whether the event is to be handed over; notes it as handed over if so. */
  admit(event: BridgeEvent): boolean {
    if (event.seq <= this.handedOver) return false;
    this.handedOver = event.seq;
    this.place = { epoch: this.currentEpoch, seq: event.seq };
    this.lastGap = '';
    if (event.source_seq === undefined || event.source === undefined) return true;
    const fresh = this.seen.insert(event.source, event.run ?? '', event.source_seq);
    return fresh || !this.epochChanged;
  }

  /** The same for a gap: false for an empty one, and for one that a reconnection only repeats. */
  admitGap(gap: Gap): boolean {
    if (gap.from_seq !== undefined && gap.to_seq !== undefined && gap.to_seq < gap.from_seq) {
      return false;
    }
    const key = [
      this.currentEpoch, gap.reason, gap.from_seq, gap.to_seq, gap.source, gap.run,
      gap.from_source_seq, gap.to_source_seq,
    ].join('\n');
    if (key === this.lastGap) return false;
    this.lastGap = key;
    // What the gap covers never comes: to go on from before it would only bring the gap again.
    if (gap.to_seq !== undefined && gap.to_seq > this.handedOver) {
      this.handedOver = gap.to_seq;
      this.place = { epoch: this.currentEpoch, seq: gap.to_seq };
    }
    return true;
  }

  /** The user asks to begin elsewhere: what was handed over may come again. */
  restart(start: Since | undefined): void {
    this.start = start;
    this.place = undefined;
    this.handedOver = 0;
    this.seen.clear();
    this.lastGap = '';
  }
}
