// What stands beside the ticks of an axis: as short as can be while neighbours still differ.
import { compact, digits, full, time } from './format.js';

export type AxisKind = 'time' | 'relative' | 'steps' | 'gold' | 'plain';

const day_s = 86_400;
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

/** Distances between ticks of a time axis that people count in, seconds. */
export const timeSteps = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
  14_400, 21_600, 43_200, ...[1, 2, 7, 14, 30, 60, 180, 365, 730, 1825, 3650].map((days) => days * day_s),
];

/** Distances between ticks of an axis of steps: there is none between two steps. */
export const stepDistances = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((part) => part * 10 ** power)).flat();

/** Of a logarithmic axis: powers of ten, with what lies between where there is room for `ticksMax`. */
export function logTicks(low: number, high: number, ticksMax: number): number[] {
  const decades = Math.log10(high / low);
  if (!(decades > 0)) return [low];
  const within = (tick: number) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9);
  if (decades < 1) {
    // So little of a decade is nearly linear.
    const rough = (high - low) / Math.max(1, ticksMax);
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = unit * ([1, 2, 5].find((one) => one * unit >= rough) ?? 10);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  }
  const every = Math.max(1, Math.ceil(decades / Math.max(1, ticksMax)));
  const parts = decades * 3 <= ticksMax ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); ++power) {
    if (power % every === 0) for (const part of parts) ticks.push(Number(`${part}e${power}`));
  }
  return ticks.filter(within);
}

export function tickTexts(kind: AxisKind, ticks: readonly (number | null)[]): string[] {
  const shown = ticks.filter((tick): tick is number => tick !== null);
  if (kind === 'time') return timeTexts(ticks, shown);
  // Three digits where they say it: no more than a hair beside the tick.
  const apart = shown.length > 1 ? Math.abs(shown[1]! - shown[0]!) : Infinity;
  const rounds = shown.every((tick) => Math.abs(Number(tick.toPrecision(3)) - tick) <= apart / 50);
  // All alike: as fractions, or all with an exponent.
  const tiny = shown.some((tick) => tick !== 0 && Math.abs(tick) < 1e-4);
  const plain = (value: number) => (Math.abs(value) >= 10_000 && Math.abs(value) < 1e15 ? compact(value)
    : tiny || Math.abs(value) >= 1e15 ? digits(value) : short(value));
  const format = kind === 'relative' ? elapsed : rounds ? (kind === 'plain' ? plain : compact) : inUnits(shown, apart) ?? exact;
  return ticks.map((tick) => (tick === null ? '' : format(tick)));
}

function timeTexts(ticks: readonly (number | null)[], shown: number[]): string[] {
  const apart = shown.length > 1 ? shown[1]! - shown[0]! : 1;
  let before = '';
  return ticks.map((tick) => {
    if (tick === null) return '';
    const today = date.format(tick * 1000);
    if (apart >= day_s / 2) return today;
    const clock = apart >= 60 ? time(tick).slice(0, 5) : apart >= 1 ? time(tick)
      : `${time(tick)}.${String(Math.round((tick - Math.floor(tick)) * 1000)).padStart(3, '0')}`;
    const newDay = before !== '' && before !== today;
    before = today;
    return newDay ? `${today} ${clock}` : clock;
  });
}

function short(value: number): string {
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 1000 ? full(rounded) : String(rounded).replace('-', '−');
}

// In millions with two places more, say, where that tells them apart: every digit would not fit beside an axis.
function inUnits(shown: readonly number[], apart: number): ((value: number) => string) | undefined {
  const most = Math.max(...shown.map(Math.abs));
  const [unit, name] = most >= 1e9 ? [1e9, 'b'] : most >= 1e6 ? [1e6, 'm'] : [1e3, 'k'];
  const parts = (value: number) => Number((value / unit).toPrecision(5));
  if (most < 1e4 || most >= 1e12 || !shown.every((tick) => Math.abs(parts(tick) * unit - tick) <= apart / 50)) return undefined;
  return (value) => `${parts(value)}${value === 0 ? '' : name}`.replace('-', '−');
}

function exact(value: number): string {
  const size = Math.abs(value);
  if (size < 1e15 && (size >= 1e4 || (size >= 1e3 && Number.isInteger(value)))) return full(Number(value.toPrecision(15)));
  return String(Number(value.toPrecision(15))).replace('-', '−').replace(/e−/, 'e-');
}

/** 1:05:00 since the start; with what is below a second where there is any. */
export function elapsed(seconds: number): string {
  const size = Math.abs(seconds);
  const whole = Math.floor(size + 1e-9);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (part: number) => String(part).padStart(2, '0');
  const rest = size - whole > 1e-6 ? (size - whole).toFixed(3).slice(1).replace(/0+$/, '') : '';
  return `${seconds < 0 ? '−' : ''}${h > 0 ? `${h}:${two(m)}` : m}:${two(s)}${rest}`;
}

/** A place on the x axis, with every digit. */
export function placeText(kind: AxisKind, x: number): string {
  if (kind === 'time') return dateTime.format(x * 1000);
  return kind === 'relative' ? `${elapsed(x)} after the start` : `step ${full(x)}`;
}
