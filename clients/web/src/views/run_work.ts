// What one does to runs: choose them, name, pin, hide and delete them. Everybody sees what comes of it.
import type { Run, RunChange } from '../model/runs.js';
import type { Tallied } from '../model/tallies.js';
import { ask } from '../ui/dialog.js';
import { h, setText } from '../ui/dom.js';
import { full, nameText } from '../ui/format.js';
import type { App } from './view.js';
import { wordsOf } from '../model/values.js';

const chosenMax = 64; // as many as an address holds
const chosenTextMax = 6000; // characters of it
const namedMax = 8; // in a question
const said_ms = 10_000;

export class RunWork {
  /** What went wrong, or was done. */
  readonly status = h('p', { class: 'run-said', role: 'status' });
  private timer = 0;

  constructor(private readonly app: App) {}

  /** Why runs may not be changed by who looks at them; empty: they may. */
  get whyNot(): string {
    return this.app.whyNot('set_run');
  }

  /** Nothing where it neither traded nor told its value. */
  tallyOf(runId: string): Tallied | undefined {
    return this.app.store.tallies.of(runId);
  }

  choose(ids: readonly string[], chosen: boolean): void {
    const left = this.app.state.runs.filter((id) => !ids.includes(id));
    const all = chosen ? [...left, ...ids] : left;
    let room = chosenTextMax;
    const fitting = all.slice(0, chosenMax).filter((id) => (room -= encodeURIComponent(encodeURIComponent(id)).length + 3) >= 0);
    this.say(fitting.length < all.length
      ? `${full(fitting.length)} runs are as many as an address holds: ${full(all.length - fitting.length)} more are not chosen.` : '');
    this.app.go({ runs: fitting }, 'replace');
  }

  /** True where it is done for all of them. */
  async set(ids: readonly string[], change: RunChange): Promise<boolean> {
    this.say(this.whyNot);
    if (this.whyNot !== '') return false;
    try {
      await this.app.runs.set(ids, change);
      return true;
    } catch (error) {
      this.say(`Not done: ${wordsOf(error)}`);
      return false;
    } finally {
      this.app.repaint();
    }
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (this.whyNot !== '') return this.say(this.whyNot);
    const { runs } = this.app;
    const known = ids.flatMap((id) => runs.find(id) ?? []);
    if (known.length === 0) return;
    const named = known.slice(0, namedMax).map(({ run_id }) => `${nameText(runs.label(run_id))} (${nameText(run_id, 60)})`);
    if (known.length > namedMax) named.push(`and ${full(known.length - namedMax)} more`);
    const curves = known.reduce((sum, { metrics }) => sum + Object.keys(metrics).length, 0);
    const running = known.filter(({ state }) => state === 'running').length;
    const question = known.length === 1 ? 'Delete this run?' : `Delete these ${full(known.length)} runs?`;
    const sure = await ask(question, `${named.join(', ')}. Their ${full(curves)} curves, notes and tags go for everybody, and do not come back.` +
      (running > 0 ? ` ${full(running)} of them ${running === 1 ? 'is' : 'are'} still running, and will not be seen any more.` : ''), 'Delete');
    if (!sure) return;
    const gone = known.map(({ run_id }) => run_id);
    if (await this.set(gone, { deleted: true })) this.say(`${full(gone.length)} deleted.`);
    this.app.go({ runs: this.app.state.runs.filter((id) => runs.find(id) !== undefined || !gone.includes(id)),
                  run: gone.includes(this.app.state.run) ? '' : this.app.state.run }, 'replace');
  }

  say(text: string): void {
    setText(this.status, text);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => setText(this.status, ''), said_ms);
  }
}

/** Seconds; up to now where it still runs. */
export function durationOf({ state, started, ended, last_event }: Run, now_s: number): number {
  return Math.max(0, (state === 'running' ? now_s : ended ?? last_event) - started);
}
