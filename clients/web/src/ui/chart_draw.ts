// The curves and marks of a chart, drawn with a pen: a canvas on the page, or what writes an SVG file. So the
// picture and the file are the same.
import { lineThrough, smoothed, type Points } from '../model/points.js';

/** The part of a canvas that is drawn with. */
export type Pen = Pick<CanvasRenderingContext2D,
  'beginPath' | 'moveTo' | 'lineTo' | 'closePath' | 'stroke' | 'fill' | 'setLineDash' | 'save' | 'restore' | 'rect' | 'clip' |
  'strokeStyle' | 'fillStyle' | 'lineWidth' | 'lineJoin' | 'globalAlpha'> & {
  /** A line with many corners costs it no more where it is wide. */
  readonly anyWidth?: boolean;
};

/** Where on the pen's ground values lie. */
export interface Field {
  left: number;
  top: number;
  width: number;
  height: number;
  /** The ground's pixels a CSS pixel. */
  ratio: number;
  x(value: number): number;
  y(value: number): number;
}

export interface Stroke {
  points: Points;
  colour: string;
  dash: readonly number[];
  /** 0..1 of the moving average. */
  smooth: number;
  /** The lowest and highest of each bucket as an area, instead of the line through all points. */
  band: boolean;
  bars?: Bars;
}

/** Each point as a bar from zero, or as a candle, in place of a line. */
export interface Bars {
  kind: 'bar' | 'candle';
  /** Of x; a point stands at the middle. */
  width: number;
  /** Of a candle that closes below where it opened. */
  falling: string;
  /** Is not known as a whole: drawn faintly. */
  partly?(x: number): boolean;
}

export interface Mark {
  x: number;
  /** Nothing: at the chart's foot, as what has no value. */
  y?: number;
  shape: 'up' | 'down' | 'cross';
}

/** Something that happened: a line from top to bottom. */
export interface Happening {
  x: number;
  colour: string;
  text: string;
}

export interface MarkColours {
  up: string;
  down: string;
  cross: string;
  edge: string;
}

const farAway = 1e6; // pixels; further out a canvas draws nonsense
const cornersMany = 64;
const markSize = 5;
const crossesApart = 4; // px

interface Lines {
  raw: { x: Float64Array; y: Float64Array };
  weight: number;
  smooth: Float64Array;
}
// By the points, which never change once they are there.
const lines = new WeakMap<Points, Lines>();

function linesOf(points: Points, weight: number): Lines {
  let found = lines.get(points);
  if (found === undefined || found.weight !== weight) {
    found = { raw: found?.raw ?? lineThrough(points), weight, smooth: smoothed(points.last, weight) };
    lines.set(points, found);
  }
  return found;
}

/** The smoothed value of each point. */
export function smoothOf(points: Points, weight: number): Float64Array {
  return linesOf(points, weight).smooth;
}

export function drawCurves(pen: Pen, field: Field, strokes: readonly Stroke[]): void {
  pen.save();
  pen.beginPath();
  pen.rect(field.left, field.top, field.width, field.height);
  pen.clip();
  pen.lineJoin = 'round';
  for (const stroke of strokes) {
    const { points, colour, dash, smooth } = stroke;
    const band = stroke.band && points.n.some((n) => n > 1); // where each stands alone there is no area
    const { raw, smooth: mean } = linesOf(points, smooth);
    pen.strokeStyle = colour;
    pen.fillStyle = colour;
    pen.setLineDash(dash.map((length) => length * field.ratio));
    if (stroke.bars !== undefined) {
      drawBars(pen, field, points, stroke.bars, colour);
      continue;
    }
    if (band) {
      pen.globalAlpha = 0.18;
      fillBand(pen, field, points);
    }
    if (smooth > 0 || band) {
      pen.globalAlpha = 0.3;
      if (!band) strokeLine(pen, field, raw.x, raw.y, 1);
      pen.globalAlpha = 1;
      strokeLine(pen, field, points.x, mean, 2);
    } else {
      pen.globalAlpha = 1;
      strokeLine(pen, field, raw.x, raw.y, 1.5);
    }
  }
  pen.restore();
}

