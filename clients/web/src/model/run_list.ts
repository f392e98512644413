// What the runs' table shows of all runs: which, in which order, in which groups; and what differs between some.
// Nothing here knows of the page.
import { jsonText, type Json, type JsonObject } from '../feed/index.js';
import { collator, compareValues, rank, type CellValue } from './order.js';
import type { Run } from './runs.js';
import { numberOf, wordsOf } from './values.js';

/** What has a value in each run: `name`, `steps`, ..., `config:KEY`, `metric:TAG`. */
export interface ListColumn {
  id: string;
  value(run: Run): CellValue;
}

export interface ListWish {
  /** A regular expression, in any case. */
  find: string;
  /** A column's id, with `-` in front the other way round. */
  sort: string;
  /** A key of config; empty: no groups. */
  group: string;
  hidden: boolean;
}

export interface Group {
  key: string;
  runs: Run[];
}

export interface RunList {
  groups: Group[];
  /** Runs that are shown. */
  count: number;
  /** Why `find` cannot be read; empty: it can. */
  problem: string;
}

const keysMax = 256; // of one config
const depthMax = 6;
const searchedMax = 4096; // characters of a run
const flat = new WeakMap<JsonObject, Map<string, Json>>();

/** The members of a config by `outer.inner`; lists and what is deeper stay as they are. */
export function flatConfig(config: JsonObject): Map<string, Json> {
  let found = flat.get(config);
  if (found === undefined) {
    found = new Map();
    collect(config, '', 1, found);
    flat.set(config, found);
  }
  return found;
}

function collect(from: JsonObject, prefix: string, depth: number, into: Map<string, Json>): void {
  for (const [key, value] of Object.entries(from)) {
    if (into.size >= keysMax) return;
    const inner = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (inner && depth < depthMax && Object.keys(value).length > 0) collect(value, `${prefix}${key}.`, depth + 1, into);
    else into.set(prefix + key, value);
  }
}

/** A value of a config as one reads it: text without quotes. */
export function configText(value: Json | undefined): string {
  return value === undefined ? '' : typeof value === 'string' ? value : jsonText(value);
}

export function configColumn(key: string): ListColumn {
  return {
    id: `config:${key}`,
    value: ({ config }) => {
      const value = flatConfig(config).get(key);
      return value === undefined ? undefined : numberOf(value) ?? configText(value);
    },
  };
}

export function metricColumn(tag: string): ListColumn {
  return { id: `metric:${tag}`, value: ({ metrics }) => (Object.hasOwn(metrics, tag) ? metrics[tag] : undefined) };
}

/** How many runs have each key of config, and each tag; keys in numeric order. */
export function keysSeen(runs: Iterable<Run>): { config: [string, number][]; metrics: [string, number][] } {
  const config = new Map<string, number>();
  const metrics = new Map<string, number>();
  for (const run of runs) {
    for (const key of flatConfig(run.config).keys()) config.set(key, (config.get(key) ?? 0) + 1);
    for (const tag of Object.keys(run.metrics)) metrics.set(tag, (metrics.get(tag) ?? 0) + 1);
  }
  const sorted = (found: Map<string, number>) => [...found].sort(([a], [b]) => collator.compare(a, b));
  return { config: sorted(config), metrics: sorted(metrics) };
}

export function reader(find: string): { test: (text: string) => boolean; problem: string } {
  if (find === '') return { test: () => true, problem: '' };
  try {
    const expression = new RegExp(find, 'imu');
    return { test: (text) => expression.test(text), problem: '' };
  } catch {
    try {
      const expression = new RegExp(find, 'im'); // what needs no `u`, such as \-
      return { test: (text) => expression.test(text), problem: '' };
    } catch (error) {
      return { test: () => true, problem: wordsOf(error) };
    }
  }
}

/** What a search looks through: ^ and $ are the ends of each line. */
function searched(run: Run): string {
  return `${run.run_id}\n${run.name}\n${run.state}\n${run.tags.join(' ')}\n${run.note}\n${run.error}`.slice(0, searchedMax);
}

/**
 * Without those that only say what their agents' rows say too: runs as a whole that have agents, and no curves of
 * their own but those of the machine.
 */
