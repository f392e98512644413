// All runs that there ever were. Those that are chosen here are laid over each other in every view.
import { heldOrder, nextSort } from '../model/order.js';
import { configColumn, configText, flatConfig, keysSeen, listRuns, runsBetween, metricColumn,
         tellingRuns, type Group, type ListColumn } from '../model/run_list.js';
import type { Run } from '../model/runs.js';
import { numberOf } from '../model/values.js';
import { setBadge } from '../ui/badge.js';
import { ColumnMenu } from '../ui/column_menu.js';
import { h, setClass, setDenied, setName, setQuantity, setText, setTitle, setValue } from '../ui/dom.js';
import { compact, dash, dateTime, digits, duration, full, nameText, shortDate, visible } from '../ui/format.js';
import { Grid, type GridColumn, type GridItem } from '../ui/grid.js';
import { originText } from '../ui/origin.js';
import { runSwatch, setRunSwatch } from '../ui/run_colours.js';
import { RunDetails } from './run_details.js';
import { durationOf, RunWork } from './run_work.js';
import type { App, View } from './view.js';

const usualSort = '-started';
const refresh_ms = 1000; // of the order, where only numbers change
const keysEvery_ms = 5000;
const groupsMax = 500; // options of the list
/** What `run` in the address says where runs are compared. */
export const comparing = 'compare';

type Column = GridColumn<Run> & ListColumn;

export class RunsView implements View {
  readonly name = 'runs';
  readonly title = 'Runs';
  readonly element = h('div', { class: 'view runs' });
  private readonly grid: Grid<Run>;
  private readonly find: HTMLInputElement;
  private readonly group: HTMLSelectElement;
  private readonly hidden: HTMLInputElement;
  private readonly hiddenLabel = h('span');
  private readonly menu: ColumnMenu;
  private readonly problem = h('p', { class: 'bad-note', role: 'alert' });
  private readonly count = h('span', { class: 'muted', role: 'status' });
  private readonly chosenBar = h('div', { class: 'bar chosen-bar', hidden: true });
  private readonly chosenCount = h('strong');
  private readonly compare: HTMLButtonElement;
  private readonly setters: HTMLButtonElement[]; // what changes runs
  private readonly work: RunWork;
  private readonly details: RunDetails;
  private readonly closed = new Set<string>();
  private chosen = new Set<string>();
  private groups: Group[] = [];
  private order: string[] = [];
  private listedFor = '';
  private listedVersion = -1;
  private listed_ms = -Infinity;
  private keys_ms = -Infinity;
  private keysVersion = -1;

  constructor(private readonly app: App) {
    this.work = new RunWork(app);
    this.details = new RunDetails(app, this.work);
    this.find = h('input', { type: 'search', placeholder: 'Search: a regular expression', 'aria-label': 'Search runs by a regular expression',
      spellcheck: 'false', oninput: () => app.go({ find: this.find.value }, 'replace') });
    this.group = h('select', { 'aria-label': 'Group by', onchange: () => app.go({ group: this.group.value }) });
    this.hidden = h('input', { type: 'checkbox', onchange: () => app.go({ hidden: this.hidden.checked }) });
    this.menu = new ColumnMenu((columns) => app.go({ columns }, 'replace'));
    this.grid = new Grid<Run>({
      label: 'Runs',
      id: ({ run_id }) => run_id,
      name: ({ run_id }) => app.runs.label(run_id),
      isChosen: ({ run_id }) => this.chosen.has(run_id),
      choose: (rows, chosen) => this.work.choose(rows.map(({ run_id }) => run_id), chosen),
      open: ({ run_id }) => app.go({ run: app.state.run === run_id ? '' : run_id }),
      isOpen: ({ run_id }) => run_id === app.state.run,
      rowClass: ({ hidden }) => (hidden ? 'dim' : ''),
      toggleGroup: (group) => (this.closed.has(group) ? this.closed.delete(group) : this.closed.add(group)),
      sort: (id) => this.sortBy(id),
      repaint: () => app.repaint(),
    });
    const act = (name: string, run: () => void, how = '') => h('button', { class: how, onclick: run }, name);
    const ids = () => [...app.state.runs];
    this.compare = act('Compare configs', () => app.go({ run: comparing }));
    this.setters = [
      act('Pin', () => void this.work.set(ids(), { pinned: true })), act('Unpin', () => void this.work.set(ids(), { pinned: false })),
      act('Hide', () => void this.work.set(ids(), { hidden: true })), act('Show again', () => void this.work.set(ids(), { hidden: false })),
      act('Delete …', () => void this.work.remove(ids()), 'danger'),
    ];
    this.chosenBar.append(this.chosenCount, this.compare, ...this.setters, act('Choose none', () => app.go({ runs: [] }), 'plain'));
    this.element.append(
      h('div', { class: 'bar' }, this.find, h('label', { class: 'check' }, 'Group by', this.group), this.menu.element,
        h('label', { class: 'check' }, this.hidden, this.hiddenLabel), this.count),
      this.problem, this.chosenBar, this.work.status,
      h('div', { class: 'split' }, h('section', { class: 'card list' }, this.grid.element), this.details.element));
  }

