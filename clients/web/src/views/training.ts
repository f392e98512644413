// Curves of training over steps, runs laid over each other.
import { metrics, type MetricKey, type Run } from '../model/training.js';
import { h, setText } from '../ui/dom.js';
import { Chart, type Mark } from '../ui/chart.js';
import { compact } from '../ui/format.js';
import { Redraw } from '../ui/redraw.js';
import type { App, View } from './view.js';

const runsShownMax = 8; // as many as there are colours
const smoothing = 0.05; // of the newest reward, beside what came before

interface Panel {
  key: MetricKey;
  section: HTMLElement;
  chart: Chart;
  notNumbers: HTMLElement;
}

export class TrainingView implements View {
  readonly name = 'training';
  readonly title = 'Training';
  readonly element = h('div', { class: 'view' });
  private readonly chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Runs' });
  private readonly empty = h('p', { class: 'card empty' },
    'No training_update or episode_end yet. A trainer sends one with every update of its policy.');
  private readonly panels: Panel[];
  private readonly grid: HTMLElement;
  /** What a person chose; the newest runs where nothing was chosen. */
  private readonly chosen = new Map<string, boolean>();
  private chipKeys = '';
  private readonly redraw = new Redraw();
  private smooth = true;

  constructor(private readonly app: App) {
    this.panels = metrics.map(({ key, label }) => {
      const chart = new Chart({
        label: `${label} over steps`, height: 190, x: 'steps', y: key === 'steps_per_second' ? 'gold' : 'plain',
      });
      const notNumbers = h('span', { class: 'bad-note' });
      const section = h('section', { class: 'card' }, h('h2', {}, label, ' ', notNumbers), chart.element);
      return { key, section, chart, notNumbers };
    });
    this.grid = h('div', { class: 'grid' }, ...this.panels.map(({ section }) => section));
    const smooth = h('input', { type: 'checkbox', checked: true, onchange: () => {
      this.smooth = smooth.checked;
      this.redraw.reset();
      app.repaint();
    } });
    this.element.append(
      h('div', { class: 'bar' }, this.chips, h('label', { class: 'check' }, smooth, 'smooth the reward')),
      this.empty, this.grid);
  }

  update(): void {
    const runs = [...this.app.store.training.runs.values()];
    this.empty.hidden = runs.length > 0;
    this.grid.hidden = runs.length === 0;
    this.updateChips(runs);
    const shown = this.shown(runs);
    const names = shown.map((run) => run.key).join();
    if (!this.redraw.due(names, String(this.app.store.training.version))) return;
    for (const panel of this.panels) this.updatePanel(panel, runs, shown);
  }

  private updatePanel({ key, section, chart, notNumbers }: Panel, runs: Run[], shown: Run[]): void {
    // What no trainer measures has no chart.
    section.hidden = !runs.some((run) => run.curves[key].series.length > 0);
    if (section.hidden) return;
    const marks: Mark[] = shown.flatMap((run) =>
      run.curves[key].notNumbers.map((x): Mark => ({ x, shape: 'cross' })));
    const total = shown.reduce((sum, run) => sum + run.curves[key].notNumbersTotal, 0);
    setText(notNumbers, total === 0 ? '' : `✕ ${compact(total)} NaN`);
    chart.update({
      lines: shown.map((run) => ({ label: `${run.source}/${run.agent}`, colour: runs.indexOf(run) })),
      curves: shown.map((run) => {
        const { x, columns } = run.curves[key].series;
        const y = columns[0]!;
        return { x, y: key === 'reward' && this.smooth ? smoothed(y) : y };
      }),
      marks,
    });
  }

  private shown(runs: Run[]): Run[] {
    const newest = new Set(runs.slice(-runsShownMax));
    return runs.filter((run) => this.chosen.get(run.key) ?? newest.has(run)).slice(-runsShownMax);
  }

  private updateChips(runs: Run[]): void {
    const shown = new Set(this.shown(runs));
    const key = runs.map((run) => `${run.key} ${shown.has(run)}`).join('\n');
    if (key !== this.chipKeys) {
      this.chipKeys = key;
      this.chips.replaceChildren(...runs.map((run, i) => {
        const on = shown.has(run);
        const chip = h('button', { class: 'chip', 'aria-pressed': String(on), title: `run ${run.run}`,
          onclick: () => {
            this.chosen.set(run.key, !on);
            this.app.repaint();
          } },
          h('i', { class: `swatch curve-${i % 8}` }), `${run.source}/${run.agent}`, h('small'));
        return chip;
      }));
    }
    runs.forEach((run, i) =>
      setText(this.chips.children[i]!.lastChild!, run.steps ? ` ${compact(run.steps)} steps` : ''));
  }
}

// A mean that follows; a hole stays a hole.
function smoothed(values: (number | null)[]): (number | null)[] {
  let mean: number | undefined;
  return values.map((value) => {
    if (value === null) return null;
    mean = mean === undefined ? value : mean + smoothing * (value - mean);
    return mean;
  });
}
