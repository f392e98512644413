// A curve as get_series tells it, in columns: of each bucket the place of its first point, its first, last,
// lowest and highest value and how many points it stands for (M4: Jugel, Jerzak, Hackenbroich and Markl, VLDB 2014).
// A value that is no number is NaN.
import { listOf } from './values.js';
import type { Json } from '../feed/index.js';

export interface Points {
  readonly length: number;
  readonly x: Float64Array;
  readonly first: Float64Array;
  readonly last: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly n: Float64Array;
  /** How many of `n` are no number, as far as that is known. */
  readonly none: Float64Array;
}

const columns = ['x', 'first', 'last', 'min', 'max', 'n', 'none'] as const;
export const bytesOfPoint = columns.length * 8;

export const noPoints = emptyPoints(0);

export function emptyPoints(length: number): Points {
  const column = () => new Float64Array(length);
  return { length, x: column(), first: column(), last: column(), min: column(), max: column(), n: column(), none: column() };
}

/** `points` of an answer; what is no bucket is left out. */
export function readPoints(rows: Json | undefined): Points {
  const list = listOf(rows).filter((row): row is Json[] => Array.isArray(row) && row.length >= 6);
  const points = emptyPoints(list.length);
  const number = (value: Json | undefined) => (value === null || value === undefined ? NaN : Number(value));
  list.forEach((row, i) => {
    points.x[i] = number(row[0]);
    points.first[i] = number(row[1]);
    points.last[i] = number(row[2]);
    points.min[i] = number(row[3]);
    points.max[i] = number(row[4]);
    points.n[i] = number(row[5]);
    // Where it is not told: what the ends show of it.
    const ends = Number.isNaN(points.min[i]!) ? points.n[i]!
      : Number(Number.isNaN(points.first[i]!)) + Number(points.n[i]! > 1 && Number.isNaN(points.last[i]!));
    points.none[i] = row.length > 6 ? number(row[6]) : ends;
  });
  return points;
}

/** Points that each stand alone; null and NaN are no numbers. */
export function singlePoints(x: ArrayLike<number>, y: ArrayLike<number | null>): Points {
  const value = Float64Array.from(y, (one) => one ?? NaN);
  return {
    length: x.length, x: Float64Array.from(x), first: value, last: value, min: value, max: value,
    n: new Float64Array(x.length).fill(1), none: value.map((one) => Number(Number.isNaN(one))),
  };
}

/** One behind the other, in order of x; of equal x, in the order in which they stand here. */
export function joinPoints(all: readonly Points[]): Points {
  const parts = all.filter(({ length }) => length > 0);
  if (parts.length <= 1) return parts[0] ?? noPoints;
  const joined = emptyPoints(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    for (const name of columns) joined[name].set(part[name], at);
    at += part.length;
  }
  for (let i = 1; i < joined.length; ++i) if (joined.x[i]! < joined.x[i - 1]!) return sorted(joined);
  return joined;
}

/** Those whose x `keep` says yes to. */
export function filterPoints(points: Points, keep: (x: number) => boolean): Points {
  const kept: number[] = [];
  for (let i = 0; i < points.length; ++i) if (keep(points.x[i]!)) kept.push(i);
  return kept.length === points.length ? points : pick(points, kept);
}

/** How many are no numbers. */
export function countOfNone(points: Points): number {
  return points.none.reduce((sum, one) => sum + one, 0);
}

/**
 * The corners of the line through all points: of a bucket its first, lowest, highest and last one, all at its
 * place, which is exact as long as a bucket is no wider than a pixel. NaN is a hole.
 */
export function lineThrough({ length, x, first, last, min, max, n }: Points): { x: Float64Array; y: Float64Array } {
  let corners = 0;
  for (let i = 0; i < length; ++i) corners += n[i] === 1 ? 1 : 4;
  const line = { x: new Float64Array(corners), y: new Float64Array(corners) };
  let at = 0;
  const add = (place: number, value: number) => {
    line.x[at] = place;
    line.y[at++] = value;
  };
  for (let i = 0; i < length; ++i) {
    add(x[i]!, first[i]!);
    if (n[i] === 1) continue;
    add(x[i]!, min[i]!);
    add(x[i]!, max[i]!);
    add(x[i]!, last[i]!);
  }
  return line;
}

/** The index of the point whose x is nearest; -1 where there is none. */
export function nearest({ length, x }: Points, to: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (x[middle]! < to) low = middle + 1;
    else high = middle;
  }
  if (low === length) return length - 1;
  return low > 0 && to - x[low - 1]! <= x[low]! - to ? low - 1 : low;
}

/**
 * The exponential moving average as TensorBoard draws it, debiased by 1 - weight^count (classicSmoothing in
 * tensorboard/webapp/widgets/line_chart_v2/data_transformer.ts). What is no number stays one and counts for none.
 */
export function smoothed(values: Float64Array, weight: number): Float64Array {
  const begin = values[0];
  if (!(weight > 0) || values.every((value) => value === begin)) return values;
  let mean = 0;
  let count = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    mean = mean * weight + (1 - weight) * value;
    ++count;
    return mean / (weight >= 1 ? 1 : 1 - weight ** count);
  });
}

function pick(points: Points, which: readonly number[]): Points {
  const picked = emptyPoints(which.length);
  for (const name of columns) which.forEach((from, to) => {
    picked[name][to] = points[name][from]!;
  });
  return picked;
}

function sorted(points: Points): Points {
  return pick(points, [...points.x.keys()].sort((a, b) => points.x[a]! - points.x[b]! || a - b));
}