  update(): void {
    const { app } = this;
    this.chosen = new Set(app.state.runs);
    const columns = this.columns();
    this.list(columns);
    this.showBars();
    for (const button of this.setters) setDenied(button, this.work.whyNot);
    const items: GridItem<Run>[] = [];
    for (const { key, runs } of this.groups) {
      const closed = this.closed.has(key);
      if (app.state.group !== '') items.push({ group: key, text: groupText(key, runs), closed });
      if (!closed || app.state.group === '') items.push(...runs.map((row) => ({ row })));
    }
    this.grid.update(items, columns, app.state.sort || usualSort, this.emptyText());
    this.details.update();
  }

  onKey(event: KeyboardEvent): boolean {
    if (event.key === '/') this.find.focus();
    else if (event.key === 'Escape' && this.app.state.run !== '') this.app.go({ run: '' });
    else return false;
    return true;
  }

  private emptyText(): string {
    const { runs } = this.app;
    if (!runs.loaded) return runs.problem === '' ? 'Asking the bridge …' : `The bridge does not answer: ${runs.problem}`;
    if (runs.total === 0) return 'No runs yet. The overview shows how to attach a training program.';
    return 'No run passes this search.';
  }

  private sortBy(id: string): void {
    const sort = nextSort(this.app.state.sort || usualSort, id);
    this.order = [];
    this.app.go({ sort: sort === usualSort ? '' : sort }, 'replace');
  }

  // Runs, in order, where something changed.
  private list(columns: Column[]): void {
    const { state, runs } = this.app;
    const sort = state.sort || usualSort;
    const asked = JSON.stringify([state.find, sort, state.group, state.hidden, state.columns, state.runs.length === 0, state.from, state.to]);
    const version = runs.listVersion;
    const now_ms = performance.now();
    const numbers = /^-?(steps|reward|profit|duration|metric:)/.test(sort) && now_ms - this.listed_ms > refresh_ms;
    if (asked === this.listedFor && version === this.listedVersion && !numbers) return;
    if (asked !== this.listedFor) this.order = [];
    const telling = runsBetween(tellingRuns(runs.all), state.from, state.to);
    const list = listRuns(telling, { find: state.find, sort, group: state.group, hidden: state.hidden }, columns);
    if (this.grid.held && this.order.length > 0) {
      for (const group of list.groups) group.runs = heldOrder(this.order, group.runs, ({ run_id }) => run_id);
    }
    this.groups = list.groups;
    this.order = list.groups.flatMap((group) => group.runs.map(({ run_id }) => run_id));
    this.listedFor = asked;
    this.listedVersion = version;
    this.listed_ms = now_ms;
    setText(this.problem, list.problem === '' ? '' : `This expression cannot be read: ${list.problem}`);
    const parts = [list.count === telling.length ? `${full(list.count)} run${list.count === 1 ? '' : 's'}` : `${full(list.count)} of ${full(telling.length)} runs`];
    if (state.runs.length === 0 && runs.complete && list.count > 0) parts.push(`none chosen: charts show ${full(runs.chosen().length)} of the newest`);
    if (state.from !== undefined || state.to !== undefined) parts.push('that ran in the chosen stretch of time, as they were at its end');
    if (!runs.complete) parts.push(`${full(runs.leftOut)} more are on their way`);
    else if (runs.leftOut > 0) parts.push(`the oldest ${full(runs.leftOut)} are left out: there is no room for them`);
    setText(this.count, runs.loaded ? parts.join(' · ') : '');
    setTitle(this.count, runs.since_s === undefined ? undefined : `As the bridge tells, which counts since ${dateTime(runs.since_s)}`);
  }

