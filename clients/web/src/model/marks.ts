// What happened to the runs that are looked at: parameters that were changed, pauses, checkpoints, errors, ends
// (the `marks` of get_series). Asked again when an event says that there are more.
import type { BridgeEvent, JsonObject } from '../feed/index.js';
import type { Asking } from './asking.js';
import { paramsText } from './commands.js';
import type { Points } from './points.js';
import { Question } from './question.js';
import { listOf, numberOf, objectOf, textOf } from './values.js';

export interface RunMark {
  runId: string;
  seq: number;
  /** started, ended, error, or the name of a command. */
  kind: string;
  /** Seconds since 1970. */
  timestamp: number;
  data: JsonObject;
}

const runsMax = 64;
const kinds = new Set(['run_started', 'run_ended', 'command_executed']);
// Some trainers report an error a second, and all marks are asked for at once.
const errorsAgain_ms = 15_000;

export class Marks {
  version = 0;
  private byRun = new Map<string, RunMark[]>();
  private runIds: readonly string[] = [];
  private answered_ms = -Infinity;
  private readonly question: Question;

  constructor(private readonly world: Asking) {
    this.question = new Question(world, () => this.ask());
  }

  /** By run; asks where that is due. Of more than 64 runs those of the first. */
  of(runIds: readonly string[]): ReadonlyMap<string, RunMark[]> {
    if (runIds.join('\n') !== this.runIds.join('\n')) {
      this.runIds = runIds;
      this.question.restart();
    }
    this.question.look();
    return this.byRun;
  }

  refill(): void {
    this.question.restart();
  }

  apply(events: readonly BridgeEvent[]): void {
    const old = this.world.now_ms() - this.answered_ms > errorsAgain_ms;
    if (events.some(({ type }) => kinds.has(type) || (old && type === 'error'))) this.question.expire();
  }

  private async ask(): Promise<void> {
    // No curve has no name.
    const result = await this.world.ask('get_series', {
      run_ids: this.runIds.slice(0, runsMax), tags: [''], x: 'step', points_max: 1, marks: true,
    });
    const found = new Map<string, RunMark[]>();
    for (const entry of listOf(result.marks).map(objectOf)) {
      const runId = String(entry.run_id);
      const mark = {
        runId, seq: numberOf(entry.seq) ?? 0, kind: String(entry.kind), timestamp: numberOf(entry.timestamp) ?? 0,
        data: objectOf(entry.data),
      };
      found.set(runId, [...(found.get(runId) ?? []), mark]);
    }
    this.byRun = found;
    this.answered_ms = this.world.now_ms();
    ++this.version;
  }
}

/** "learning_rate = 0.001", "paused", "crashed: out of memory". */
export function markText({ kind, data }: RunMark): string {
  if (kind === 'ended') {
    const state = textOf(data.state) ?? 'finished';
    return textOf(data.error) === undefined ? state : `${state}: ${String(data.error)}`;
  }
  if (kind === 'error') return `${textOf(data.error_type) ?? 'error'}: ${textOf(data.message) ?? ''}`;
  const params = objectOf(data.params);
  const told = paramsText(params);
  return told === '' ? kind : textOf(params.name) !== undefined && params.value !== undefined ? told : `${kind}: ${told}`;
}

/**
 * The step that a curve had come to at a time: as many of its points lie before it on the one axis as on the
 * other. As exact as their buckets are wide; undefined: it has none.
 */
export function stepAt(byTime: Points, byStep: Points, time_s: number): number | undefined {
  let before = 0;
  for (let i = 0; i < byTime.length && byTime.x[i]! <= time_s; ++i) {
    const next = byTime.x[i + 1] ?? byTime.x[i]!;
    const n = byTime.n[i]!;
    const share = next > byTime.x[i]! ? Math.min(1, (time_s - byTime.x[i]!) / (next - byTime.x[i]!)) : 1;
    before += n === 1 ? 1 : Math.max(1, Math.round(n * share));
  }
  if (byTime.length === 0 || byStep.length === 0) return undefined;
  if (before === 0) return byStep.x[0]!;
  for (let i = 0; i < byStep.length; ++i) {
    const n = byStep.n[i]!;
    if (before <= n) {
      const next = byStep.x[i + 1] ?? byStep.x[i]!;
      return n === 1 ? byStep.x[i]! : byStep.x[i]! + ((before - 1) / n) * (next - byStep.x[i]!);
    }
    before -= n;
  }
  return byStep.x[byStep.length - 1]!;
}