export function tellingRuns(runs: ReadonlyMap<string, Run>): Run[] {
  const all = [...runs.values()];
  const withAgents = new Set(all.flatMap(({ source, run, agent }) => (agent === '' ? [] : [`${source}@${run}`])));
  return all.filter(({ run_id, agent, metrics }) =>
    agent !== '' || !withAgents.has(run_id) || Object.keys(metrics).some((tag) => !tag.startsWith('system/')));
}

/**
 * Those that ran between these times, seconds since 1970, as they were at the end of it. How far one that went on
 * behind that had come is not known here.
 */
export function runsBetween(runs: readonly Run[], from: number | undefined, to: number | undefined): Run[] {
  return runs.flatMap((run) => {
    const end = run.state === 'running' ? Infinity : run.ended ?? run.last_event;
    if ((to !== undefined && run.started > to) || (from !== undefined && end < from)) return [];
    if (to === undefined || end <= to) return [run];
    return [{ ...run, state: 'running', ended: undefined, error: '', last_event: Math.min(run.last_event, to),
              ...(run.last_event > to && { steps: undefined, reward: undefined, metrics: {} }) }];
  });
}

/** Those that began last first, and of those that began at once agent_2 before agent_10: the same in every tab. */
export function newestFirst(a: Run, b: Run): number {
  return b.started - a.started || collator.compare(a.run_id, b.run_id) || (a.run_id < b.run_id ? -1 : 1);
}

export function listRuns(runs: Iterable<Run>, wish: ListWish, columns: readonly ListColumn[]): RunList {
  const { test, problem } = reader(wish.find);
  const shown: Run[] = [];
  for (const run of runs) if ((wish.hidden || !run.hidden) && test(searched(run))) shown.push(run);
  const down = wish.sort.startsWith('-');
  const column = columns.find(({ id }) => id === wish.sort.slice(down ? 1 : 0));
  const keyed = shown.map((run) => ({ run, value: column?.value(run) }));
  const sign = down ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.run.pinned !== b.run.pinned) return a.run.pinned ? -1 : 1;
    const order = rank(a.value) !== rank(b.value)
      ? rank(a.value) - rank(b.value) // nothing is last either way
      : sign * compareValues(a.value, b.value);
    return order || newestFirst(a.run, b.run);
  });
  return { groups: inGroups(keyed.map(({ run }) => run), wish.group), count: shown.length, problem };
}

// In order of the key's value; within a group as they came.
function inGroups(runs: Run[], key: string): Group[] {
  if (key === '') return [{ key: '', runs }];
  const { value } = configColumn(key);
  const groups = new Map<CellValue, Run[]>();
  for (const run of runs) {
    const of = value(run);
    const group = groups.get(of);
    if (group === undefined) groups.set(of, [run]);
    else group.push(run);
  }
  return [...groups].sort(([a], [b]) => compareValues(a, b))
    .map(([of, list]) => ({ key: of === undefined ? `no ${key}` : `${key} = ${of}`, runs: list }));
}

export interface Difference {
  key: string;
  values: (Json | undefined)[];
  differs: boolean;
}

/** All keys of the runs' configs: first those in which they differ. */
export function configDiff(runs: readonly Run[]): Difference[] {
  const keys = new Set(runs.flatMap(({ config }) => [...flatConfig(config).keys()]));
  return [...keys].sort(collator.compare).map((key) => {
    const values = runs.map(({ config }) => flatConfig(config).get(key));
    const texts = values.map((value) => (value === undefined ? undefined : jsonText(value)));
    return { key, values, differs: texts.some((text) => text !== texts[0]) };
  }).sort((a, b) => Number(b.differs) - Number(a.differs));
}

/** The last value of every curve that one of the runs has, in order of their names. NaN: it is no number. */
export function metricDiff(runs: readonly Run[]): { tag: string; values: (number | undefined)[]; differs: boolean }[] {
  const tags = new Set(runs.flatMap(({ metrics }) => Object.keys(metrics)));
  return [...tags].sort(collator.compare).map((tag) => {
    const values = runs.map(({ metrics }) => (Object.hasOwn(metrics, tag) ? metrics[tag] ?? NaN : undefined));
    return { tag, values, differs: values.some((value) => !Object.is(value, values[0])) };
  });
}
