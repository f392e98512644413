// All runs that there ever were, as the bridge tells them (get_runs): asked for in pages, the newest first, and
// again as long as the page is looked at, since another browser may name, hide or delete one. Between two answers
// the steps and the last reward follow the events. Bounded in bytes: the oldest are left out, and counted.
import type { BridgeEvent, Json, JsonObject } from '../feed/index.js';
import type { Asking } from './asking.js';
import { newestFirst, runsBetween, tellingRuns } from './run_list.js';
import { agentOf, runId } from './tallies.js';
import { listOf, numberOf, objectOf, textOf, wordsOf } from './values.js';

export type RunState = 'running' | 'finished' | 'crashed' | 'interrupted' | 'lost';

export interface Run {
  run_id: string;
  source: string;
  run: string;
  /** Empty: the run as a whole. */
  agent: string;
  /** As it was called; empty: it was not. */
  name: string;
  state: RunState;
  /** Seconds since 1970. */
  started: number;
  ended: number | undefined;
  last_event: number;
  steps: number | undefined;
  /** Of the last episode, or of the tag that says as much. */
  reward: number | undefined;
  config: JsonObject;
  /** The last value of each curve; undefined: no number. */
  metrics: { [tag: string]: number | undefined };
  /** The first line. */
  error: string;
  tags: string[];
  note: string;
  pinned: boolean;
  hidden: boolean;
  /** Of the last event that is in steps and reward. */
  seq: number;
}

export interface RunChange {
  name?: string;
  note?: string;
  tags?: string[];
  hidden?: boolean;
  pinned?: boolean;
  deleted?: boolean;
}

export interface RunsOptions extends Asking {
  /** The runs that a person chose, by run_id. */
  chosen(): readonly string[];
  /** The stretch of time that is looked at, seconds since 1970; without `to` up to now. */
  between(): { from?: number | undefined; to?: number | undefined };
  /** Whether anybody looks at the page. */
  visible(): boolean;
  bytesMax?: number;
}

const firstPage = 100; // so that something is there at once
const page = 1000; // the most that get_runs gives
const newest = 200; // asked for when something happened to some
const askAgain_ms = 2000;
const askAll_ms = 10_000;
const shownMax = 8;
const idsMax = 256; // of a filter
const bytesMax = 32 * 1024 * 1024;
// What counts as a run's reward, the first that it has.
const rewardTags = ['episode_end/reward', 'charts/episodic_return', 'rollout/ep_rew_mean', 'reward'];

// One way through all of them: the pages of those that are shown, then of the hidden ones.
function newWalk() {
  return { hidden: false, offset: 0, pages: 0, full: false, seen: new Set<string>() };
}

export class Runs {
  readonly all = new Map<string, Run>();
  /** Changes with anything that is told here. */
  version = 0;
  /** Changes where a run came, went, or is told differently, but not with each step. */
  listVersion = 0;
  /** How many there are, hidden ones and those that are left out here included. */
  total = 0;
  hiddenTotal = 0;
  /** The first page is here: what is empty now is so indeed. */
  loaded = false;
  /** All were asked for once: what is not here has no room. */
  complete = false;
  /** From when on the bridge counts, seconds since 1970. */
  since_s: number | undefined;
  /** Why the last question failed; empty: it did not. */
  problem = '';
  private readonly sizes = new Map<string, number>();
  private bytes = 0;
  private readonly counts = { shown: 0, hidden: 0 };
  private walk = newWalk();
  private seenBefore: Set<string> | undefined; // in the walk before
  private working = false;
  private wanted = false; // something happened: ask for the newest
  private asked_ms = -Infinity;
  private askedAll_ms = -Infinity;
  private chosenFor = '';
  private chosenIds: string[] = [];

  constructor(private readonly options: RunsOptions) {}

  /** Asks the bridge anything about runs; resolves to the answer's `result`. */
  ask(command: string, params: JsonObject): Promise<JsonObject> {
    return this.options.ask(command, params);
  }

  find(runId: string): Run | undefined {
    return this.all.get(runId);
  }

  /** How many are not held here, the oldest, for want of room. */
  get leftOut(): number {
    return Math.max(0, this.total - this.all.size);
  }

  /**
   * The runs that all views show: those that a person chose, which may be unknown here, else the newest that are
   * running (or were, at the moment that is looked at), else the newest. The same list until it changes.
   */
  chosen(): string[] {
    const chosen = this.options.chosen();
    const { from, to } = this.options.between();
    const key = chosen.length > 0 ? chosen.join('\n') : `\n${this.listVersion} ${from} ${to}`;
    if (key === this.chosenFor) return this.chosenIds;
    this.chosenFor = key;
    const ids = chosen.length > 0 ? [...chosen] : this.newest();
    if (ids.join('\n') !== this.chosenIds.join('\n')) this.chosenIds = ids;
    return this.chosenIds;
  }

  /** What a run is called among others; `others` are told apart by their run's mark. */
  label(runId: string, others: readonly string[] = []): string {
    const name = this.nameOf(runId);
    const again = others.some((other) => other !== runId && this.nameOf(other) === name);
    return again && name !== runId ? `${name} (${runId})` : name;
  }

