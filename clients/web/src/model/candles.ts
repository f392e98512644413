// Values over time in buckets of one length: first, last, lowest and highest of each, and what they add up to. They
// may come in any order: which is the first and which the last is told by their `seq`.
import { emptyPoints, type Points } from './points.js';

export const candleLengths_s = { '1m': 60, '5m': 300, '1h': 3600, '1d': 86_400 } as const;
export type CandleLength = keyof typeof candleLengths_s;

export interface Candle {
  /** Where it begins, seconds since 1970. */
  begin_s: number;
  open: number;
  high: number;
  low: number;
  close: number;
  count: number;
  sum: number;
  firstSeq: number;
  lastSeq: number;
}

export class Candles {
  private readonly byBegin = new Map<number, Candle>();
  private sorted: Candle[] | undefined;
  /** Rises with each change. */
  version = 0;

  constructor(readonly length_s: number) {}

  add(time_s: number, value: number, seq: number): void {
    const begin_s = beginOf(time_s, this.length_s);
    const candle = this.byBegin.get(begin_s);
    ++this.version;
    if (candle === undefined) {
      this.byBegin.set(begin_s, { begin_s, open: value, high: value, low: value, close: value, count: 1, sum: value, firstSeq: seq, lastSeq: seq });
      this.sorted = undefined;
      return;
    }
    candle.high = Math.max(candle.high, value);
    candle.low = Math.min(candle.low, value);
    candle.sum += value;
    ++candle.count;
    if (seq < candle.firstSeq) [candle.firstSeq, candle.open] = [seq, value];
    if (seq >= candle.lastSeq) [candle.lastSeq, candle.close] = [seq, value];
  }

  /** The oldest first. */
  get all(): readonly Candle[] {
    return (this.sorted ??= [...this.byBegin.values()].sort((a, b) => a.begin_s - b.begin_s));
  }

  /** Lets go of the oldest where there are more than `countMax`; tells how many went. */
  trim(countMax: number): number {
    const gone = this.all.slice(0, Math.max(0, this.all.length - countMax));
    for (const { begin_s } of gone) this.byBegin.delete(begin_s);
    if (gone.length > 0) this.sorted = undefined;
    return gone.length;
  }

  /** As buckets of a curve, each at its middle. */
  points(keep: (candle: Candle) => boolean = () => true): Points {
    const kept = this.all.filter(keep);
    const points = emptyPoints(kept.length);
    kept.forEach((candle, i) => {
      points.x[i] = candle.begin_s + this.length_s / 2;
      points.first[i] = candle.open;
      points.last[i] = candle.close;
      points.min[i] = candle.low;
      points.max[i] = candle.high;
      points.n[i] = candle.count;
    });
    return points;
  }

  /** What each adds up to, at its middle. */
  sums(keep: (candle: Candle) => boolean = () => true): { x: number[]; y: number[] } {
    const kept = this.all.filter(keep);
    return { x: kept.map(({ begin_s }) => begin_s + this.length_s / 2), y: kept.map(({ sum }) => sum) };
  }
}

export function beginOf(time_s: number, length_s: number): number {
  return Math.floor(time_s / length_s) * length_s;
}
