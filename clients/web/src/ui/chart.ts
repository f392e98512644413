// One chart for all views: uPlot has the axes and the ground, the curves are drawn here from buckets of points, so
// that any number of runs with steps of their own are laid over each other without being brought to one x.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { nearest, singlePoints, type Points } from '../model/points.js';
import { logTicks, placeText, stepDistances, tickTexts, timeSteps, type AxisKind } from './chart_axis.js';
import {
  crossesOf, drawCurves, drawHappenings, drawMarks, smoothOf, type Bars, type Field, type Happening, type Mark, type Stroke,
} from './chart_draw.js';
import { Gestures } from './chart_gestures.js';
import { ChartGroup, type Range } from './chart_group.js';
import { drawLanes, stretchesAt, type Lane } from './chart_lanes.js';
import { rangeOfX, rangeOfY } from './chart_range.js';
import { hideValues, showValues, type ValueRow } from './chart_values.js';
import { h } from './dom.js';
import { compact, digits, full, nameText } from './format.js';
import { colour, onThemeChange, seriesColour } from './theme.js';

export type { Happening, Mark } from './chart_draw.js';

export interface Line {
  label: string;
  /** Of the palette of curves, or as CSS has it. */
  colour: number | string;
  dash?: readonly number[];
  /** What it is called where it is written down; left out: as `label`. */
  id?: string;
  bars?: Bars;
}

export interface ChartOptions {
  label: string;
  height: number;
  x: 'time' | 'steps';
  /** Sums of gold and counts are shortened as in the game, others have three digits. */
  y: 'gold' | 'plain';
  minAtZero?: boolean;
  /** Left out: it is on its own. */
  group?: ChartGroup;
  /** Who keeps the zoom, and gives it back as the data's `range`; left out: the chart. */
  onZoom?(range: Range | undefined): void;
}

export interface ChartData {
  lines: Line[];
  /** For each line its points, or x and y; null is a hole in the curve. */
  curves: (Points | { x: number[]; y: (number | null)[] })[];
  marks: Mark[];
  /** Left out: as the options say. */
  x?: AxisKind;
  happenings?: Happening[];
  /** Stretches in place of curves. */
  lanes?: Lane[];
  /** What is zoomed into. */
  range?: Range;
  log?: boolean;
  smooth?: number;
  band?: boolean;
  /** The axis of values leaves out the few that lie far out. */
  inner?: boolean;
}

export interface Tick {
  at: number;
  text: string;
}

/** All that a picture of the chart needs. */
export interface Picture {
  label: string;
  width: number;
  height: number;
  field: Field;
  strokes: Stroke[];
  marks: Mark[];
  happenings: Happening[];
  lanes: Lane[];
  lines: Line[];
  x: AxisKind;
  ticks: { x: Tick[]; y: Tick[] };
  range: Range;
}

const nearHappening_px = 6;
const keysHelp = 'Arrow keys move the crosshair, with shift they pan; plus and minus zoom, 0 shows all.';

export class Chart {
  readonly element: HTMLElement;
  private plot: uPlot | undefined;
  private data: ChartData = { lines: [], curves: [], marks: [] };
  private curves: Points[] = [];
  private shape = '';
  private ownRange: Range | undefined;
  private previewed: Range | undefined;
  private extent: Range = [0, 1];
  private pointedAt: number | undefined;
  private readonly group: ChartGroup;
  private readonly release: () => void;
  private readonly crosshair = h('div', { class: 'crosshair', hidden: true });
  private readonly ticks: { x: Tick[]; y: Tick[] } = { x: [], y: [] };

