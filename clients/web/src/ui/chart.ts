// uPlot in the page's colours, with marks drawn over the curves.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { h } from './dom.js';
import { compact, digits, time } from './format.js';
import { colour, onThemeChange, seriesColour } from './theme.js';

export interface Line {
  label: string;
  /** Of the palette of curves. */
  colour: number;
}

export interface Mark {
  x: number;
  /** Nothing: at the chart's foot, as what has no value. */
  y?: number;
  shape: 'up' | 'down' | 'cross';
}

export interface ChartOptions {
  label: string;
  height: number;
  x: 'time' | 'steps';
  /** Sums of gold and counts are shortened as in the game, others have three digits. */
  y: 'gold' | 'plain';
  minAtZero?: boolean;
}

export interface ChartData {
  lines: Line[];
  /** For each line its x and y; null is a hole in the curve. */
  curves: { x: number[]; y: (number | null)[] }[];
  marks: Mark[];
}

const markSize = 5;
const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];

// Points between holes, which no line would show. Undefined is only where another curve has a point.
function isolated(ys: ArrayLike<number | null | undefined>): number[] {
  const found: number[] = [];
  let before: number | null = null;
  let candidate = -1; // behind a hole, what follows is not known yet
  for (let i = 0; i < ys.length; ++i) {
    const y = ys[i];
    if (y === undefined) continue;
    if (y === null && candidate >= 0) found.push(candidate);
    candidate = y !== null && before === null ? i : -1;
    before = y;
  }
  if (candidate >= 0) found.push(candidate);
  return found;
}

export class Chart {
  readonly element: HTMLElement;
  private plot: uPlot | undefined;
  private data: ChartData = { lines: [], curves: [], marks: [] };
  private shape = '';

  constructor(private readonly options: ChartOptions) {
    this.element = h('div', { class: 'chart', role: 'img', 'aria-label': options.label });
    this.element.style.height = `${options.height}px`;
    new ResizeObserver(() => this.resize()).observe(this.element);
    onThemeChange(() => {
      this.shape = '';
      if (this.plot !== undefined) this.update(this.data);
    });
  }

  update(data: ChartData): void {
    this.data = data;
    const aligned = this.aligned();
    const shape = JSON.stringify(data.lines);
    if (this.plot === undefined || shape !== this.shape) {
      this.shape = shape;
      this.plot?.destroy();
      this.plot = new uPlot(this.plotOptions(), aligned, this.element);
    } else {
      this.plot.setData(aligned);
    }
  }

  private aligned(): uPlot.AlignedData {
    const { curves } = this.data;
    if (curves.length === 0) return [[]];
    if (curves.length === 1) return [curves[0]!.x, curves[0]!.y];
    const tables = curves.map(({ x, y }): uPlot.AlignedData => [x, y]);
    return uPlot.join(tables, tables.map(() => [1, 1]));
  }

  private resize(): void {
    const width = this.element.clientWidth;
    if (width > 0 && this.plot !== undefined && width !== this.plot.width) {
      this.plot.setSize({ width, height: this.options.height });
    }
  }

  private plotOptions(): uPlot.Options {
    const muted = colour('--muted');
    const grid = { stroke: colour('--grid'), width: 1 };
    const format = this.options.y === 'gold' ? compact : digits;
    const axis = { stroke: muted, grid, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    return {
      width: Math.max(100, this.element.clientWidth),
      height: this.options.height,
      legend: { show: false },
      padding: [8, 26, 0, 0],
      cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false } },
      scales: {
        x: { time: this.options.x === 'time' },
        y: { range: (_, min, max) => this.rangeOfY(min, max) },
      },
      axes: [
        { ...axis, size: 22, gap: 4, space: 70,
          incrs: this.options.x === 'time' ? timeSteps : undefined,
          values: (_, ticks) => ticks.map(this.options.x === 'time' ? time : compact) },
        { ...axis, size: 50, gap: 4, space: 32, values: (_, ticks) => ticks.map(format) },
      ],
      series: [{}, ...this.data.lines.map((line): uPlot.Series => ({
        label: line.label,
        stroke: seriesColour(line.colour),
        width: 1.5,
        points: { show: true, size: 5, filter: (plot, i) => isolated(plot.data[i]!) },
      }))],
      hooks: {
        draw: [(plot) => this.drawMarks(plot)],
        setCursor: [(plot) => this.showValues(plot)],
      },
    };
  }

  // Room for the marks, too.
  private rangeOfY(min: number | null, max: number | null): uPlot.Range.MinMax {
    const ys = this.data.marks.flatMap(({ y }) => (y === undefined ? [] : [y]));
    const all = [min, max, ...ys].filter((y): y is number => y !== null && Number.isFinite(y));
    if (all.length === 0) return [0, 1];
    const low = all.reduce((a, b) => Math.min(a, b));
    const high = all.reduce((a, b) => Math.max(a, b));
    if (this.options.minAtZero) return [0, (high || 1) * 1.1];
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    return [low - room, high + room];
  }

  // The values under the pointer, as the chart's title.
  private showValues(plot: uPlot): void {
    const at = plot.cursor.idx;
    if (at === null || at === undefined) return;
    const x = plot.data[0][at];
    if (x === undefined) return;
    const format = this.options.y === 'gold' ? compact : digits;
    const values = this.data.lines.flatMap(({ label }, i) => {
      const y = plot.data[i + 1]?.[at];
      return y === null || y === undefined ? [] : [`${label}: ${format(y)}`];
    });
    this.element.title = [this.options.x === 'time' ? time(x) : `step ${compact(x)}`, ...values].join('\n');
  }

  private drawMarks(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const size = markSize * devicePixelRatio;
    const colours = { up: colour('--buy'), down: colour('--sell'), cross: colour('--bad') };
    ctx.save();
    for (const { x, y, shape } of this.data.marks) {
      const left = plot.valToPos(x, 'x', true);
      if (!(left >= bbox.left && left <= bbox.left + bbox.width)) continue;
      const foot = bbox.top + bbox.height - size * 1.5;
      const inside = y === undefined ? foot : plot.valToPos(y, 'y', true);
      const top = Math.min(Math.max(inside, bbox.top), bbox.top + bbox.height);
      ctx.beginPath();
      if (shape === 'cross') {
        ctx.strokeStyle = colours.cross;
        ctx.lineWidth = 2 * devicePixelRatio;
        ctx.moveTo(left - size, top - size);
        ctx.lineTo(left + size, top + size);
        ctx.moveTo(left - size, top + size);
        ctx.lineTo(left + size, top - size);
        ctx.stroke();
        continue;
      }
      const tip = shape === 'up' ? -size : size;
      ctx.moveTo(left, top + tip);
      ctx.lineTo(left - size, top - tip);
      ctx.lineTo(left + size, top - tip);
      ctx.closePath();
      ctx.fillStyle = colours[shape];
      ctx.fill();
      ctx.strokeStyle = colour('--card');
      ctx.lineWidth = devicePixelRatio;
      ctx.stroke();
    }
    ctx.restore();
  }
}
