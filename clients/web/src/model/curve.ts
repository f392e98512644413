// One curve of one run over one axis: what the bridge answered of all of it, of the part that is zoomed into,
// and the events behind these answers.
import { bytesOfPoint, filterPoints, joinPoints, noPoints, singlePoints, type Points } from './points.js';

export interface Answer {
  points: Points;
  /** The event up to and with which it is true. */
  seq: number;
  /** Buckets are no wider than this; 0: each point stands alone. */
  width: number;
  /** Undefined: from its beginning, to its end. */
  from?: number;
  to?: number;
}

interface TailPoint {
  seq: number;
  /** NaN: the curve's own count, which is not known yet. */
  x: number;
  value: number;
}

const tailMax = 4096;
const againFirst_ms = 2000;
const againMax_ms = 60_000;
const bytesOfTailPoint = 64;

export class Curve {
  whole: Answer | undefined;
  part: Answer | undefined;
  /** Changes with what points() gives. */
  version = 0;
  /** When it was last looked at. */
  used_ms = 0;
  asked_ms = -Infinity;
  /** How long to wait before it is asked again: longer where the bridge has told nothing new. */
  again_ms = againFirst_ms;
  /** What is there is to be asked again, as after a gap. */
  stale = false;
  private tail: TailPoint[] = [];
  private count: number | undefined; // of its points, where it goes by count
  private lastSeq = 0;
  private drawn: { version: number; part: boolean; points: Points } | undefined;

  /** `heardFrom`: events behind this one are in the tail; undefined: from the next event on. */
  constructor(readonly runId: string, public heardFrom: number | undefined) {}

  get bytes(): number {
    const points = (this.whole?.points.length ?? 0) + (this.part?.points.length ?? 0) + (this.drawn?.points.length ?? 0);
    return 512 + this.tail.length * bytesOfTailPoint + points * bytesOfPoint;
  }

  get tailLength(): number {
    return this.tail.length;
  }

  /** Events between the answer and the tail are in neither. */
  get hasHole(): boolean {
    return this.whole !== undefined && this.heardFrom !== undefined && this.whole.seq < this.heardFrom;
  }

  /** `x`: NaN for the curve's own count. */
  push(seq: number, x: number, value: number): void {
    if (seq <= this.lastSeq || seq <= this.answered) return;
    this.lastSeq = seq;
    if (this.count !== undefined && seq > this.whole!.seq) ++this.count;
    this.tail.push({ seq, x: Number.isNaN(x) ? this.count ?? NaN : x, value });
    if (this.tail.length > tailMax) this.heardFrom = this.tail.splice(0, tailMax / 2).at(-1)!.seq;
    ++this.version;
  }

  take(answer: Answer, part: boolean): void {
    if (part) {
      this.part = answer;
    } else {
      // What lived in the tail and is now in `whole` may lie within the part: that is asked again, too.
      const { part: old } = this;
      const behind = old !== undefined && this.tail.some(({ seq, x }) => seq > old.seq && x >= old.from! && x <= old.to!);
      if (behind && old.seq < answer.seq) this.part = { ...old, width: Infinity };
      this.again_ms = this.whole?.seq === answer.seq ? Math.min(againMax_ms, 2 * this.again_ms) : againFirst_ms;
      this.whole = answer;
      this.stale = false;
      const { points } = answer;
      const last = points.length - 1;
      this.count = last < 0 ? 0 : points.x[last]! + points.n[last]! - 1;
    }
    this.tail = this.tail.filter(({ seq }) => seq > this.answered);
    if (!part) {
      for (const point of this.tail) {
        if (point.seq <= answer.seq) continue;
        ++this.count!;
        if (Number.isNaN(point.x)) point.x = this.count!;
      }
    }
    ++this.version;
  }

  /** Events are missing, or numbered anew: what is there is shown until it is answered again. */
  restart(heardFrom: number | undefined): void {
    this.stale = true;
    this.part = undefined;
    if (this.whole !== undefined) this.whole = { ...this.whole, seq: 0 };
    this.tail = [];
    this.lastSeq = 0;
    this.heardFrom = heardFrom;
    ++this.version;
  }

  /** All of it, or with the part in its place. */
  points(withPart: boolean): Points {
    const part = withPart && this.part !== undefined;
    if (this.drawn?.version !== this.version || this.drawn.part !== part) {
      this.drawn = { version: this.version, part, points: this.join(part) };
    }
    return this.drawn.points;
  }

  /** What is in all answers is in no tail. */
  private get answered(): number {
    return Math.min(this.whole?.seq ?? 0, this.part?.seq ?? Infinity);
  }

  private join(withPart: boolean): Points {
    if (this.whole === undefined) return noPoints; // its end alone would look like all of it
    const whole = joinPoints([this.whole?.points ?? noPoints, this.tailBehind(this.whole?.seq ?? 0)]);
    if (!withPart) return whole;
    const { from = -Infinity, to = Infinity, points, seq } = this.part!;
    const inside = (x: number) => x >= from && x <= to;
    return joinPoints([
      filterPoints(whole, (x) => x < from), points, filterPoints(this.tailBehind(seq), inside),
      filterPoints(whole, (x) => x > to),
    ]);
  }

  private tailBehind(seq: number): Points {
    const points = this.tail.filter((point) => point.seq > seq && !Number.isNaN(point.x));
    return points.length === 0 ? noPoints : singlePoints(points.map(({ x }) => x), points.map(({ value }) => value));
  }
}
