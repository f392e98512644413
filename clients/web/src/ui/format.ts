// Numbers and times as people of the game read them.
import type { Json } from '../feed/index.js';

const units: [number, string][] = [[1e12, 't'], [1e9, 'b'], [1e6, 'm'], [1e3, 'k']];
const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
export const dash = '–';
/** A sum that no double can hold. */
export const tooLarge = 'too large';

/** 1.67m, 100k, 9,999; the sign of what is below zero is a real minus. */
export function compact(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '';
  if (Number.isNaN(size)) return tooLarge;
  if (size >= 1e15) return digits(value);
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

/** Every digit, in groups; those that a double does not have are not made up. */
export function full(value: number | bigint): string {
  if (Number.isNaN(value)) return 'more than a number of 64 bits can hold';
  if (typeof value === 'number' && Math.abs(value) >= 1e21) return value.toString().replace('-', '−');
  return grouped.format(value).replace('-', '−');
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

// What has no picture of its own, or moves what stands around it: control characters (a line break and a tab
// may stay), embeddings and overrides of the direction, separators and marks without width, tags. FSI and PDI
// are left, which outside() writes.
const unseen = /[\0-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2067\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\u{e0000}-\u{e0fff}\ud800-\udfff]/gu;
const isolates = /[\u2068\u2069]/g;
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

function pictured(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  if (code >= 0xd800 && code < 0xe000) return '\ufffd';
  return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`;
}

/** A text as it can be shown without harm: what cannot be seen is made visible. */
export function visible(text: string): string {
  return text.replace(unseen, pictured);
}

/** The same for a text from outside within a sentence: its direction ends with it. */
export function outside(text: string): string {
  const shown = visible(text).replace(isolates, pictured);
  return rightToLeft.test(shown) ? `\u2068${shown}\u2069` : shown;
}

/** A long name, cut in the middle: names mostly differ at their ends. */
export function nameText(name: string, charactersMax = 40): string {
  if (name.length <= charactersMax) return name;
  const characters = [...name];
  if (characters.length <= charactersMax) return name;
  const end = Math.floor((charactersMax - 1) / 2);
  return `${characters.slice(0, charactersMax - 1 - end).join('')}…${characters.slice(-end).join('')}`;
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const dayAndTime = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });
const yearAndDay = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
const halfYear_s = 182 * 86_400;

/** A date and a time with its zone, as the reader writes them. */
export function dateTime(seconds: number): string {
  return Math.abs(seconds) < 8e12 ? moment.format(seconds * 1000) : String(seconds);
}

const dayAndSecond = new Intl.DateTimeFormat(undefined, {
  day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit',
});

/** The time to the millisecond; of another day than today the day and the second. */
export function when(seconds: number): string {
  const today = new Date().setHours(0, 0, 0, 0) / 1000;
  if (seconds >= today && seconds < today + 86_400) return timeWithMillis(seconds);
  return Math.abs(seconds) < 8e12 ? dayAndSecond.format(seconds * 1000) : String(seconds);
}

/** In short: the day and the minute, or of long ago the year and the day. */
export function shortDate(seconds: number): string {
  if (!Number.isFinite(seconds) || Math.abs(seconds) > 8e12) return String(seconds);
  const old = Math.abs(Date.now() / 1000 - seconds) > halfYear_s;
  return (old ? yearAndDay : dayAndTime).format(seconds * 1000);
}