  constructor(private readonly options: ChartOptions) {
    this.element = h('div', { class: 'chart', role: 'img', tabindex: '0', 'aria-label': options.label, 'aria-description': keysHelp });
    this.element.style.height = `${options.height}px`;
    this.group = options.group ?? new ChartGroup();
    this.group.add(this);
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(this.element);
    const noTheme = onThemeChange(() => {
      this.shape = '';
      if (this.plot !== undefined) this.update(this.data);
    });
    this.release = () => {
      sizes.disconnect();
      noTheme();
    };
    new Gestures({
      element: this.element,
      area: () => this.plot?.over.getBoundingClientRect(),
      shown: () => this.shown(),
      extent: () => this.extent,
      preview: (range) => this.group.preview(range),
      zoom: (range) => this.zoom(range),
      mark: (range) => this.markRange(range),
      point: (x) => this.group.hover(x, this),
      pointed: () => this.pointedAt,
    });
  }

  /** How many points a curve can show beside each other. */
  get pixels(): number {
    return Math.max(100, Math.round((this.plot?.bbox.width ?? this.element.clientWidth * devicePixelRatio)));
  }

  get zoomed(): boolean {
    return (this.data.range ?? this.ownRange) !== undefined;
  }

  update(data: ChartData): void {
    this.data = data;
    this.curves = data.curves.map((curve) => ('first' in curve ? curve : singlePoints(curve.x, curve.y)));
    this.extent = data.lanes === undefined ? rangeOfX(this.curves, this.kind) : extentOf(data.lanes);
    const shape = JSON.stringify([this.kind, data.log, data.lanes?.map(({ label }) => label)]);
    if (this.plot === undefined || shape !== this.shape) {
      this.shape = shape;
      this.plot?.destroy();
      this.plot = new uPlot(this.plotOptions(), this.corners(), this.element);
      this.plot.over.append(this.crosshair);
    } else {
      this.plot.setData(this.corners());
    }
    this.placeCrosshair();
  }

  /** It is not shown again. */
  destroy(): void {
    this.group.remove(this);
    this.release();
    this.plot?.destroy();
    this.plot = undefined;
    this.element.remove();
  }

  resizeTo(height: number): void {
    if (this.element.style.height === `${height}px`) return; // to look at its size lays out the page
    this.element.style.height = `${height}px`;
    this.resize();
  }

  picture(): Picture | undefined {
    if (this.plot === undefined) return undefined;
    return {
      label: this.options.label, width: this.plot.width, height: this.plot.height, field: this.field(this.plot),
      strokes: this.strokes(), marks: this.allMarks(this.plot), happenings: this.data.happenings ?? [],
      lanes: this.data.lanes ?? [], lines: this.data.lines,
      x: this.kind, ticks: this.ticks, range: this.shown(),
    };
  }

  get canvas(): HTMLCanvasElement | undefined {
    return this.plot?.ctx.canvas;
  }

  showPreview(range: Range | undefined): void {
    this.previewed = range;
    this.plot?.setData(this.corners());
  }

  showCrosshair(x: number | undefined, here: boolean): void {
    if (this.pointedAt !== undefined && x === undefined && here) hideValues();
    this.pointedAt = x;
    this.placeCrosshair();
    if (here && x !== undefined) this.showValues(x);
  }

  private get kind(): AxisKind {
    return this.data.x ?? this.options.x;
  }

  private shown(): Range {
    return this.previewed ?? this.data.range ?? this.ownRange ?? this.extent;
  }

  private zoom(range: Range | undefined): void {
    this.group.preview(undefined);
    if (this.options.onZoom !== undefined) {
      this.options.onZoom(range);
      return;
    }
    this.ownRange = range;
    this.plot?.setData(this.corners());
  }