  private showBars(): void {
    const { state, runs } = this.app;
    setValue(this.find, state.find);
    this.hidden.checked = state.hidden;
    setText(this.hiddenLabel, runs.hiddenTotal > 0 ? `Show hidden (${full(runs.hiddenTotal)})` : 'Show hidden');
    this.chosenBar.hidden = state.runs.length === 0;
    setText(this.chosenCount, `${full(state.runs.length)} chosen`);
    this.compare.disabled = state.runs.length < 2;
    const now_ms = performance.now();
    if (this.keysVersion !== runs.listVersion && now_ms - this.keys_ms > keysEvery_ms) {
      this.keysVersion = runs.listVersion;
      this.keys_ms = now_ms;
      const seen = keysSeen(runs.all.values());
      this.menu.setKeys([...seen.config.map(([key, count]) => ({ id: `config:${key}`, name: key, what: 'config', count })),
                         ...seen.metrics.map(([tag, count]) => ({ id: `metric:${tag}`, name: tag, what: 'last value', count }))]);
      const keys = seen.config.slice(0, groupsMax).map(([key]) => key);
      if (state.group !== '' && !keys.includes(state.group)) keys.unshift(state.group);
      this.group.replaceChildren(h('option', { value: '' }, 'nothing'), ...keys.map((key) => h('option', { value: key }, key)));
    }
    this.menu.update(state.columns);
    if (this.group.value !== state.group) {
      if (![...this.group.options].some(({ value }) => value === state.group)) this.group.append(h('option', { value: state.group }, state.group));
      this.group.value = state.group;
    }
  }

  private columns(): Column[] {
    const { work } = this;
    const now_s = this.app.now_s();
    const from = originText(this.app.store.tallies.origin);
    const base: Column[] = [
      { id: 'name', name: 'Run', width: 145, grow: 3, value: ({ run_id, name }) => name || run_id, fill: fillName },
      { id: 'agent', name: 'Agent', width: 130, grow: 1, spare: 5, value: ({ source, agent }) => `${source}/${agent}`, fill: fillAgent },
      { id: 'state', name: 'State', ...(innerWidth > 700 ? { width: 106, grow: 2.2 } : { width: 46 }), value: ({ state }) => state, fill: fillState },
      { id: 'started', name: 'Started', width: 150, spare: 4, value: ({ started }) => started, fill: (cell, { started }) => {
        setText(cell, shortDate(started));
        setTitle(cell, dateTime(started));
      } },
      { id: 'duration', name: 'Duration', width: 74, num: true, spare: 6, value: (run) => durationOf(run, now_s),
        fill: (cell, run) => {
          setText(cell, duration(durationOf(run, now_s)));
          setTitle(cell, `From ${dateTime(run.started)} to ${run.state === 'running' ? 'now' : dateTime(run.ended ?? run.last_event)}`);
        } },
      { id: 'steps', name: 'Steps', width: 74, num: true, spare: 3, value: ({ steps }) => steps, fill: (cell, { steps, last_event }) => setQuantity(cell, steps, lastTold(last_event)) },
      { id: 'reward', name: 'Reward', title: 'Of the last episode', width: 80, num: true, spare: 1, value: ({ reward }) => reward, fill: (cell, run) => fillNumber(cell, run.reward, run) },
      { id: 'profit', name: 'Profit', width: 74, num: true, spare: 2, value: ({ run_id }) => work.tallyOf(run_id)?.profit, fill: (cell, { run_id }) => {
        const profit = work.tallyOf(run_id)?.profit;
        setQuantity(cell, profit, from);
        setClass(cell, profit === undefined ? 'num' : profit > 0 ? 'num gain' : profit < 0 ? 'num loss' : 'num');
      } },
    ];
    const chosen = this.app.state.columns.flatMap((id): Column[] => {
      const [kind, ...rest] = id.split(':');
      const name = rest.join(':');
      if (kind === 'config' && name !== '') return [{ ...configColumn(name), name, width: 90, grow: 0.5, num: true, fill: (cell, run) => fillConfig(cell, run, name) }];
      if (kind !== 'metric' || name === '') return [];
      return [{ ...metricColumn(name), name, width: 90, grow: 0.5, num: true, fill: (cell, run) =>
        (Object.hasOwn(run.metrics, name) ? fillNumber(cell, run.metrics[name], run, 'NaN') : setText(cell, dash)) }];
    });
    return [...base, ...chosen,
      { id: 'note', name: 'Tags, note', width: 120, grow: 1.5, spare: 7, value: ({ tags, note }) => [...tags, note].join(' ') || undefined, fill: fillNote }];
  }
}

