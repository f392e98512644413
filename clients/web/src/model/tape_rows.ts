// The rows of the tape: events, and what stands between them.
import type { BridgeEvent, Gap, Json } from '../feed/index.js';

const envelopeBytes = 90;
const markBytes = 200;

/** What stands in the tape beside events. */
export interface Mark {
  seq: number; // between those of the events around it
  timestamp: number;
  mark: 'gap' | 'epoch';
  text: string;
}
export type Row = BridgeEvent | Mark;

export function isMark(row: Row): row is Mark {
  return 'mark' in row;
}

/** How long a row's text is, about. */
export function bytesOf(row: Row): number {
  return isMark(row) ? markBytes : envelopeBytes + sizeOf(row.data);
}

function sizeOf(value: Json): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  let sum = 2;
  if (Array.isArray(value)) for (const entry of value) sum += sizeOf(entry) + 1;
  else for (const key in value) sum += key.length + 4 + sizeOf(value[key]!);
  return sum;
}

export function gapText({ reason, from_seq, to_seq, source, run, from_source_seq, to_source_seq }: Gap): string {
  if (source !== undefined) {
    return `Events ${from_source_seq} to ${to_source_seq} of ${source}${run === undefined ? '' : `@${run}`} are lost (${reason})`;
  }
  return `Events ${from_seq} to ${to_seq} are missing here (${reason})`;
}
