// Trades added up for each run and agent: the bridge's answer, and the events behind it, by the same rules
// (PROTOCOL section 8). So every page has the same numbers, whenever it was opened.
import type { BridgeEvent, Json, JsonObject, Position, WallSeconds } from '../feed/index.js';
import type { Part, Past } from '../past/backfill.js';
import { originOf, type Origin } from '../past/origin.js';
import { BoundedMap, listOf, numberOf, objectOf, textOf } from './values.js';

const talliesMax = 20_000;
const agentIdBytesMax = 256;

export interface Tally {
  run_id: string;
  source: string;
  run: string;
  agent: string;
  trades: number;
  wins: number;
  /** Trades that realised something: a profit that is not 0, or a sale. */
  closed: number;
  /** Nothing where a double cannot hold it. */
  profit: Sum;
  volume: Sum;
  value: Json | undefined;
}

export interface Tallied {
  trades: number;
  wins: number;
  closed: number;
  profit: number | undefined;
  volume: number | undefined;
  value: Json | undefined;
}

/** Neumaier's sum: what is rounded off is kept beside it. Once it is too large for a double it stays so. */
export class Sum {
  private sum: number | undefined;
  private rest = 0;

  /** `start`: nothing where it was too large already. */
  constructor(start: number | undefined) {
    this.sum = start;
  }

  add(x: number): void {
    if (this.sum === undefined) return;
    const t = this.sum + x;
    this.rest += Math.abs(this.sum) >= Math.abs(x) ? this.sum - t + x : x - t + this.sum;
    this.sum = Number.isFinite(t) ? t : undefined;
  }

  get total(): number | undefined {
    return this.since(undefined);
  }

  /** What was added since it was `then`. */
  since(then: Sum | undefined): number | undefined {
    if (this.sum === undefined || (then !== undefined && then.sum === undefined)) return undefined;
    return this.sum - (then?.sum ?? 0) + (this.rest - (then?.rest ?? 0));
  }
}

export function runId(source: string, run: string, agent: string): string {
  return `${source}@${run}${agent === '' ? '' : `/${agent}`}`;
}

/** Whose event it is; empty: the run's as a whole. */
export function agentOf(data: JsonObject): string {
  const agent = textOf(data.agent_id) ?? '';
  const short = agent.length * 3 <= agentIdBytesMax || new TextEncoder().encode(agent).length <= agentIdBytesMax;
  return short ? agent : '';
}

export class Tallies implements Part {
  readonly name = 'tallies';
  all = new BoundedMap<Tally>(talliesMax);
  /** As of the beginning of the stretch that is shown: what it has is not counted. Nothing: all counts. */
  before: Tallies | undefined;
  private answered: Origin | undefined;
  version = 0;
  /** The answer that was asked for last. */
  filled: Promise<unknown> = Promise.resolve();

  async fill({ ask, asOf }: Past): Promise<Position> {
    const answer = ask('get_tallies');
    this.filled = answer;
    const told = await answer;
    this.take(told);
    this.answered = { ...originOf(told), live: asOf === undefined };
    return this.answered.at;
  }

  /** The first event that the bridge counts. */
  get first_s(): WallSeconds | undefined {
    return this.answered?.since_s;
  }

  /** Since when and from where; nothing before the first answer. */
  get origin(): Origin | undefined {
    const begin = this.before?.answered;
    return this.answered && { ...this.answered, ...(begin && { since_s: begin.since_s, since_seq: begin.at.seq + 1 }) };
  }

  /** What a run did in the stretch that is shown; its value is that at the end. Nothing of an unknown run. */
  of(run_id: string): Tallied | undefined {
    const now = this.all.get(run_id);
    const then = this.before?.all.get(run_id);
    if (now === undefined) return undefined;
    return {
      trades: now.trades - (then?.trades ?? 0), wins: now.wins - (then?.wins ?? 0),
      closed: now.closed - (then?.closed ?? 0), profit: now.profit.since(then?.profit),
      volume: now.volume.since(then?.volume), value: now.value,
    };
  }

  /** It is what was at the beginning of a stretch; `begin_s`: when that was. */
  static async asOf(past: Past, begin_s: WallSeconds): Promise<Tallies> {
    const tallies = new Tallies();
    await tallies.fill(past);
    tallies.answered!.since_s = begin_s;
    return tallies;
  }

  private take(answer: JsonObject): void {
    this.all = new BoundedMap<Tally>(talliesMax);
    for (const entry of listOf(answer.tallies).map(objectOf)) {
      const tally = this.get(textOf(entry.source) ?? '', textOf(entry.run) ?? '', textOf(entry.agent_id) ?? '');
      tally.trades = numberOf(entry.trades) ?? 0;
      tally.wins = numberOf(entry.wins) ?? 0;
      tally.closed = numberOf(entry.closed) ?? 0;
      tally.profit = new Sum(numberOf(entry.profit));
      tally.volume = new Sum(numberOf(entry.volume));
      tally.value = entry.value ?? undefined;
    }
    ++this.version;
  }

  apply({ type, source, run, data }: BridgeEvent): void {
    if ((type !== 'trade_executed' && type !== 'portfolio_update') || source === undefined) return;
    ++this.version;
    const tally = this.get(source, run ?? '', agentOf(data));
    if (type === 'trade_executed') addTrade(tally, data);
    else if (numberOf(data.total_value) !== undefined) tally.value = data.total_value;
  }

  private get(source: string, run: string, agent: string): Tally {
    const id = runId(source, run, agent);
    let tally = this.all.get(id);
    if (tally === undefined) {
      tally = { run_id: id, source, run, agent, trades: 0, wins: 0, closed: 0, profit: new Sum(0), volume: new Sum(0),
                value: undefined };
      this.all.set(id, tally);
    }
    return tally;
  }
}

function addTrade(tally: Tally, data: JsonObject): void {
  ++tally.trades;
  const profit = numberOf(data.profit) ?? 0;
  if (profit !== 0) tally.profit.add(profit);
  if (profit > 0) ++tally.wins;
  const { action_type: action } = data;
  if (profit !== 0 || (typeof action === 'string' && /^sell/i.test(action))) ++tally.closed;
  const moved = numberOf(data.total_value) ?? (numberOf(data.price) ?? 0) * (numberOf(data.quantity) ?? 0);
  if (moved !== 0 && Number.isFinite(moved)) tally.volume.add(moved);
}