  apply(events: readonly BridgeEvent[]): void {
    for (const event of events) {
      if (event.source === 'ppo-bridge') {
        if (event.type === 'system_status' && String(event.data.status).startsWith('source_')) this.later();
      } else {
        this.applyOne(event);
      }
    }
  }

  /** All answers are to be had anew: the bridge is another one, or events are missing. */
  reload(): void {
    this.walk = newWalk();
    this.complete = false;
    for (const run of this.all.values()) run.seq = 0; // events may be numbered anew
    this.askedAll_ms = -Infinity;
    this.asked_ms = -Infinity;
    this.later();
  }

  /** Called once a second. */
  tick(): void {
    if (this.options.now_ms() - this.askedAll_ms >= askAll_ms) void this.work();
  }

  /** What people say of runs. Rejects with the bridge's words, and leaves out those that are left. */
  async set(runIds: readonly string[], change: RunChange): Promise<void> {
    try {
      for (const id of runIds) {
        await this.options.ask('set_run', { run_id: id, ...change } as JsonObject);
        const run = this.all.get(id);
        if (change.deleted) this.remove(id);
        else if (run !== undefined) {
          if (change.hidden !== undefined && change.hidden !== run.hidden) this.hiddenTotal = this.counts.hidden += change.hidden ? 1 : -1;
          Object.assign(run, change); // at once; the answer is what counts
        }
        this.listChanged();
      }
    } finally {
      if (!change.deleted) await this.askFor(runIds);
      this.later();
    }
  }

  private newest(): string[] {
    const { from, to } = this.options.between();
    const all = runsBetween(tellingRuns(this.all), from, to).filter(({ hidden }) => !hidden);
    const running = all.filter(({ state }) => state === 'running');
    return (running.length > 0 ? running : all)
      .sort(newestFirst)
      .slice(0, shownMax).map(({ run_id }) => run_id);
  }

  private nameOf(runId: string): string {
    const run = this.all.get(runId);
    if (run === undefined || run.name === '') return runId;
    return run.agent === '' ? run.name : `${run.name} · ${run.agent}`;
  }

  private applyOne({ type, data, source, run: start, seq, timestamp }: BridgeEvent): void {
    const run = this.all.get(runIdOf(source, start, data.agent_id));
    if (run === undefined) {
      this.later();
      return;
    }
    if (run.state !== 'running' || type === 'run_started' || type === 'run_config' || type === 'run_ended') this.later();
    if (seq <= run.seq) return;
    ++this.version;
    run.seq = seq;
    run.last_event = Math.max(run.last_event, timestamp);
    if (type !== 'training_update' && type !== 'episode_end' && type !== 'scalar') return;
    const step = numberOf(data.step) ?? numberOf(data.global_step) ??
      (type === 'training_update' ? numberOf(data.steps) : undefined);
    if (step !== undefined && !(step < (run.steps ?? -Infinity))) run.steps = step;
    if (type === 'episode_end' && 'reward' in data) run.reward = numberOf(data.reward);
    if (type === 'scalar' && rewardTags.includes(String(data.tag))) run.reward = numberOf(data.value);
  }

  // Something happened to some run: ask, but not more often than it pays.
  private later(): void {
    if (this.wanted) return;
    this.wanted = true;
    const wait_ms = Math.max(0, this.asked_ms + askAgain_ms - this.options.now_ms());
    this.options.after(wait_ms, () => void this.work());
  }

  private async work(): Promise<void> {
    if (this.working || !this.options.visible()) return;
    this.working = true;
    try {
      await this.askWhatIsDue();
      this.problem = '';
    } catch (error) {
      // The connection went, or the bridge is busy: a tick asks again.
      this.askedAll_ms = this.options.now_ms() - askAll_ms + askAgain_ms;
      this.problem = wordsOf(error);
    } finally {
      this.working = false;
    }
    if (!this.wanted) return;
    this.wanted = false;
    this.later();
  }

  private async askWhatIsDue(): Promise<void> {
    this.wanted = false;
    this.asked_ms = this.options.now_ms();
    const all = this.asked_ms - this.askedAll_ms >= askAll_ms;
    if (all || !this.complete) this.askedAll_ms = this.asked_ms;
    if (!this.complete) {
      while (await this.askPage(this.loaded ? page : firstPage));
    } else {
      // All of them where that is a page; else the newest, and of the others the next page in turn.
      const few = this.total <= page;
      if (!all || !few) await this.askNewest();
      if (all) while ((await this.askPage(page)) && few);
    }
    await this.askChosen();
  }

  private async askNewest(): Promise<void> {
    const result = await this.options.ask('get_runs', { sort: '-last', count: newest });
    this.take(result, false);
    this.count(result, false);
  }

  // Runs of a link that are not among those that are held.
  private async askChosen(): Promise<void> {
    await this.askFor(this.options.chosen().filter((id) => !this.all.has(id)));
  }

