// Events of one type of the runs that are looked at (spans, histograms, texts): the newest that the bridge still has,
// and those that come. They are events, not curves: they outlive no journal.
import type { BridgeEvent } from '../feed/index.js';
import type { Asking } from './asking.js';
import { Question } from './question.js';
import { runIdOf } from './runs.js';
import { eventsOf, numberOf, textOf } from './values.js';

const runsMax = 16;

interface OfRun<T> {
  all: { seq: number; value: T }[];
  /** The values alone; undefined: to be made. */
  values: T[] | undefined;
  question: Question;
  used: number;
}

export class RunEvents<T> {
  version = 0;
  private readonly byRun = new Map<string, OfRun<T>>();
  private used = 0;

  /** `read`: what is kept of an event; undefined: it is none. `countMax`: of a run. */
  constructor(private readonly type: string, private readonly read: (event: BridgeEvent) => T | undefined,
              private readonly countMax: number, private readonly world: Asking) {}

  /** Of the run, the oldest first; asks for those from before the first time. */
  of(runId: string): readonly T[] {
    let run = this.byRun.get(runId);
    if (run === undefined) {
      const made: OfRun<T> = { all: [], values: undefined, used: 0, question: new Question(this.world, () => this.ask(runId, made)) };
      this.byRun.set(runId, (run = made));
      if (this.byRun.size > runsMax) {
        const [oldest] = [...this.byRun].sort(([, a], [, b]) => a.used - b.used).filter(([id]) => id !== runId);
        this.byRun.delete(oldest![0]);
      }
    }
    run.used = ++this.used;
    run.question.look();
    return (run.values ??= run.all.map(({ value }) => value));
  }

  refill(): void {
    for (const run of this.byRun.values()) run.question.restart();
  }

  apply(events: readonly BridgeEvent[]): void {
    if (this.byRun.size === 0) return;
    for (const event of events) {
      if (event.type !== this.type) continue;
      const run = this.byRun.get(runIdOf(event.source, event.run, event.data.agent_id));
      if (run === undefined || event.seq <= (run.all.at(-1)?.seq ?? 0)) continue;
      const value = this.read(event);
      if (value === undefined) continue;
      run.all.push({ seq: event.seq, value });
      if (run.all.length > 1.25 * this.countMax) run.all.splice(0, run.all.length - this.countMax);
      run.values = undefined;
      ++this.version;
    }
  }

  private async ask(runId: string, run: OfRun<T>): Promise<void> {
    const [, source = '', start = '', agent] = /^([^@]*)@([^/]*)(?:\/(.*))?$/s.exec(runId) ?? [];
    const result = await this.world.ask('get_recent_events', {
      type: this.type, source, count: this.countMax, ...(start !== '' && { run: start }), ...(agent !== undefined && { agent_id: agent }),
    });
    const older = eventsOf(result)
      .filter((event) => runIdOf(event.source, event.run, event.data.agent_id) === runId)
      .flatMap((event) => {
        const value = this.read(event);
        return value === undefined ? [] : [{ seq: event.seq, value }];
      });
    const last = numberOf(result.seq) ?? older.at(-1)?.seq ?? 0;
    run.all = [...older, ...run.all.filter(({ seq }) => seq > last)].slice(-this.countMax);
    run.values = undefined;
    ++this.version;
  }
}

/** What a stretch of the training loop took. */
export interface Span {
  name: string;
  /** Seconds since 1970, by the trainer's clock. */
  start: number;
  duration_s: number;
  step: number | undefined;
}

export function readSpan({ data }: BridgeEvent): Span | undefined {
  const name = textOf(data.name);
  const start = numberOf(data.start);
  const duration_ms = numberOf(data.duration_ms);
  if (name === undefined || start === undefined || duration_ms === undefined || duration_ms < 0) return undefined;
  return { name, start, duration_s: duration_ms / 1000, step: numberOf(data.step) };
}

/** How values were spread at a step. */
export interface Histogram {
  tag: string;
  step: number;
  count: number;
  p5: number;
  p25: number;
  p50: number;
  p75: number;
  p95: number;
}

export function readHistogram({ data, seq }: BridgeEvent): Histogram | undefined {
  const tag = textOf(data.tag);
  if (tag === undefined) return undefined;
  const quantile = (name: string) => numberOf(data[name]) ?? NaN;
  return {
    tag, step: numberOf(data.step) ?? seq, count: numberOf(data.count) ?? NaN,
    p5: quantile('p5'), p25: quantile('p25'), p50: quantile('p50'), p75: quantile('p75'), p95: quantile('p95'),
  };
}

export interface RunText {
  tag: string;
  text: string;
  step: number | undefined;
  timestamp: number;
}

const textMax = 4000;

export function readText({ data, timestamp }: BridgeEvent): RunText | undefined {
  const tag = textOf(data.tag);
  const text = textOf(data.text);
  if (tag === undefined || text === undefined) return undefined;
  return { tag, text: text.length > textMax ? `${text.slice(0, textMax)}…` : text, step: numberOf(data.step), timestamp };
}
