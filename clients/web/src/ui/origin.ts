// Since when a number counts, and from where, in a sentence for whoever points at it.
import type { Origin } from '../past/origin.js';
import { dateTime, full } from './format.js';

export { dateTime as momentText };

export function originText(origin: Origin | undefined): string {
  if (origin === undefined) return 'Not known yet: the bridge has not answered.';
  const { since_s, since_seq, at, inMemory, missed, complete, live } = origin;
  const from = inMemory ? "the bridge's memory" : "the bridge's journal";
  const since = since_s === undefined ? 'Since the first event' :
    `Since ${dateTime(since_s)}${since_seq === undefined ? '' : ` (event ${full(since_seq)})`}`;
  return [
    `${since}, from ${from} up to event ${full(at.seq)}${live ? ', and live from there.' : '.'}`,
    missed > 0 ? `${full(missed)} events before that were not counted: nobody has them any more.` : '',
    complete ? '' : 'Not all runs: the answer was cut at 4 MiB.',
  ].filter(Boolean).join(' ');
}
