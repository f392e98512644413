// How far the axes of a chart reach.
import type { Points } from '../model/points.js';
import type { AxisKind } from './chart_axis.js';
import type { Range } from './chart_group.js';

/** From the first point to the last. */
export function rangeOfX(curves: readonly Points[], kind: AxisKind): Range {
  let low = Infinity;
  let high = -Infinity;
  for (const { x, length } of curves) {
    if (length === 0) continue;
    low = Math.min(low, x[0]!);
    high = Math.max(high, x[length - 1]!);
  }
  if (low > high) return kind === 'time' ? [Date.now() / 1000 - 60, Date.now() / 1000] : [0, 1];
  if (low < high) return [low, high];
  const room = kind === 'steps' ? Math.max(0.5, Math.abs(low) * 1e-9) : 0.5;
  return [low - room, high + room];
}

export interface RangeOfY {
  log: boolean;
  zero: boolean;
  /** Fitted to all but the highest and lowest twentieth. */
  inner?: boolean;
  /** Of marks, which need room, too. */
  marks: readonly number[];
}

const fewest = 20; // of fewer none is left out

/** The lowest and highest of what is shown of the curves, with some room. */
export function rangeOfY(curves: readonly Points[], [from, to]: Range, { log, zero, inner, marks }: RangeOfY): Range {
  let low = Infinity;
  let high = -Infinity;
  const take = (value: number) => {
    if (log && !(value > 0)) return;
    if (inner && Number.isFinite(value)) taken.push(value);
    if (value < low) low = value;
    if (value > high) high = value;
  };
  const taken: number[] = [];
  for (const points of curves) {
    const { x, min, max, length } = points;
    for (let i = 0; i < length; ++i) {
      if (x[i]! >= from && x[i]! <= to) {
        take(min[i]!);
        take(max[i]!);
      }
      if (i === 0) continue;
      // Where the line comes in, and where it goes out.
      if (x[i - 1]! < from && x[i]! > from) take(between(points, i, from));
      if (x[i - 1]! < to && x[i]! > to) take(between(points, i, to));
    }
  }
  if (taken.length >= fewest) {
    const sorted = Float64Array.from(taken).sort();
    const out = Math.floor(sorted.length / 20);
    if (sorted[out]! < sorted[sorted.length - 1 - out]!) [low, high] = [sorted[out]!, sorted[sorted.length - 1 - out]!];
  }
  for (const y of marks) take(y);
  if (low > high) return log ? [1, 10] : [0, 1];
  if (log) return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
  if (zero) return [0, (high || 1) * 1.1];
  const width = high / 2 - low / 2;
  const room = (width || Math.abs(high) / 2 || 0.5) * 0.16;
  return [Math.max(-Number.MAX_VALUE, low - room), Math.min(Number.MAX_VALUE, high + room)];
}

// Of the line from point i - 1 to point i.
function between({ x, first, last }: Points, i: number, at: number): number {
  const share = (at - x[i - 1]!) / (x[i]! - x[i - 1]!);
  return last[i - 1]! * (1 - share) + first[i]! * share;
}
