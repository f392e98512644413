// Under the curves: how values were spread over the steps (`histogram` events), and what runs wrote (`text`).
import { emptyPoints, type Points } from '../model/points.js';
import type { Histogram } from '../model/run_events.js';
import { Chart } from '../ui/chart.js';
import { ChartMenu } from '../ui/chart_menu.js';
import type { ChartGroup } from '../ui/chart_group.js';
import { h, setName, setText } from '../ui/dom.js';
import { full, when } from '../ui/format.js';
import { Redraw } from '../ui/redraw.js';
import { runLook } from '../ui/run_colours.js';
import { withWhole } from './training_phases.js';
import type { App } from './view.js';

const runsMax = 4;
const panelsMax = 24;
const textsShown = 30;
const height = 190;

interface Spread {
  runId: string;
  tag: string;
  histograms: Histogram[];
}

interface Panel {
  element: HTMLElement;
  name: HTMLElement;
  chart: Chart;
  redraw: Redraw;
}

/** The middle of it, and how far the share from `low` to `high` reaches around. */
export function quantiles(histograms: readonly Histogram[], low: 'p5' | 'p25', high: 'p75' | 'p95'): Points {
  const sorted = [...histograms].sort((a, b) => a.step - b.step);
  const points = emptyPoints(sorted.length);
  sorted.forEach((one, i) => {
    points.x[i] = one.step;
    points.first[i] = points.last[i] = one.p50;
    points.min[i] = one[low];
    points.max[i] = one[high];
    points.n[i] = Number.isNaN(one.count) ? 2 : Math.max(2, one.count);
    points.none[i] = Number(Number.isNaN(one.p50));
  });
  return points;
}

export class TrainingSpread {
  readonly element = h('div', { class: 'view' });
  private readonly panels = new Map<string, Panel>();
  private readonly grid = h('div', { class: 'grid' });
  private readonly note = h('p', { class: 'note' });
  private readonly spreads = h('details', { class: 'tags', open: true }, h('summary', {}, 'Distributions'), this.grid, this.note);
  private readonly list = h('ol', { class: 'happenings' });
  private readonly texts = h('section', { class: 'card', 'aria-label': 'Texts' }, h('h2', {}, 'Texts'), this.list);
  private textsKey = '';
  private spreadsKey = '';
  private all: Spread[] = [];

  constructor(private readonly app: App, private readonly group: ChartGroup) {
    this.element.append(this.spreads, this.texts);
  }

  update(runIds: readonly string[], wanted: (tag: string) => boolean): void {
    const ids = withWhole(runIds, runsMax);
    this.updateTexts(ids, wanted);
    for (const runId of ids) this.app.histograms.of(runId); // asks where that is due
    const key = `${this.app.histograms.version} ${ids.join()}`;
    if (key !== this.spreadsKey) {
      this.spreadsKey = key;
      this.all = ids.flatMap((runId) => this.ofRun(runId));
    }
    const spreads = this.all.filter(({ tag }) => wanted(tag));
    this.spreads.hidden = spreads.length === 0;
    setText(this.note, spreads.length > panelsMax ? `${full(spreads.length - panelsMax)} more are not shown: search for their tags` : '');
    const shown = new Map(spreads.slice(0, panelsMax).map((spread) => [`${spread.tag}\n${spread.runId}`, spread]));
    for (const [key, panel] of this.panels) {
      if (shown.has(key)) continue;
      panel.chart.destroy();
      panel.element.remove();
      this.panels.delete(key);
    }
    if (this.spreads.open) for (const [key, spread] of shown) this.updatePanel(key, spread);
  }

  private ofRun(runId: string): Spread[] {
    const byTag = new Map<string, Spread>();
    for (const one of this.app.histograms.of(runId)) {
      let spread = byTag.get(one.tag);
      if (spread === undefined) byTag.set(one.tag, (spread = { runId, tag: one.tag, histograms: [] }));
      spread.histograms.push(one);
    }
    return [...byTag.values()];
  }

  private updatePanel(key: string, { runId, tag, histograms }: Spread): void {
    const panel = this.panels.get(key) ?? this.add(key, tag);
    const { state } = this.app;
    const { colour } = runLook(runId);
    setName(panel.name, `${tag} · ${runLook(runId).label}`, 60);
    // Steps are what histograms have.
    const range = state.x === 'step' && state.x0 !== undefined && state.x1 !== undefined ? [state.x0, state.x1] as const : undefined;
    if (!panel.redraw.due(JSON.stringify([range, state.log, colour]), String(this.app.histograms.version))) return;
    panel.chart.update({
      lines: [{ label: 'p5 to p95', colour }, { label: 'p25 to p75', colour }],
      curves: [quantiles(histograms, 'p5', 'p95'), quantiles(histograms, 'p25', 'p75')],
      marks: [], range, log: state.log, band: true,
    });
  }

  private add(key: string, tag: string): Panel {
    const chart = new Chart({
      label: `How ${tag} is spread`, height, x: 'steps', y: 'plain', group: this.group,
      onZoom: (range) => this.app.go({ x: 'step', x0: range?.[0], x1: range?.[1] }),
    });
    const name = h('span', { class: 'tag' });
    const menu = new ChartMenu({ name: () => `How ${tag} is spread`, chart: () => chart });
    const element = h('section', { class: 'card panel', 'aria-label': `How ${tag} is spread` }, h('h2', {}, name, menu.element), chart.element);
    this.grid.append(element);
    const panel = { element, name, chart, redraw: new Redraw() };
    this.panels.set(key, panel);
    return panel;
  }

  private updateTexts(ids: readonly string[], wanted: (tag: string) => boolean): void {
    const found = ids.flatMap((runId) => this.app.texts.of(runId).map((one) => ({ ...one, runId }))).filter(({ tag }) => wanted(tag))
      .sort((a, b) => b.timestamp - a.timestamp).slice(0, textsShown);
    this.texts.hidden = found.length === 0;
    const key = JSON.stringify(found.map(({ timestamp, tag, runId }) => [timestamp, tag, runId]));
    if (key === this.textsKey) return;
    this.textsKey = key;
    this.list.replaceChildren(...found.map(({ tag, text, step, timestamp, runId }) => {
      const head = h('span', { class: 'muted' });
      setText(head, `${when(timestamp)} ${tag}${step === undefined ? '' : ` at step ${full(step)}`} · ${runLook(runId).label}`);
      return h('li', {}, head, h('pre', {}, text));
    }));
  }
}
