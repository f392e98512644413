// One tag's chart: made when it comes into view, gone when it is far out of it.
import { countOfNone, filterPoints, type Points } from '../model/points.js';
import { markText, stepAt, type RunMark } from '../model/marks.js';
import { Chart, type Happening } from '../ui/chart.js';
import type { ChartGroup, Range } from '../ui/chart_group.js';
import { ChartMenu } from '../ui/chart_menu.js';
import { h, named, setName, setText } from '../ui/dom.js';
import { compact, when } from '../ui/format.js';
import { Redraw } from '../ui/redraw.js';
import { runLook, runSwatch } from '../ui/run_colours.js';
import { colour } from '../ui/theme.js';
import type { App } from './view.js';

// A high window has room for higher charts.
const chartHeight = () => Math.round(Math.min(260, Math.max(190, 0.18 * innerHeight)));
const happeningsMax = 200;
const fewPixels = 400; // to find the step of a time

export interface PanelView {
  runIds: readonly string[];
  /** All that changes how it is drawn, but for the points. */
  shape: string;
  range: Range | undefined;
  /** By run. */
  marks: ReadonlyMap<string, readonly RunMark[]>;
  marksVersion: number;
}

export class TrainingPanel {
  readonly element: HTMLElement;
  /** It is in view, or nearly. */
  near = false;
  private chart: Chart | undefined;
  private readonly slot = h('div', { class: 'chart-slot' });
  private readonly none = h('span', { class: 'bad-note' });
  private readonly state = h('span', { class: 'muted' });
  private readonly menu: ChartMenu;
  private readonly key = h('p', { class: 'key' });
  private readonly redraw = new Redraw();
  /** By run: its curve over time, and over steps. */
  private readonly places = new Map<string, [Points, Points]>();
  private placesVersion = 0;

  constructor(private readonly app: App, readonly tag: string, private readonly group: ChartGroup) {
    this.slot.style.minHeight = `${chartHeight()}px`;
    const name = h('span', { class: 'tag' });
    setName(name, tag, 48);
    this.menu = new ChartMenu({
      name: () => tag, chart: () => this.chart, key: this.key,
      onOpen: () => this.fillKey(app.runs.chosen().filter((id) => !app.state.off.includes(id))),
      items: [{ text: 'Pin', run: () => this.togglePin() }],
    });
    const heading = h('h2', {}, name, ' ', this.none, ' ', this.state, this.menu.element);
    this.element = h('section', { class: 'card panel', 'aria-label': tag }, heading, this.slot);
  }

  update(view: PanelView): void {
    const { app, chart } = this;
    setText(this.menu.buttons[0]!, app.state.pins.includes(this.tag) ? 'Unpin' : 'Pin');
    if (!this.near && !this.menu.open) return;
    const { x, log, band, inner, smooth = 0 } = app.state;
    const drawn = chart ?? this.makeChart();
    const query = { tag: this.tag, x, pixels: drawn.pixels };
    this.askPlaces(view);
    const cuts = view.runIds.map((runId) => this.cutOf(runId));
    const answer = app.curves.get({ ...query, runIds: view.runIds, range: view.range ?? around(cuts) });
    const version = `${answer.version} ${view.marksVersion} ${this.placesVersion}`;
    const empty = answer.curves.every(({ length }) => length === 0);
    const below = log ? answer.curves.reduce((sum, { min }) => sum + min.reduce((n, one) => n + Number(one <= 0), 0), 0) : 0;
    setText(this.state, answer.problem !== '' && app.feed.state.status === 'live' ? answer.problem : empty ? (answer.asking ? 'asking…' : 'no points here')
      : below > 0 ? 'values up to 0 have no place on this axis' : '');
    if (!this.redraw.due(`${view.shape} ${answer.curves.length} ${drawn.pixels}`, `${version} ${cuts.join(' ')}`)) return;
    const shown = view.runIds.flatMap((runId, i) => {
      const cut = cuts[i];
      const points = cut === undefined ? answer.curves[i]! : filterPoints(answer.curves[i]!, (at) => at >= cut[0] && at <= cut[1]);
      return points.length === 0 ? [] : [{ runId, points }];
    });
    const total = shown.reduce((sum, { points }) => sum + countOfNone(points), 0);
    setText(this.none, total === 0 ? '' : `✕ ${compact(total)} NaN`);
    if (this.menu.open) this.fillKey(shown.map(({ runId }) => runId));
    drawn.update({
      lines: shown.map(({ runId }) => ({ ...runLook(runId), id: runId })), curves: shown.map(({ points }) => points),
      marks: [], happenings: this.happenings(view), x: x === 'step' ? 'steps' : x, range: view.range, log, band, inner, smooth,
    });
  }

  leave(): void {
    this.near = false;
    if (this.menu.open || this.chart === undefined) return;
    this.chart.destroy();
    this.chart = undefined;
    this.redraw.reset();
  }

