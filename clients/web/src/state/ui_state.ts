// What a person looks at, as plain values: all of it is in the URL, so that a link shows somebody else
// the same thing, and "back" goes to what was there before. What is as usual is left out of the text.

/** A value of the state: how it is written into the URL, and read from it whatever stands there. */
interface Field<T> {
  usual: T;
  read(text: string): T | undefined;
  write(value: T): string;
}

const textMax = 512;
const listMax = 64;
/** A longer address is cut off by some programs on its way. */
export const addressMax = 8000;

function text(): Field<string> {
  return { usual: '', read: (value) => value.slice(0, textMax), write: (value) => value.slice(0, textMax) };
}

function list(): Field<readonly string[]> {
  return {
    usual: [],
    read: (value) => value.split(',').slice(0, listMax).map(decodeURIComponent),
    write: (value) => value.slice(0, listMax).map(encodeURIComponent).join(','),
  };
}

function number(min: number, max: number): Field<number | undefined> {
  return {
    usual: undefined,
    read(value) {
      const read = Number(value);
      return value.trim() !== '' && read >= min && read <= max ? read : undefined;
    },
    write: (value) => String(value),
  };
}

function oneOf<T extends string>(...values: readonly [T, ...T[]]): Field<T> {
  return { usual: values[0], read: (value) => values.find((known) => known === value), write: (value) => value };
}

const flag: Field<boolean> = { usual: false, read: (value) => value === '1', write: () => '1' };

// A view that has something to remember adds its row here.
const fields = {
  /** Chosen runs, by `run_id`, for all views; none: the newest ones. */
  runs: list(),
  /** The stretch of wall time that all views show, seconds since 1970; without `to` up to now and live. */
  from: number(0, 1e11),
  to: number(0, 1e11),
  /** In place of `from`: so many seconds before now. Views read `from` (resolve()). */
  last: number(1, 1e9),
  /** A moment within the stretch: everything as it was then. Views read it as `to`. */
  at: number(0, 1e11),
  /** Of curves: what they are over, and the part of it that is zoomed into. */
  x: oneOf('step', 'relative', 'time'),
  x0: number(-1e18, 1e18),
  x1: number(-1e18, 1e18),
  smooth: number(0, 0.999),
  log: flag,
  /** The lowest and highest of a stretch as an area. */
  band: flag,
  /** The axis of values is fitted to most of them; the few that lie far out are cut off. */
  inner: flag,
  /** Search among the tags of curves, those that stand first, and groups of them that are closed. */
  tags: text(),
  pins: list(),
  closed: list(),
  /** Chosen runs whose curves are not drawn. */
  off: list(),
  /** The run whose details are open, or `compare`. */
  run: text(),
  /** The runs' table: a regular expression, the config key that it is grouped by, columns, order. */
  find: text(),
  group: text(),
  columns: list(),
  sort: text(),
  hidden: flag,
  /** The market: a part of an item's or source's name, the open item as SOURCE/ITEM, how long a candle is, what rows stand by. */
  look: text(),
  order: text(),
  item: text(),
  candle: oneOf('1m', '5m', '1h', '1d'),
  /** The part of its time that is zoomed into. */
  m0: number(0, 1e11),
  m1: number(0, 1e11),
  /** The tape's filter, in the language of alerts, and the event that is open: its number, and of which numbering that is. */
  filter: text(),
  seq: number(1, Number.MAX_SAFE_INTEGER),
  epoch: text(),
  /** Its columns: the known ones, or fields of events. */
  cols: list(),
} as const;

type Values = { -readonly [K in keyof typeof fields]: (typeof fields)[K]['usual'] };

export interface UiState extends Values {
  view: string;
}

const names = Object.keys(fields) as (keyof Values)[];

export function usualState(view: string): UiState {
  return Object.assign({ view }, ...names.map((name) => ({ [name]: fields[name].usual })));
}

// A stretch that ends now moves on in steps of a tenth of its length, so that what is asked for it stays.
const stepShare = 0.1;

/**
 * The state as views read it: the beginning of a stretch that ends now, and as its end the moment that is
 * looked at. `before`: what it was until now.
 */
export function resolve(state: UiState, now_s: number, playing: boolean, before?: UiState): UiState {
  const resolved = { ...state };
  if (state.last !== undefined) {
    const from = now_s - state.last;
    const same = before?.last === state.last && before.from !== undefined &&
      Math.abs(from - before.from) < stepShare * state.last;
    resolved.from = same ? before.from : Math.floor(from);
  }
  if (state.at !== undefined && !playing) resolved.to = state.at;
  return resolved;
}

/** `#/training?x=time`. What cannot be read is as usual; unknown names are passed over. */
export function parseState(hash: string, views: readonly string[]): UiState {
  const [path = '', query = ''] = hash.slice(0, addressMax).replace(/^#?\/?/, '').split('?', 2);
  const state = usualState(views.includes(path) ? path : views[0]!);
  for (const [name, value] of new URLSearchParams(query)) {
    if (!Object.hasOwn(fields, name)) continue;
    let read: unknown;
    try {
      read = fields[name as keyof Values].read(value);
    } catch {
      continue; // a broken escape
    }
    if (read !== undefined) Object.assign(state, { [name]: read });
  }
  return state;
}

export function formatState(state: UiState): string {
  const query = new URLSearchParams();
  for (const name of names) {
    const field = fields[name] as Field<unknown>;
    const value = state[name];
    const usual = value === undefined || value === field.usual || (Array.isArray(value) && value.length === 0);
    if (!usual) query.set(name, field.write(value));
  }
  const text = query.toString();
  return `#/${state.view}${text === '' ? '' : `?${text}`}`;
}
