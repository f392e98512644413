// What was commanded, by whom, and what came of it: as the bridge tells everybody (`command_executed`).
import { jsonText, type BridgeEvent, type Json, type JsonObject, type Position } from '../feed/index.js';
import type { Ask } from '../past/ask.js';
import type { Part, Past } from '../past/backfill.js';
import { positionOf } from '../past/origin.js';
import { eventsOf, numberOf, textOf } from './values.js';

export interface CommandTold {
  seq: number;
  time_s: number;
  command: string;
  target: string;
  trainer: string;
  by: string;
  outcome: string;
  message: string;
  elapsed_ms: number | undefined;
  params: Json | undefined;
  params_bytes: number | undefined;
}

const type = 'command_executed';
const page = 200;
const toldMax = 2000;

export class Commands implements Part {
  readonly name = 'commands';
  readonly optional = true;
  /** The newest first. */
  told: CommandTold[] = [];
  /** Whether there may be older ones. */
  more = true;
  version = 0;
  private asking = false;
  private generation = 0;
  private looked = false;

  /** Only where it is: what was before takes a search of the journal, for who looks at it. */
  async fill({ ask }: Past): Promise<Position> {
    const answer = await ask('get_snapshot');
    ++this.generation;
    this.told = [];
    this.more = true;
    this.looked = false;
    ++this.version;
    return positionOf(answer);
  }

  /** Call as long as somebody looks. */
  look(ask: Ask, changed: () => void): void {
    if (this.looked) return;
    this.looked = true;
    void this.lookOlder(ask).catch(() => {}).finally(changed);
  }

  apply(event: BridgeEvent): void {
    if (event.type !== type || event.source !== 'ppo-bridge') return;
    this.told.unshift(toldBy(event));
    if (this.told.length > toldMax) this.told.pop();
    ++this.version;
  }

  async lookOlder(ask: Ask): Promise<void> {
    if (this.asking || !this.more) return;
    this.asking = true;
    const { generation } = this;
    const before = this.told[this.told.length - 1]?.seq;
    try {
      const answer = await ask('get_recent_events', { type, count: page, ...(before !== undefined && { before_seq: before }) });
      if (generation !== this.generation) return;
      const first = this.told[this.told.length - 1]?.seq ?? Infinity; // some came meanwhile
      const older = told(answer).filter(({ seq }) => seq < first);
      this.told = [...this.told, ...older].slice(0, toldMax);
      this.more = answer.more === true && this.told.length < toldMax;
      ++this.version;
    } finally {
      this.asking = false;
    }
  }
}

function told(answer: JsonObject): CommandTold[] {
  return eventsOf(answer).filter(({ source }) => source === 'ppo-bridge').map(toldBy).reverse();
}

function toldBy({ seq, timestamp, data }: BridgeEvent): CommandTold {
  return {
    seq, time_s: timestamp, command: textOf(data.command) ?? '', target: textOf(data.target) ?? '', trainer: textOf(data.trainer) ?? '',
    by: whoDid(data), outcome: textOf(data.outcome) ?? '', message: textOf(data.message) ?? '',
    elapsed_ms: numberOf(data.elapsed_ms), params: data.params, params_bytes: numberOf(data.params_bytes),
  };
}

/** Who did something: who that is, where one has to say so, and what the client calls itself. */
export function whoDid({ client_id, identity }: JsonObject): string {
  const called = textOf(client_id) ?? '';
  const known = textOf(identity);
  return known === undefined ? called : called === '' ? known : `${known} (${called})`;
}

/** What was asked for, as one reads it: "learning_rate = 0.001". */
export function paramsText(params: JsonObject): string {
  const { name, value, ...others } = params;
  if (textOf(name) !== undefined && value !== undefined) return `${String(name)} = ${plain(value)}`;
  return Object.entries(others).map(([key, one]) => `${key} = ${plain(one)}`).join(', ');
}

function plain(value: Json): string {
  return typeof value === 'object' ? jsonText(value) : String(value);
}

/** What an outcome means for whoever wants to know whether it was done. */
export function outcomeText(outcome: string, message: string): { state: 'ok' | 'bad' | 'unknown'; text: string } {
  const because = message === '' ? '' : `: ${message}`;
  switch (outcome) {
    case 'success':
      return { state: 'ok', text: 'done' };
    case 'unknown_outcome':
      return { state: 'unknown', text: `nobody knows: the trainer restarted or went while it had the command, which may have been done${because}` };
    case 'timeout':
      return { state: 'unknown', text: `no answer in time: it may have been done all the same${because}` };
    case 'disconnected':
      return { state: 'unknown', text: `the connection was lost before the answer: it may have been done${because}` };
    case 'rejected':
      return { state: 'bad', text: `refused by the trainer, not done${because}` };
    case 'unknown_target': case 'ambiguous_target': case 'busy': case 'not_connected': case 'rate_limited':
      return { state: 'bad', text: `${outcome}, surely not done${because}` };
    default:
      return { state: 'bad', text: `${outcome}${because}` };
  }
}
