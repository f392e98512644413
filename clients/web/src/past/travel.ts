// Looks at the past: everything as it was at a moment, and from there on a replay of what followed, in a store
// of its own beside the live one. Answers of the bridge begin it, as they begin the live one; the events that
// follow are those of the command `replay`.
import type { BridgeEvent, CommandReply, JsonObject, SteadyMs, WallSeconds } from '../feed/index.js';
import type { Store } from '../model/store.js';
import { listOf, numberOf, objectOf, wordsOf } from '../model/values.js';
import type { Ask } from './ask.js';
import type { Past } from './backfill.js';

export interface TravelOptions {
  ask: Ask;
  command(command: string, options: { params: JsonObject }): Promise<CommandReply>;
  newStore(): Store;
  now_ms(): SteadyMs;
  /** Something is to be shown. */
  changed(): void;
}

export const speeds = [1, 10, 100, 1000];

export class Travel {
  /** What is shown; nothing: what is live. */
  store: Store | undefined;
  /** The moment that is asked for; nothing: now. */
  moment_s: WallSeconds | undefined;
  /** It is on its way. */
  loading = false;
  playing = false;
  /** What of the moment is not to be had, and why. */
  problem = '';
  private asked = 0;
  private shownSeq = 0;
  private until_s: WallSeconds = 0;
  private speed = 1;
  private came_ms: SteadyMs = 0;

  constructor(private readonly options: TravelOptions) {}

  /** Everything as it was then; nothing: as it is now. Ends a replay. */
  async show(moment_s: WallSeconds | undefined): Promise<void> {
    if (moment_s === this.moment_s && !this.playing) return;
    const asked = ++this.asked;
    this.moment_s = moment_s;
    this.problem = '';
    await this.stopReplay();
    if (asked !== this.asked) return;
    if (moment_s === undefined) {
      this.store = undefined;
      this.loading = false;
      this.options.changed();
      return;
    }
    this.loading = true;
    this.options.changed();
    try {
      const { store, seq, problem } = await this.storeAsOf(moment_s);
      if (asked !== this.asked) return;
      this.store = store;
      this.shownSeq = seq;
      this.problem = problem;
    } catch (error) {
      if (asked !== this.asked) return;
      this.problem = wordsOf(error);
      this.moment_s = undefined; // to be asked for again
    }
    this.loading = false;
    this.options.changed();
  }

  /** Replays what followed the moment that is shown, up to `until_s`. */
  async play(until_s: WallSeconds, speed: number): Promise<void> {
    if (this.store === undefined || this.loading) return;
    const asked = ++this.asked;
    await this.stopReplay();
    this.until_s = until_s;
    this.speed = speed;
    this.problem = '';
    try {
      await this.options.command('replay', {
        params: { from: { seq: this.shownSeq + 1 }, to: { timestamp: until_s }, speed },
      });
      if (asked !== this.asked) {
        await this.options.command('replay_stop', { params: {} });
        return;
      }
      this.playing = true;
      this.came_ms = this.options.now_ms();
    } catch (error) {
      if (asked === this.asked) this.problem = wordsOf(error);
    }
    this.options.changed();
  }

  /** What is shown stays. */
  async pause(): Promise<void> {
    this.moment_s = this.position_s();
    ++this.asked;
    await this.stopReplay();
    this.options.changed();
  }

  /** Where a replay is just now: at its last event, or as far beyond it as time went on since. */
  position_s(): WallSeconds | undefined {
    if (!this.playing || this.moment_s === undefined) return this.moment_s;
    const passed_s = (this.options.now_ms() - this.came_ms) / 1000 * this.speed;
    return Math.min(this.until_s, this.moment_s + passed_s);
  }

  /** A message of a replay. */
  onReplay(message: JsonObject): void {
    if (!this.playing || this.store === undefined) return;
    if (message.type === 'replay_end') {
      this.moment_s = objectOf(message.data).reason === 'done' ? this.until_s : this.position_s();
      this.playing = false;
    } else if (message.type === 'gap') {
      this.problem = 'Some events of this stretch are no longer held.';
    } else {
      const event = message as unknown as BridgeEvent;
      if (typeof event.seq !== 'number' || event.seq <= this.shownSeq) return;
      this.shownSeq = event.seq;
      this.moment_s = event.timestamp;
      this.came_ms = this.options.now_ms();
      for (const part of this.store.parts) part.apply(event);
    }
    this.options.changed();
  }

  /** The connection has ended, and a replay with it. */
  onLost(): void {
    if (!this.playing) return;
    this.moment_s = this.position_s();
    this.playing = false;
  }

  private async stopReplay(): Promise<void> {
    if (!this.playing) return;
    this.playing = false;
    await this.options.command('replay_stop', { params: {} }).catch(() => {});
  }

  private async storeAsOf(moment_s: WallSeconds): Promise<{ store: Store; seq: number; problem: string }> {
    const store = this.options.newStore();
    const problems = new Set<string>();
    const past = await pastAsOf(this.options.ask, moment_s);
    await Promise.all(store.parts.map((part) => part.fill(past).catch((error) => {
      problems.add(wordsOf(error));
    })));
    return { store, seq: past.asOf, problem: [...problems].join('; ') };
  }
}

/** What a part may ask about then. */
export async function pastAsOf(ask: Ask, moment_s: WallSeconds): Promise<Past & { asOf: number }> {
  const last = await ask('get_recent_events', { to_time: moment_s, count: 1 });
  const asOf = numberOf(objectOf(listOf(last.events)[0]).seq) ?? 0;
  return { ask: askAsOf(ask, asOf, moment_s, last), reason: 'start', position: undefined, asOf };
}

function askAsOf(ask: Ask, seq: number, moment_s: WallSeconds, position: JsonObject): Ask {
  return async (command, params) => {
    switch (command) {
      case 'get_snapshot': // the bridge has that of now only
        return { events: [], epoch: position.epoch ?? '', seq };
      case 'get_tallies':
        return ask(command, { ...params, at_seq: seq });
      case 'get_recent_events':
        return ask(command, { ...params, before_seq: seq + 1 });
      case 'get_runs': {
        const answer = await ask(command, params);
        return { ...answer, runs: listOf(answer.runs).map(objectOf).flatMap((run) => runAsOf(run, moment_s)) };
      }
      default:
        return ask(command, params);
    }
  };
}

function runAsOf(run: JsonObject, moment_s: WallSeconds): JsonObject[] {
  if ((numberOf(run.started) ?? 0) > moment_s) return [];
  if ((numberOf(run.last_event) ?? 0) <= moment_s) return [run];
  return [{ ...run, last_event: moment_s, ended: null, state: 'running' }];
}
