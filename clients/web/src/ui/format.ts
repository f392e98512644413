// Numbers and times as people of the game read them.
import type { Json } from '../feed/index.js';

const units: [number, string][] = [[1e12, 't'], [1e9, 'b'], [1e6, 'm'], [1e3, 'k']];
const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
export const dash = '–';

/** 1.67m, 100k, 9,999; the sign of what is below zero is a real minus. */
export function compact(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '';
  if (size < 10_000) return sign + (Number.isInteger(size) ? grouped.format(size) : digits(size));
  // Rounded first: 999,999 is 1m and not 1,000k.
  for (const [unit, name] of units) {
    const rounded = Number((size / unit).toPrecision(3));
    if (rounded >= 1) return sign + (rounded >= 1000 ? grouped.format(rounded) : rounded) + name;
  }
  return sign + size;
}

/** A number of no unit, such as a loss: three digits that count. */
export function digits(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  return text.replace('-', '−').replace(/e−/, 'e-');
}

/** Every digit, in groups. */
export function full(value: number | bigint): string {
  return grouped.format(value);
}

/** A value of an event as a short text and, for numbers, one with every digit. */
export function quantity(value: Json | undefined): { text: string; full?: string } {
  if (typeof value === 'bigint') return { text: compact(Number(value)), full: full(value) };
  if (typeof value === 'number') return { text: compact(value), full: full(value) };
  return { text: value === undefined || value === null ? dash : String(value) };
}

export function percent(share: number | undefined, places = 1): string {
  return share === undefined ? dash : `${(share * 100).toFixed(places).replace('-', '−')} %`;
}

export function time(seconds: number): string {
  return clock.format(seconds * 1000);
}

export function timeWithMillis(seconds: number): string {
  const ms = Math.floor((seconds % 1) * 1000);
  return `${time(seconds)}.${String(ms).padStart(3, '0')}`;
}

/** "12 s", "3 min", "2 h". */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function bytes(count: number): string {
  if (count < 1000) return `${Math.round(count)} B`;
  for (const [unit, name] of [[1e9, 'GB'], [1e6, 'MB']] as const) {
    if (count >= unit) return `${Number((count / unit).toPrecision(3))} ${name}`;
  }
  return `${Number((count / 1e3).toPrecision(3))} kB`;
}
