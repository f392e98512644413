// How the runs are, at a glance: those that are alive, stalled, crashed and by what, and those that ended. Each is a
// link to all there is of it.
import { newestFirst, runsBetween, tellingRuns } from '../model/run_list.js';
import type { Run, Runs } from '../model/runs.js';
import type { UiState } from '../state/ui_state.js';
import { card, h, setName, setText, setTitle } from '../ui/dom.js';
import { compact, dash, dateTime, duration, full } from '../ui/format.js';
import { runSwatch, setRunSwatch } from '../ui/run_colours.js';
import { durationOf } from './run_work.js';

const namedMax = 8;

interface Column {
  title: string;
  /** Where all of them are. */
  find: string;
  link: HTMLAnchorElement;
  list: HTMLElement;
  rest: HTMLElement;
}

export class RunBoard {
  readonly element: HTMLElement;
  alive = 0;
  stalled = 0;
  total = 0;
  private readonly columns: Column[];
  private version = -1;
  private readonly shown = new WeakMap<Element, Run>();
  private stalledWere = '';
  private now_s = 0;
  private isPast = false;

  constructor(private readonly runs: Runs, private readonly address: (change: Partial<UiState>) => string) {
    this.columns = [['Alive', '^running$'], ['Stalled', '^running$'], ['Crashed', '^crashed$'], ['Ended', '^(finished|interrupted|lost)$']].map(([title, find]) =>
      ({ title: title!, find: find!, link: h('a', { class: 'board-head' }), list: h('ul'), rest: h('small', { class: 'muted' }) }));
    this.element = card('Runs', h('div', { class: 'board' }, ...this.columns.map(({ title, link, list, rest }) =>
      h('section', { class: title === 'Crashed' ? 'crashes' : undefined }, h('h3', {}, link), list, rest))));
  }

  /** `stalledSources`: those that have been silent for too long. `from`, `to`: the stretch of time looked at. */
  update(stalledSources: ReadonlySet<string>, from: number | undefined, to: number | undefined, now_s: number): void {
    const { runs } = this;
    this.now_s = now_s;
    this.isPast = to !== undefined;
    const were = [...stalledSources, from, to].join('\n');
    if (runs.listVersion === this.version && were === this.stalledWere && runs.loaded) return this.showNumbers();
    this.version = runs.listVersion;
    this.stalledWere = were;
    const all = runsBetween(tellingRuns(runs.all), from, to).filter(({ hidden }) => !hidden).sort((a, b) => b.last_event - a.last_event || newestFirst(a, b));
    this.total = all.length;
    const running = all.filter(({ state, run }) => state === 'running' && run !== '').sort(newestFirst);
    const found = [running.filter(({ source }) => !stalledSources.has(source)), running.filter(({ source }) => stalledSources.has(source)),
                   all.filter(({ state }) => state === 'crashed'), all.filter(({ state }) => /^(finished|interrupted|lost)$/.test(state))];
    [this.alive, this.stalled] = found.map(({ length }) => length) as [number, number];
    this.columns.forEach((column, i) => this.show(column, found[i]!));
  }

  private show({ title, find, link, list, rest }: Column, found: readonly Run[]): void {
    setText(link, `${this.runs.loaded ? full(found.length) : dash} ${title.toLowerCase()}`);
    link.href = this.address({ view: 'runs', find: title === 'Stalled' ? anyOf(found) ?? find : find });
    setTitle(link, `${title}: all of them. As the bridge tells${this.runs.since_s === undefined ? '' : `, since ${dateTime(this.runs.since_s)}`}.`);
    const named = found.slice(0, namedMax);
    setText(rest, found.length > namedMax ? `and ${full(found.length - namedMax)} more` : '');
    while (list.children.length > named.length) list.lastElementChild!.remove();
    named.forEach((run, i) => {
      const entry = list.children[i] as HTMLElement ?? list.appendChild(h('li', {}, h('a', {}, runSwatch(), h('span', { class: 'board-name' })), h('small')));
      const at = entry.firstElementChild as HTMLAnchorElement;
      at.href = this.address({ view: 'runs', run: run.run_id });
      setRunSwatch(at.firstElementChild as SVGSVGElement, run.run_id);
      setName(at.children[1] as HTMLElement, this.runs.label(run.run_id), 36);
      setTitle(at, `${this.runs.label(run.run_id)}\n${run.run_id}`);
      this.shown.set(entry, run);
    });
    this.showNumbers();
  }

  // What is said of each: why it crashed, or how far it is.
  private showNumbers(): void {
    const { now_s } = this;
    for (const { title, list } of this.columns) {
      for (const entry of list.children) {
        const run = this.shown.get(entry);
        if (run === undefined) continue;
        const steps = run.steps === undefined || this.isPast ? '' : `${compact(run.steps)} steps · `;
        setText(entry.lastElementChild!, title === 'Crashed' ? run.error || 'without a word'
          : title === 'Ended' ? `${run.state}, ${duration(durationOf(run, now_s))}` : title === 'Stalled' ? `silent for ${duration(Math.max(0, now_s - run.last_event))}` : `${steps}${duration(durationOf(run, now_s))}`);
        setTitle(entry.lastElementChild as HTMLElement, title === 'Crashed' ? `${run.error}\n${dateTime(run.ended ?? run.last_event)}` : undefined);
      }
    }
  }
}

// An expression that finds just these, where it is not too long for an address.
function anyOf(runs: readonly Run[]): string | undefined {
  const find = `^(${runs.map(({ run_id }) => run_id.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|')})$`;
  return runs.length > 0 && find.length <= 500 ? find : undefined;
}