// Only what is within the field, and one point beyond on either side.
function visible({ left, width, x }: Field, xs: Float64Array): [number, number] {
  let from = 0;
  let to = xs.length;
  while (from + 1 < to && x(xs[from + 1]!) < left) ++from;
  while (to - 1 > from && x(xs[to - 2]!) > left + width) --to;
  return [from, to];
}

function near(pixel: number): number {
  return pixel > farAway ? farAway : pixel < -farAway ? -farAway : pixel;
}

// A canvas that no graphics card draws takes a hundred times as long for a wide line with many corners as for a
// line of one pixel. So such a line is made of some of one pixel, half a pixel apart.
function hairlines(pen: Pen, corners: number, width: number): number[] {
  pen.lineWidth = width;
  if (pen.anyWidth || corners < cornersMany || width <= 1) return [0];
  pen.lineWidth = 1;
  const count = pen.globalAlpha < 1 ? 1 : Math.round(2 * width) - 1; // faint ones would show where they overlap
  return Array.from({ length: count }, (_, i) => (i - (count - 1) / 2) / 2);
}

function strokeLine(pen: Pen, field: Field, xs: Float64Array, ys: Float64Array, width: number): void {
  const [from, to] = visible(field, xs);
  const lonely: [number, number][] = []; // points between holes, which no line would show
  for (const aside of hairlines(pen, to - from, width * field.ratio)) {
    let length = 0;
    let start: [number, number] = [0, 0];
    lonely.length = 0;
    pen.beginPath();
    for (let i = from; i < to; ++i) {
      const top = field.y(ys[i]!);
      if (Number.isNaN(top)) {
        if (length === 1) lonely.push(start);
        length = 0;
        continue;
      }
      const place: [number, number] = [near(field.x(xs[i]!)) + aside, near(top) + aside];
      if (++length === 1) pen.moveTo(...(start = place));
      else pen.lineTo(...place);
    }
    if (length === 1) lonely.push(start);
    pen.stroke();
  }
  const size = 2.5 * field.ratio;
  for (const [x, y] of lonely) {
    pen.beginPath();
    pen.rect(x - size, y - size, 2 * size, 2 * size);
    pen.fill();
  }
}

const barShare = 0.7; // of its width

// A rising candle is hollow and a falling one filled, so that they differ without colour, too.
function drawBars(pen: Pen, field: Field, points: Points, { kind, width, falling, partly }: Bars, rising: string): void {
  const [from, to] = visible(field, points.x);
  const zero = field.y(0);
  pen.lineWidth = field.ratio;
  for (let i = from; i < to; ++i) {
    const x = points.x[i]!;
    const middle = near(field.x(x));
    const half = Math.max(field.ratio, (near(field.x(x + width / 2)) - middle) * barShare);
    const begin = kind === 'bar' ? zero : near(field.y(points.first[i]!));
    const end = near(field.y(points.last[i]!));
    if (Number.isNaN(end)) continue;
    const falls = points.last[i]! < points.first[i]!;
    pen.globalAlpha = partly?.(x) ? 0.4 : kind === 'bar' ? 0.75 : 1;
    pen.strokeStyle = pen.fillStyle = falls ? falling : rising;
    const [top, bottom] = [Math.min(begin, end), Math.max(begin, end)];
    const height = Math.max(field.ratio, bottom - top);
    if (kind === 'candle') {
      pen.beginPath();
      pen.moveTo(middle, near(field.y(points.max[i]!)));
      pen.lineTo(middle, top);
      pen.moveTo(middle, top + height);
      pen.lineTo(middle, near(field.y(points.min[i]!)));
      pen.stroke();
    }
    pen.beginPath();
    pen.rect(middle - half, top, 2 * half, height);
    if (kind === 'bar' || falls || half < 2 * field.ratio) pen.fill();
    else pen.stroke();
  }
  pen.globalAlpha = 1;
}

