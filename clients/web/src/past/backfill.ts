// Answers first, then the events behind them. What the page shows is made of parts; each is begun from an
// answer of the bridge that is true at a position, and goes on with the events behind that position. So it
// is the same in each tab and after each reload. After a gap, in another epoch and after a long time out of
// sight all parts are begun anew.
import type { BridgeEvent, FeedState, Gap, JsonObject, Message,
  Position, Since, Subscription } from '../feed/index.js';
import type { Ask } from './ask.js';
import { wordsOf } from '../model/values.js';

export type Reason = 'start' | 'gap' | 'epoch' | 'hidden';

/** What a part may ask while it is filled. The same question of several parts is asked once. */
export interface Past {
  readonly ask: Ask;
  readonly reason: Reason;
  /** The last event that parts were given; nothing at the start. */
  readonly position: Position | undefined;
  /** The answers are those of a moment long ago, and no events follow. */
  readonly asOf?: number;
}

export interface Part {
  readonly name: string;
  /** Where its answer is not to be had it goes on from now: it does not hold up the others. */
  readonly optional?: boolean;
  /**
   * Begins anew from the bridge's answer, and tells the position at which that is true. Nothing where it only
   * goes on behind what the page was handed over; events may come again then.
   */
  fill(past: Past): Promise<Position | undefined>;
  /** An event behind that position, in order. */
  apply(event: BridgeEvent): void;
}

/** The part of a Feed that is needed here. */
export interface Stream {
  readonly state: FeedState;
  readonly position: Position | undefined;
  subscribe(subscription: Subscription, since?: Since, onReply?: (reply: Message) => void): Promise<Message>;
}

interface Filled {
  part: Part;
  /** Events up to it are in the answer; Infinity while there is none. */
  seq: number;
}

const firstWait_ms = 500;
const waitMax_ms = 30_000;

export class Backfill {
  private readonly parts: Filled[] = [];
  private readonly listeners: ((reason: Reason) => void)[] = [];
  private running = false;
  private resting = false;
  private wanted: Reason | undefined;
  private lastFill_ms = -Infinity;
  private wait_ms = firstWait_ms;
  private keptTo: Position | undefined;
  /** All parts have an answer, and events follow it. */
  filled = false;
  /** Why they have none yet. */
  problem = '';
  onChange: () => void = () => {};

  constructor(private readonly stream: Stream, private readonly ask: Ask,
              private readonly now_ms: () => number = () => performance.now(),
              private readonly sleep: (delay_ms: number) => Promise<void> =
                (delay_ms) => new Promise((done) => setTimeout(done, delay_ms))) {}

  add(...parts: Part[]): void {
    for (const part of parts) this.parts.push({ part, seq: Infinity });
  }

  /** Told when answers are no longer true, so that whoever asked on its own asks again. */
  onRefill(listener: (reason: Reason) => void): void {
    this.listeners.push(listener);
  }

  /** Nobody looks at the page: nothing is asked, and of the events only `types` come. */
  rest(types: readonly string[]): void {
    if (this.resting) return;
    this.resting = true;
    this.passOver();
    this.stream.subscribe({ subscriptions: [...types] }).catch(() => {});
  }

  /** Somebody looks again. */
  wake(): void {
    if (!this.resting) return;
    this.resting = false;
    this.refill('hidden');
  }

  onState({ status, epochChanged, recovered }: FeedState): void {
    if (status !== 'live' || this.resting) return;
    if (epochChanged) this.refill('epoch');
    else if (recovered === false) this.refill('gap');
    else if (!this.filled) this.refill('start');
  }

  /** What a source lost was never in the log: the bridge's answers do not have it either. */
  onGap(gap: Gap): void {
    if (gap.reason !== 'source_lost' && !this.resting) this.refill('gap');
  }

  apply(events: readonly BridgeEvent[]): void {
    for (const { part, seq } of this.parts) {
      if (events.length === 0 || events[events.length - 1]!.seq <= seq) continue;
      for (const event of events) if (event.seq > seq) part.apply(event);
    }
  }

  /** Begins all parts anew, soon. */
  refill(reason: Reason): void {
    this.passOver();
    for (const listener of this.listeners) listener(reason);
    // Who was away for long does not go on from where it was, whatever has happened besides.
    if (this.wanted !== 'hidden') this.wanted = reason;
    void this.run();
  }

  // What is kept goes on from here.
  private passOver(): void {
    if (this.filled) this.keptTo = this.stream.position;
    this.filled = false;
    for (const each of this.parts) each.seq = Infinity;
  }

  private async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    while (this.wanted !== undefined) {
      // One gap after another, as where the page is too slow for the stream, is not one answer after another.
      const early_ms = this.lastFill_ms + this.wait_ms - this.now_ms();
      if (early_ms > 0) await this.sleep(early_ms);
      // Begun again with the next connection, or when somebody looks.
      if (this.stream.state.status !== 'live' || this.resting) break;
      const reason = this.wanted;
      this.wanted = undefined;
      this.lastFill_ms = this.now_ms();
      try {
        await this.fillAll(reason);
        this.problem = '';
        this.wait_ms = firstWait_ms;
      } catch (error) {
        this.wanted ??= reason;
        this.wait_ms = Math.min(waitMax_ms, this.wait_ms * 2);
        this.problem = wordsOf(error);
      }
      this.onChange();
    }
    this.running = false;
  }

  private async fillAll(reason: Reason): Promise<void> {
    const answers = new Map<string, Promise<JsonObject>>();
    const ask: Ask = (command, params) => {
      const key = JSON.stringify([command, params]);
      let answer = answers.get(key);
      if (answer === undefined) answers.set(key, answer = this.ask(command, params));
      return answer;
    };
    const past: Past = { ask, reason, position: this.keptTo };
    const filled = await Promise.all(this.parts.map(async (each) => ({ each, at: await this.fill(each.part, past) })));
    if (this.wanted !== undefined || this.resting) return; // they are out of date already
    const answered = filled.flatMap(({ at }) => at ?? []);
    const since = placeBehind(answered, answered.length < filled.length ? this.keptTo : undefined);
    await this.stream.subscribe({ subscriptions: ['*'] }, since, () => {
      if (this.wanted !== undefined || this.resting) return;
      for (const { each, at } of filled) each.seq = at?.seq ?? 0;
      this.filled = true;
    });
  }

  private async fill(part: Part, past: Past): Promise<Position | undefined> {
    try {
      return await part.fill(past);
    } catch (error) {
      if (!part.optional || this.stream.state.status !== 'live') throw error;
      return undefined;
    }
  }
}

/**
 * The place behind which a stream has to begin so that every answer, and what goes on from `kept`, is
 * continued. Answers of one connection are of one numbering, whatever its name; `kept` may be of an earlier
 * one, and is then before all of them.
 */
export function placeBehind(answers: readonly Position[], kept: Position | undefined): Position {
  const lowest = [...answers].sort((a, b) => a.seq - b.seq)[0];
  if (lowest === undefined || kept === undefined) return lowest ?? kept ?? { epoch: '', seq: 0 };
  return kept.epoch === lowest.epoch && lowest.seq < kept.seq ? lowest : kept;
}
