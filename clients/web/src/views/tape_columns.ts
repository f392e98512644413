// The columns of the tape: the usual ones, and any field of the events.
import { isObject, jsonText, type BridgeEvent, type Json } from '../feed/index.js';
import { fieldReader } from '../model/rule.js';
import { numberOf } from '../model/values.js';
import type { ColumnChoice } from '../ui/column_menu.js';
import { setName, setText, setTitle } from '../ui/dom.js';
import { compact, dateTime, digits, full, when } from '../ui/format.js';
import { eventSummary } from '../ui/summary.js';

export interface TapeColumn {
  name: string;
  title: string;
  width: string;
  numeric?: boolean;
  fill(cell: HTMLElement, event: BridgeEvent): void;
}

const textMax = 200;
const who = ({ source, data }: BridgeEvent) =>
  [source, typeof data.agent_id === 'string' ? data.agent_id : undefined].filter(Boolean).join('/');

const known: TapeColumn[] = [
  { name: 'seq', title: 'Number', width: '5.5rem', numeric: true, fill: (cell, { seq }) => setText(cell, full(seq)) },
  { name: 'time', title: 'Time', width: '8.4rem', fill: fillTime('timestamp') },
  { name: 'sent', title: 'Sent', width: '8.4rem', fill: fillTime('source_timestamp') },
  { name: 'type', title: 'Type', width: '10rem', fill: (cell, { type }) => setText(cell, type) },
  { name: 'who', title: 'Who', width: '12rem', fill: (cell, event) => setName(cell, who(event), 23) },
  { name: 'source', title: 'Source', width: '8rem', fill: (cell, { source }) => setName(cell, source ?? '', 30) },
  { name: 'run', title: 'Run', width: '6rem', fill: (cell, { run }) => setName(cell, run ?? '', 30) },
  { name: 'agent_id', title: 'Agent', width: '7rem', fill: fillField('agent_id') },
  { name: 'item', title: 'Item', width: '9rem', fill: fillField('item') },
  { name: 'price', title: 'Price', width: '6rem', numeric: true, fill: fillField('price') },
  { name: 'quantity', title: 'Quantity', width: '6rem', numeric: true, fill: fillField('quantity') },
  { name: 'profit', title: 'Profit', width: '6rem', numeric: true, fill: fillField('profit') },
  { name: 'what', title: 'What', width: 'minmax(14rem, 1fr)', fill: (cell, event) => setText(cell, eventSummary(event)) },
];
export const usualColumns: readonly string[] = ['seq', 'time', 'type', 'who', 'what'];
const columnsMax = 24;

/** By name; one that is not known is a field of the event. */
export function columnsOf(names: readonly string[]): TapeColumn[] {
  const wanted = names.length === 0 ? usualColumns : [...new Set(names)].slice(0, columnsMax);
  return wanted.filter((name) => name !== '').map((name) => known.find((column) => column.name === name) ??
    { name, title: name, width: '8rem', fill: fillField(name) });
}

/** What can be chosen: the known ones, and the fields that some events have. */
export function columnChoices(events: readonly BridgeEvent[], chosen: readonly string[]): ColumnChoice[] {
  const fields = new Map<string, number>(chosen.map((name) => [name, 0]));
  for (const { data } of events) for (const name of Object.keys(data)) fields.set(name, (fields.get(name) ?? 0) + 1);
  const own = known.map(({ name, title }) => ({ id: name, name: title, what: 'events', count: fields.get(name) || events.length }));
  const others = [...fields].filter(([name]) => !known.some((column) => column.name === name))
    .sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }))
    .map(([name, count]) => ({ id: name, name, what: 'events', count }));
  return [...own, ...others];
}

function fillTime(field: 'timestamp' | 'source_timestamp') {
  return (cell: HTMLElement, event: BridgeEvent) => {
    const seconds = numberOf(event[field]);
    setText(cell, seconds === undefined ? '' : when(seconds));
    setTitle(cell, seconds === undefined ? undefined : dateTime(seconds));
  };
}

function fillField(field: string) {
  const read = fieldReader(field);
  return (cell: HTMLElement, event: BridgeEvent) => {
    const value = read(event);
    if (typeof value === 'string') return setName(cell, value, 40);
    const { text, whole } = shortOf(value);
    setText(cell, text);
    setTitle(cell, whole === text ? undefined : whole);
  };
}

function shortOf(value: Json | undefined): { text: string; whole: string } {
  if (value === undefined) return { text: '', whole: '' };
  if (typeof value === 'bigint') return { text: compact(Number(value)), whole: full(value) };
  if (typeof value === 'number') return { text: Number.isInteger(value) ? compact(value) : digits(value), whole: String(value) };
  if (value === null) return { text: 'null', whole: 'null: no number, or nothing' };
  const whole = isObject(value) || Array.isArray(value) ? jsonText(value).slice(0, textMax) : String(value);
  return { text: whole, whole };
}