  private async askFor(runIds: readonly string[]): Promise<void> {
    const ids = runIds.slice(0, idsMax);
    if (ids.length === 0) return;
    for (const hidden of [false, true]) {
      this.take(await this.options.ask('get_runs', { filter: { run_id: ids, hidden }, count: ids.length }), hidden);
    }
  }

  // The walk's next page; false where it was the last.
  private async askPage(count: number): Promise<boolean> {
    const { walk } = this;
    const { hidden } = walk;
    const result = await this.options.ask('get_runs', { filter: { hidden }, sort: '-started', count, offset: walk.offset });
    if (walk !== this.walk) return true; // it began anew meanwhile
    const { runs, full } = this.take(result, hidden);
    this.count(result, hidden);
    walk.offset += runs;
    ++walk.pages;
    walk.full ||= full;
    this.loaded = true;
    if (runs > 0 && walk.offset < (numberOf(result.count) ?? 0) && !full) return true;
    if (!hidden) {
      walk.hidden = true;
      walk.offset = 0;
      return true;
    }
    this.endWalk();
    return false;
  }

  private count(result: JsonObject, hidden: boolean): void {
    this.counts[hidden ? 'hidden' : 'shown'] = numberOf(result.count) ?? 0;
    this.total = this.counts.shown + this.counts.hidden;
    this.hiddenTotal = this.counts.hidden;
    this.listChanged();
  }

  // Who was not met is deleted. Over many pages one may have been passed over, but not twice.
  private endWalk(): void {
    const { seen, pages, full } = this.walk;
    const kept = [seen, ...(pages > 2 ? [this.seenBefore ?? this.all] : []), new Set(this.options.chosen())];
    if (!full) for (const id of [...this.all.keys()]) if (!kept.some((ids) => ids.has(id))) this.remove(id);
    this.seenBefore = seen;
    this.walk = newWalk();
    this.complete = true;
    this.listChanged();
  }

  private take(result: JsonObject, hidden: boolean): { runs: number; full: boolean } {
    const seq = numberOf(result.seq) ?? 0;
    this.since_s = numberOf(objectOf(result.since).timestamp) ?? this.since_s;
    const entries = listOf(result.runs);
    for (const entry of entries) {
      const run = runOf(objectOf(entry), seq, hidden);
      const before = this.all.get(run.run_id);
      if (before !== undefined && before.seq > seq) {
        const { steps, reward, last_event, seq: later } = before;
        Object.assign(run, { steps, reward, last_event, seq: later });
      }
      if (before !== undefined) Object.assign(before, run);
      else this.all.set(run.run_id, run);
      this.walk.seen.add(run.run_id);
      const size = sizeOf(entry);
      this.bytes += size - (this.sizes.get(run.run_id) ?? 0);
      this.sizes.set(run.run_id, size);
    }
    const full = this.bytes > (this.options.bytesMax ?? bytesMax);
    if (full) this.letGo();
    this.listChanged();
    return { runs: entries.length, full };
  }

  private letGo(): void {
    const max = 0.9 * (this.options.bytesMax ?? bytesMax);
    const chosen = new Set(this.options.chosen());
    for (const { run_id: id, pinned } of [...this.all.values()].sort((a, b) => a.started - b.started)) {
      if (this.bytes <= max) return;
      if (!pinned && !chosen.has(id)) this.remove(id);
    }
  }

  private remove(runId: string): void {
    if (!this.all.delete(runId)) return;
    this.bytes -= this.sizes.get(runId) ?? 0;
    this.sizes.delete(runId);
  }

  private listChanged(): void {
    ++this.version;
    ++this.listVersion;
    this.options.changed();
  }
}

/** As the bridge names the run of an event. */
export function runIdOf(source: string | undefined, run: string | undefined, agent: Json | undefined): string {
  return runId(source ?? '', run ?? '', agentOf({ agent_id: agent ?? null }));
}

function runOf(o: JsonObject, seq: number, hidden: boolean): Run {
  const metrics: Run['metrics'] = {};
  for (const [tag, value] of Object.entries(objectOf(o.metrics))) metrics[tag] = numberOf(value);
  const rewardTag = rewardTags.find((tag) => tag in metrics);
  return {
    run_id: String(o.run_id), source: textOf(o.source) ?? '', run: textOf(o.run) ?? '', agent: textOf(o.agent_id) ?? '',
    name: textOf(o.name) ?? '', state: (textOf(o.state) ?? 'lost') as RunState,
    started: numberOf(o.started) ?? 0, ended: numberOf(o.ended), last_event: numberOf(o.last_event) ?? 0,
    steps: numberOf(o.steps), reward: rewardTag === undefined ? undefined : metrics[rewardTag],
    config: objectOf(o.config), metrics, error: textOf(o.error) ?? '',
    tags: listOf(o.tags).map(String), note: textOf(o.note) ?? '',
    pinned: o.pinned === true, hidden, seq,
  };
}

// Roughly what it takes in memory.
function sizeOf(value: Json): number {
  if (typeof value === 'string') return 24 + 2 * value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + sizeOf(one), 32);
  if (typeof value !== 'object' || value === null) return 16;
  return Object.entries(value).reduce((sum, [key, one]) => sum + 24 + key.length + sizeOf(one), 64);
}