  // What uPlot is told: only where the corners of the picture are.
  private corners(): uPlot.AlignedData {
    const [from, to] = this.shown();
    return [[from, to], [null, null]];
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width > 0 && this.plot !== undefined && (width !== this.plot.width || height !== this.plot.height)) {
      this.plot.setSize({ width, height });
      this.placeCrosshair();
    }
  }

  private plotOptions(): uPlot.Options {
    const grid = { stroke: colour('--grid'), width: 1 };
    const axis = { stroke: colour('--muted'), grid, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    const { kind } = this;
    const lanes = this.data.lanes?.map(({ label }) => nameText(label, 16));
    const texts = (which: 'x' | 'y', ticks: (number | null)[]): string[] => {
      const nothing = lanes === undefined && this.data.marks.length === 0 && this.curves.every(({ length }) => length === 0);
      if (which === 'y' && nothing) return ticks.map(() => ''); // no numbers are made up
      const shown = which === 'y' && lanes !== undefined ? lanes : tickTexts(which === 'x' ? kind : this.options.y, ticks);
      this.ticks[which] = ticks.flatMap((at, i) => (at === null ? [] : [{ at, text: shown[i]! }]));
      return shown;
    };
    return {
      width: Math.max(100, this.element.clientWidth),
      height: this.element.clientHeight || this.options.height,
      legend: { show: false },
      padding: [8, 26, 0, 0],
      cursor: { show: false },
      scales: {
        x: { time: kind === 'time', range: () => [...this.shown()] },
        y: { distr: this.data.log ? 3 : 1, range: () => [...this.rangeOfY()] },
      },
      axes: [
        { ...axis, size: 26, gap: 8, space: 70, incrs: kind === 'time' || kind === 'relative' ? timeSteps
            : kind === 'steps' ? stepDistances : undefined,
          values: (_, ticks) => texts('x', ticks) },
        {
          ...axis, size: lanes === undefined ? 54 : 110, gap: 4, space: 32, values: (_, ticks) => texts('y', ticks),
          ...(lanes !== undefined && { splits: () => lanes.map((_, i) => lanes.length - i - 0.5) }),
          ...(this.data.log && { splits: (plot, _, low, high) => logTicks(low, high, plot.over.clientHeight / 32), filter: (_, ticks) => ticks }),
        },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { draw: [(plot) => this.draw(plot)] },
    };
  }

  private rangeOfY(): Range {
    if (this.data.lanes !== undefined) return [0, Math.max(1, this.data.lanes.length)];
    const marks = this.data.marks.flatMap(({ y }) => (y === undefined ? [] : [y]));
    return rangeOfY(this.curves, this.shown(), { log: this.data.log === true, zero: this.options.minAtZero === true, inner: this.data.inner === true, marks });
  }

  private strokes(): Stroke[] {
    return this.curves.map((points, i) => ({
      points, colour: this.colourOf(this.data.lines[i]!), dash: this.data.lines[i]!.dash ?? [],
      smooth: this.data.smooth ?? 0, band: this.data.band === true, bars: this.data.lines[i]!.bars,
    }));
  }

  private colourOf({ colour: of }: Line): string {
    return typeof of === 'number' ? seriesColour(of) : of;
  }

  private field({ bbox, scales }: uPlot): Field {
    const { left, top, width, height } = bbox;
    const [x0, x1] = [scales.x!.min!, scales.x!.max!];
    const log = scales.y!.distr === 3;
    const along = (value: number) => (log ? (value > 0 ? Math.log10(value) : NaN) : value);
    const [y0, y1] = [along(scales.y!.min!), along(scales.y!.max!)];
    const perX = width / (x1 - x0);
    // By halves, since the whole of it may be more than a double holds.
    const perY = height / (y1 / 2 - y0 / 2);
    return {
      left, top, width, height, ratio: devicePixelRatio,
      x: (value) => left + (value - x0) * perX,
      y: (value) => top + height - (along(value) / 2 - y0 / 2) * perY,
    };
  }

  private allMarks(plot: uPlot): Mark[] {
    const field = this.field(plot);
    return [...this.data.marks, ...this.curves.flatMap((points) => crossesOf(points, field))];
  }

  private draw(plot: uPlot): void {
    const field = this.field(plot);
    drawHappenings(plot.ctx, field, this.data.happenings ?? []);
    drawLanes(plot.ctx, field, this.data.lanes ?? []);
    drawCurves(plot.ctx, field, this.strokes());
    drawMarks(plot.ctx, field, this.allMarks(plot),
              { up: colour('--buy'), down: colour('--sell'), cross: colour('--bad'), edge: colour('--card') });
  }

  private markRange(range: Range | undefined): void {
    const { plot } = this;
    if (plot === undefined) return;
    const left = range === undefined ? 0 : plot.valToPos(range[0], 'x');
    const width = range === undefined ? 0 : plot.valToPos(range[1], 'x') - left;
    plot.setSelect({ left, width, top: 0, height: plot.over.clientHeight }, false);
  }

  private placeCrosshair(): void {
    const { plot, pointedAt: at } = this;
    const left = at === undefined || plot === undefined ? NaN : plot.valToPos(at, 'x');
    this.crosshair.hidden = !(left >= 0 && left <= plot!.over.clientWidth);
    if (!this.crosshair.hidden) this.crosshair.style.transform = `translateX(${left}px)`;
  }

  // What each curve is at the crosshair: at its point that is nearest.
  private showValues(x: number): void {
    const { plot, data } = this;
    if (plot === undefined) return;
    const number = this.options.y === 'gold' ? compact : digits;
    const smooth = data.smooth ?? 0;
    const stretches = stretchesAt(data.lanes ?? [], x).map(({ lane, stretch }) =>
      ({ label: lane.label, colour: lane.colour, dash: [], value: stretch.to - stretch.from, texts: [stretch.text] }));
    const values = this.curves.flatMap((points, i) => {
      const at = nearest(points, x);
      if (at < 0) return [];
      const line = data.lines[i]!;
      const text = (value: number) => (Number.isNaN(value) ? 'NaN' : number(value));
      if (line.bars !== undefined) return barRow(line, this.colourOf(line), points, at, x, text, this.kind);
      const value = points.last[at]!;
      const of = points.n[at]! > 1 ? `${text(points.min[at]!)} to ${text(points.max[at]!)} of ${full(points.n[at]!)}` : text(value);
      const mean = smooth > 0 ? [text(smoothOf(points, smooth)[at]!)] : [];
      return [{
        label: nameText(line.label, 36), colour: this.colourOf(line), dash: line.dash ?? [], value: smooth > 0 ? smoothOf(points, smooth)[at]! : points.max[at]!,
        texts: [...mean, of, placeShort(this.kind, points.x[at]!)],
      }];
    });
    const area = plot.over.getBoundingClientRect();
    const left = plot.valToPos(x, 'x');
    const happenings = (data.happenings ?? []).filter((one) => Math.abs(plot.valToPos(one.x, 'x') - left) <= nearHappening_px);
    const head = data.lanes !== undefined ? ['took'] : [...(smooth > 0 ? ['smoothed'] : []), 'value', this.kind === 'steps' ? 'step' : 'at'];
    showValues(this.element, placeText(this.kind, this.kind === 'steps' ? Math.round(x) : x), head, [...values, ...stretches],
               happenings.slice(0, 8).map(({ text }) => text), { x: area.left + left, y: area.top });
  }
}

// Of the bar or candle at x: nothing beside it.
function barRow({ label, bars }: Line, colour: string, points: Points, at: number, x: number,
                text: (value: number) => string, kind: AxisKind): ValueRow[] {
  const { kind: shape, width, partly } = bars!;
  if (Math.abs(points.x[at]! - x) > width / 2) return [];
  const [open, close, low, high] = [points.first, points.last, points.min, points.max].map((column) => text(column[at]!));
  const value = shape === 'bar' ? close! : `${open} → ${close}, ${low} to ${high}, of ${full(points.n[at]!)}`;
  const known = partly?.(points.x[at]!) ? ', partly known' : '';
  return [{ label, colour, dash: [], value: points.max[at]!, texts: [value + known, placeShort(kind, points.x[at]! - width / 2)] }];
}

function placeShort(kind: AxisKind, x: number): string {
  return kind === 'steps' ? full(x) : tickTexts(kind, [x])[0]!;
}

function extentOf(lanes: readonly Lane[]): Range {
  let low = Infinity;
  let high = -Infinity;
  for (const { from, to } of lanes.flatMap(({ stretches }) => stretches)) {
    low = Math.min(low, from);
    high = Math.max(high, to);
  }
  return low < high ? [low, high] : [Date.now() / 1000 - 60, Date.now() / 1000];
}
