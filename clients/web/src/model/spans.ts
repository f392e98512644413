// What stretches of the training loop took (`span` events), of the runs that are looked at: the newest of them, and
// those that come. What the bridge has no longer is not there: spans are events, and outlive no journal.
import type { BridgeEvent, JsonObject } from '../feed/index.js';
import { runIdOf } from './runs.js';
import { listOf, numberOf, textOf } from './values.js';

export interface Span {
  name: string;
  /** Seconds since 1970, by the trainer's clock. */
  start: number;
  duration_s: number;
  step: number | undefined;
  seq: number;
}

export interface SpansOptions {
  ask(command: string, params: JsonObject): Promise<JsonObject>;
  now_ms(): number;
  after(delay_ms: number, run: () => void): void;
  changed(): void;
}

const spansMax = 4000; // of a run
const askedMax = 2000;
const runsMax = 8;
const again_ms = 2000;

interface RunSpans {
  spans: Span[];
  asked: boolean;
  used: number;
}

export class Spans {
  version = 0;
  private readonly byRun = new Map<string, RunSpans>();
  private asking = false;
  private retry_ms = 0;
  private used = 0;

  constructor(private readonly options: SpansOptions) {}

  /** Of the run, in order of their ends; asks for older ones the first time. */
  of(runId: string): readonly Span[] {
    let run = this.byRun.get(runId);
    if (run === undefined) {
      this.byRun.set(runId, (run = { spans: [], asked: false, used: 0 }));
      if (this.byRun.size > runsMax) {
        const [oldest] = [...this.byRun].sort(([, a], [, b]) => a.used - b.used);
        if (oldest![0] !== runId) this.byRun.delete(oldest![0]);
      }
    }
    run.used = ++this.used;
    if (!run.asked && !this.asking && this.options.now_ms() >= this.retry_ms) void this.ask(runId, run);
    return run.spans;
  }

  refill(): void {
    this.retry_ms = 0;
    for (const run of this.byRun.values()) run.asked = false;
  }

  apply(events: readonly BridgeEvent[]): void {
    if (this.byRun.size === 0) return;
    for (const event of events) {
      if (event.type !== 'span') continue;
      const run = this.byRun.get(runIdOf(event.source, event.run, event.data.agent_id));
      const span = spanOf(event);
      if (run === undefined || span === undefined || span.seq <= (run.spans.at(-1)?.seq ?? 0)) continue;
      run.spans.push(span);
      if (run.spans.length > spansMax) run.spans.splice(0, spansMax / 4);
      ++this.version;
    }
  }

  private async ask(runId: string, run: RunSpans): Promise<void> {
    const [, source = '', start = '', agent] = /^([^@]*)@([^/]*)(?:\/(.*))?$/s.exec(runId) ?? [];
    this.asking = true;
    run.asked = true;
    try {
      const result = await this.options.ask('get_recent_events', {
        type: 'span', source, count: askedMax, ...(start !== '' && { run: start }), ...(agent !== undefined && { agent_id: agent }),
      });
      const older = listOf(result.events).map((event) => event as unknown as BridgeEvent)
        .filter((event) => runIdOf(event.source, event.run, event.data.agent_id) === runId)
        .flatMap((event) => spanOf(event) ?? []);
      const last = older.at(-1)?.seq ?? 0;
      run.spans = [...older, ...run.spans.filter(({ seq }) => seq > last)].slice(-spansMax);
      ++this.version;
    } catch {
      run.asked = false;
      this.retry_ms = this.options.now_ms() + again_ms;
      this.options.after(again_ms, () => this.options.changed());
    }
    this.asking = false;
    this.options.changed();
  }
}

function spanOf({ data, seq }: BridgeEvent): Span | undefined {
  const name = textOf(data.name);
  const start = numberOf(data.start);
  const duration_ms = numberOf(data.duration_ms);
  if (name === undefined || start === undefined || duration_ms === undefined || duration_ms < 0) return undefined;
  return { name, start, duration_s: duration_ms / 1000, step: numberOf(data.step), seq };
}