function fillBand(pen: Pen, field: Field, { x, min, max }: Points): void {
  const [from, to] = visible(field, x);
  for (let i = from; i < to;) {
    let end = i;
    while (end < to && !Number.isNaN(field.y(max[end]!))) ++end;
    if (end - i > 1) {
      pen.beginPath();
      for (let k = i; k < end; ++k) pen.lineTo(near(field.x(x[k]!)), near(field.y(max[k]!)));
      for (let k = end - 1; k >= i; --k) {
        const low = field.y(min[k]!);
        pen.lineTo(near(field.x(x[k]!)), near(Number.isNaN(low) ? field.top + field.height : low));
      }
      pen.closePath();
      pen.fill();
    }
    i = end + 1;
  }
}

/** Of each point that is no number, as a cross at the foot; where they stand close, fewer. */
export function crossesOf(points: Points, field: Field): Mark[] {
  const marks: Mark[] = [];
  let last = -Infinity;
  for (let i = 0; i < points.length; ++i) {
    if (!(points.none[i]! > 0)) continue;
    const at = field.x(points.x[i]!);
    if (at - last < crossesApart * field.ratio) continue;
    last = at;
    marks.push({ x: points.x[i]!, shape: 'cross' });
  }
  return marks;
}

export function drawHappenings(pen: Pen, field: Field, happenings: readonly Happening[]): void {
  pen.save();
  pen.lineWidth = field.ratio;
  let last = { at: -Infinity, colour: '' };
  for (const { x, colour } of happenings) {
    const at = field.x(x);
    if (!(at >= field.left && at <= field.left + field.width)) continue;
    if (at - last.at < 3 * field.ratio && colour === last.colour) continue; // they stand on each other
    last = { at, colour };
    const size = 4 * field.ratio;
    pen.strokeStyle = colour;
    pen.fillStyle = colour;
    pen.setLineDash([3 * field.ratio, 3 * field.ratio]);
    pen.globalAlpha = 0.5;
    pen.beginPath();
    pen.moveTo(at, field.top);
    pen.lineTo(at, field.top + field.height);
    pen.stroke();
    pen.globalAlpha = 1;
    pen.beginPath();
    pen.moveTo(at - size, field.top);
    pen.lineTo(at + size, field.top);
    pen.lineTo(at, field.top + size * 1.6);
    pen.closePath();
    pen.fill();
  }
  pen.restore();
}

export function drawMarks(pen: Pen, field: Field, marks: readonly Mark[], colours: MarkColours): void {
  const size = markSize * field.ratio;
  pen.save();
  pen.setLineDash([]);
  for (const { x, y, shape } of marks) {
    const left = field.x(x);
    if (!(left >= field.left && left <= field.left + field.width)) continue;
    const foot = field.top + field.height - size * 1.5;
    const inside = y === undefined ? foot : field.y(y);
    const top = Math.min(Math.max(inside, field.top), field.top + field.height);
    pen.beginPath();
    if (shape === 'cross') {
      pen.strokeStyle = colours.cross;
      pen.lineWidth = 2 * field.ratio;
      pen.moveTo(left - size, top - size);
      pen.lineTo(left + size, top + size);
      pen.moveTo(left - size, top + size);
      pen.lineTo(left + size, top - size);
      pen.stroke();
      continue;
    }
    const tip = shape === 'up' ? -size : size;
    pen.moveTo(left, top + tip);
    pen.lineTo(left - size, top - tip);
    pen.lineTo(left + size, top - tip);
    pen.closePath();
    pen.fillStyle = colours[shape];
    pen.fill();
    pen.strokeStyle = colours.edge;
    pen.lineWidth = field.ratio;
    pen.stroke();
  }
  pen.restore();
}
