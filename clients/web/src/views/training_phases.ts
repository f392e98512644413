// Under the curves: what the phases of each run's loop took, and what happened to the runs.
import { markText, type RunMark } from '../model/marks.js';
import type { Span } from '../model/run_events.js';
import { Chart } from '../ui/chart.js';
import { ChartMenu } from '../ui/chart_menu.js';
import { ChartGroup } from '../ui/chart_group.js';
import { h, named, setName, setText } from '../ui/dom.js';
import { dateTime, digits, full, percent, when } from '../ui/format.js';
import { Redraw } from '../ui/redraw.js';
import { runLook } from '../ui/run_colours.js';
import { isDark, seriesColour } from '../ui/theme.js';
import type { App } from './view.js';

const runsMax = 4;
const lanesMax = 8; // those that took longest
const laneHeight = 26;
const marksShown = 50;
const errorsShown = 5; // some programs tell of one with each step

interface Phase {
  name: string;
  spans: Span[];
  total_s: number;
  longest_s: number;
}

interface RunPhases {
  element: HTMLElement;
  title: HTMLElement;
  chart: Chart;
  menu: ChartMenu;
  rows: HTMLElement;
  note: HTMLElement;
  redraw: Redraw;
}

/** Those that took longest first. */
export function phasesOf(spans: readonly Span[]): Phase[] {
  const byName = new Map<string, Phase>();
  for (const span of spans) {
    let phase = byName.get(span.name);
    if (phase === undefined) byName.set(span.name, (phase = { name: span.name, spans: [], total_s: 0, longest_s: 0 }));
    phase.spans.push(span);
    phase.total_s += span.duration_s;
    phase.longest_s = Math.max(phase.longest_s, span.duration_s);
  }
  return [...byName.values()].sort((a, b) => b.total_s - a.total_s);
}

/** Spans and the like name no agent as a rule: they are of the run as a whole. */
export function withWhole(runIds: readonly string[], runsMost: number): string[] {
  return [...new Set(runIds.slice(0, runsMost).flatMap((id) => [id, id.replace(/(@[^/]*)\/.*$/s, '$1')]))];
}

export class TrainingPhases {
  readonly element = h('div', { class: 'view' });
  private readonly byRun = new Map<string, RunPhases>();
  private readonly happened: HTMLElement;
  private readonly list = h('ol', { class: 'happenings' });
  private readonly more = h('p', { class: 'note' });
  private readonly group = new ChartGroup();
  private listKey = '';

  constructor(private readonly app: App) {
    this.happened = h('section', { class: 'card', 'aria-label': 'What happened' }, h('h2', {}, 'What happened'), this.list, this.more);
    this.element.append(this.happened);
  }

  update(runIds: readonly string[], marks: ReadonlyMap<string, readonly RunMark[]>): void {
    this.updateMarks(runIds, marks);
    const shown = withWhole(runIds, runsMax).filter((id) => this.app.spans.of(id).length > 0).slice(0, runsMax);
    for (const [id, phases] of this.byRun) {
      if (shown.includes(id)) continue;
      phases.chart.destroy();
      phases.element.remove();
      this.byRun.delete(id);
    }
    for (const id of shown) this.updateRun(id);
  }

  private updateMarks(runIds: readonly string[], marks: ReadonlyMap<string, readonly RunMark[]>): void {
    const seen = new Map<number, RunMark>(); // those of a run as a whole come with each of its agents
    for (const id of runIds) for (const mark of marks.get(id) ?? []) if (mark.kind !== 'started') seen.set(mark.seq, mark);
    const all = [...seen.values()].sort((a, b) => b.seq - a.seq);
    let errors = 0;
    const newest = all.filter(({ kind }) => kind !== 'error' || ++errors <= errorsShown);
    const left = all.length - Math.min(newest.length, marksShown);
    this.happened.hidden = newest.length === 0;
    const key = `${runIds.join()} ${newest[0]?.seq} ${all.length}`;
    if (key === this.listKey) return;
    this.listKey = key;
    this.list.replaceChildren(...newest.slice(0, marksShown).map((mark) => {
      const name = named(runLook(mark.runId).label, 40);
      name.className = 'muted';
      return h('li', {}, h('span', { class: 'muted', title: dateTime(mark.timestamp) }, when(mark.timestamp)), ' ', h('span', {}, markText(mark)), ' ', name);
    }));
    setText(this.more, left > 0 ? `and ${full(left)} before these` : '');
  }

  private updateRun(id: string): void {
    const { spans, state } = this.app;
    const all = spans.of(id);
    const run = this.byRun.get(id) ?? this.add(id);
    setName(run.title, `Phases of ${runLook(id).label}`, 60);
    if (!run.redraw.due(`${state.from} ${state.to} ${isDark()}`, String(spans.version))) return;
    const phases = phasesOf(all);
    const lanes = phases.slice(0, lanesMax).map(({ name, spans: of }, i) => ({
      label: name, colour: seriesColour(i),
      stretches: of.map(({ start, duration_s, step }) => ({
        from: start, to: start + duration_s, text: `${ms(duration_s)}${step === undefined ? '' : `, step ${full(step)}`}`,
      })).sort((a, b) => a.from - b.from),
    }));
    if (!run.menu.open) run.chart.resizeTo(lanes.length * laneHeight + 34);
    const { from, to = this.app.now_s() } = state;
    const range = from !== undefined && from < to ? [from, to] as const : undefined;
    run.chart.update({ lines: [], curves: [], marks: [], lanes, x: 'time', range });
    const first = Math.min(...all.map(({ start }) => start));
    const last = Math.max(...all.map(({ start, duration_s }) => start + duration_s));
    run.rows.replaceChildren(...phases.slice(0, lanesMax).map(({ name, spans: of, total_s, longest_s }) =>
      h('tr', {}, h('td', {}, named(name, 40)), ...[percent(total_s / (last - first || 1)), ms(total_s / of.length), ms(longest_s), full(of.length)]
        .map((text) => h('td', { class: 'num', title: `Of the spans from ${dateTime(first)} to ${dateTime(last)}` }, text)))));
    setText(run.note, `of the newest ${full(all.length)} spans` +
      (phases.length > lanesMax ? `; ${full(phases.length - lanesMax)} shorter phases are not shown` : ''));
  }

  private add(id: string): RunPhases {
    const title = h('h2');
    const rows = h('tbody');
    const note = h('p', { class: 'note' });
    const chart = new Chart({ label: `Phases of ${runLook(id).label} over time`, height: laneHeight + 34, x: 'time', y: 'plain', group: this.group });
    const head = h('tr', {}, ...['phase', 'of the time', 'mean', 'longest', 'count'].map((text, i) => h('th', i === 0 ? {} : { class: 'num' }, text)));
    const menu = new ChartMenu({ name: () => `Phases of ${runLook(id).label}`, chart: () => chart });
    const element = h('section', { class: 'card', 'aria-label': 'Phases' }, h('div', { class: 'with-menu' }, title, menu.element), chart.element,
      h('div', { class: 'table' }, h('table', {}, h('thead', {}, head), rows)), note);
    this.happened.before(element);
    const run = { element, title, chart, menu, rows, note, redraw: new Redraw() };
    this.byRun.set(id, run);
    return run;
  }
}

function ms(seconds: number): string {
  return `${digits(seconds * 1000)} ms`;
}