  private makeChart(): Chart {
    this.chart = new Chart({
      label: this.tag, height: chartHeight(), x: 'steps', y: 'plain', group: this.group,
      // "Back" goes to all of it at once, not through each step of a pan.
      onZoom: (range) => this.app.go({ x0: range?.[0], x1: range?.[1] }, this.app.state.x0 === undefined ? 'push' : 'replace'),
    });
    this.slot.replaceChildren(this.chart.element);
    return this.chart;
  }

  // What a person did to the runs, and how they ended; errors that did not end one are listed below the charts.
  private happenings({ runIds, marks }: PanelView): Happening[] {
    const { app } = this;
    const { x } = app.state;
    const found: Happening[] = [];
    const seen = new Set<number>(); // those of a run as a whole come with each of its agents
    const add = (runId: string, timestamp: number, of: string, text: string) => {
      const started = app.runs.find(runId)?.started;
      const at = x === 'time' ? timestamp : x === 'relative' ? started && timestamp - started : this.stepOf(runId, timestamp);
      if (at !== undefined) found.push({ x: at, colour: of, text: `${when(timestamp)} ${text} · ${runLook(runId).label}` });
    };
    for (const runId of runIds) {
      for (const mark of marks.get(runId) ?? []) {
        if (isUsual(mark) || seen.has(mark.seq) || found.length >= happeningsMax) continue;
        seen.add(mark.seq);
        add(runId, mark.timestamp, colourOf(mark), markText(mark));
      }
      const run = app.runs.find(runId);
      if (run?.state === 'lost' && run.ended !== undefined) add(runId, run.ended, colour('--bad'), 'lost');
    }
    return found.sort((a, b) => a.x - b.x);
  }

  // While the past is played again it ends at the moment that is shown.
  private shownStretch() {
    const { from, to, at, x } = this.app.state;
    return { from, to: to ?? (at === undefined ? undefined : this.app.now_s()), x };
  }

  // The stretch of wall time that all views show, as a part of the run's own axis; undefined: all of it.
  private cutOf(runId: string): Range | undefined {
    const { from, to, x } = this.shownStretch();
    if (from === undefined && to === undefined) return undefined;
    const started = this.app.runs.find(runId)?.started;
    const place = (time_s: number) => (x === 'time' ? time_s : x === 'relative' ? started && time_s - started : this.stepOf(runId, time_s));
    return [from === undefined ? -Infinity : place(from) ?? -Infinity, to === undefined ? Infinity : place(to) ?? Infinity];
  }

  // Over steps, the curves over time tell where a time lies: asked for where something is to be placed.
  private askPlaces({ runIds, marks }: PanelView): void {
    const { from, to, x } = this.shownStretch();
    this.places.clear();
    this.placesVersion = 0;
    if (x !== 'step') return;
    for (const runId of runIds) {
      const placed = marks.get(runId)?.some((mark) => !isUsual(mark)) || this.app.runs.find(runId)?.state === 'lost';
      if (!placed && from === undefined && to === undefined) continue;
      const query = { tag: this.tag, runIds: [runId], pixels: fewPixels };
      const byTime = this.app.curves.get({ ...query, x: 'time' });
      const byStep = this.app.curves.get({ ...query, x: 'step' });
      this.places.set(runId, [byTime.curves[0]!, byStep.curves[0]!]);
      this.placesVersion += byTime.version;
    }
  }

  private stepOf(runId: string, timestamp: number): number | undefined {
    const places = this.places.get(runId);
    return places && stepAt(...places, timestamp);
  }

  private togglePin(): void {
    const { pins } = this.app.state;
    this.app.go({ pins: pins.includes(this.tag) ? pins.filter((tag) => tag !== this.tag) : [...pins, this.tag] }, 'replace');
  }

  private fillKey(runIds: readonly string[]): void {
    if (this.key.dataset.runs === runIds.join('\n')) return;
    this.key.dataset.runs = runIds.join('\n');
    this.key.replaceChildren(...runIds.map((runId) => h('span', {}, runSwatch(runId), ' ', named(runLook(runId).label, 48))));
  }
}

// All of these; undefined: they have no end.
function around(cuts: readonly (Range | undefined)[]): Range | undefined {
  const from = Math.min(...cuts.map((cut) => cut?.[0] ?? -Infinity));
  const to = Math.max(...cuts.map((cut) => cut?.[1] ?? Infinity));
  return Number.isFinite(from) && Number.isFinite(to) && from < to ? [from, to] : undefined;
}

// What has no place on a chart.
function isUsual({ kind, data }: RunMark): boolean {
  return kind === 'started' || kind === 'error' || (kind === 'ended' && data.state === 'finished');
}

function colourOf({ kind, data }: RunMark): string {
  if (kind === 'ended' && data.state === 'crashed') return colour('--bad');
  if (kind === 'ended' || kind === 'pause' || kind === 'resume' || kind === 'stop') return colour('--warn');
  return colour(/checkpoint|save/.test(kind) ? '--good' : '--accent');
}