// A name that does not fit is cut in the middle: its end stays.
const endLength = 8;

function fillName(cell: HTMLElement, { run_id, name, pinned, agent }: Run): void {
  if (cell.firstChild === null) {
    cell.append(h('span', { class: 'run-cell' }, runSwatch(), h('span', { class: 'pin', title: 'Pinned' }),
      h('span', { class: 'run-name' }, h('span'), h('span')), h('small', { class: 'run-agent muted' })));
  }
  const [swatch, pin, text, of] = cell.firstElementChild!.children as unknown as [SVGSVGElement, HTMLElement, HTMLElement, HTMLElement];
  setRunSwatch(swatch, run_id);
  setText(pin, pinned ? '★' : '');
  const shown = [...(name || (agent === '' ? run_id : run_id.slice(0, -agent.length - 1)))];
  const cut = shown.length > endLength + 4 ? shown.length - endLength : shown.length;
  setText(text.children[0]!, shown.slice(0, cut).join(''));
  setText(text.children[1]!, shown.slice(cut).join(''));
  setText(of, nameText(visible(agent), 12));
  setTitle(cell, name === '' ? run_id : `${name}\n${run_id}`);
}

function fillAgent(cell: HTMLElement, { source, agent }: Run): void {
  if (cell.firstChild === null) cell.append(h('span'), ' ', h('small', { class: 'muted' }));
  setName(cell.children[0] as HTMLElement, agent, 24);
  setName(cell.children[1] as HTMLElement, source, 24);
  setTitle(cell, `${agent || 'the run as a whole'}, of ${source}`);
}

function fillState(cell: HTMLElement, { state, error }: Run): void {
  if (cell.firstChild === null) cell.append(h('span'), h('span', { class: 'why' }));
  setBadge(cell.firstElementChild as HTMLElement, state);
  setText(cell.children[1]!, state === 'crashed' ? error : '');
  setTitle(cell, error || undefined);
}

const lastTold = (last_s: number) => `The last one told, up to ${dateTime(last_s)}.`;

function fillNumber(cell: HTMLElement, value: number | undefined, { last_event }: Run, none = dash): void {
  setText(cell, value === undefined ? none : Math.abs(value) >= 10_000 ? compact(value) : digits(value));
  setTitle(cell, value === undefined ? undefined : `${full(value)}. ${lastTold(last_event)}`);
}

function fillConfig(cell: HTMLElement, { config }: Run, key: string): void {
  const value = flatConfig(config).get(key);
  if (value === undefined) setText(cell, dash);
  else if (numberOf(value) !== undefined) setText(cell, String(value));
  else return setName(cell, configText(value), 30);
  setTitle(cell, undefined);
}

function fillNote(cell: HTMLElement, { tags, note }: Run): void {
  const text = [...tags.map((tag) => `#${tag}`), note].filter(Boolean).join(' ');
  setText(cell, text);
  setTitle(cell, text || undefined);
}

// What one wants to know of a group without opening it.
function groupText(key: string, runs: readonly Run[]): string {
  const rewards = runs.flatMap(({ reward }) => reward ?? []);
  const parts = [key, `${full(runs.length)} run${runs.length === 1 ? '' : 's'}`];
  if (rewards.length > 0) {
    const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
    parts.push(`last reward: mean ${digits(mean)}, best ${digits(rewards.reduce((a, b) => Math.max(a, b)))}`);
  }
  return parts.join(' · ');
}
