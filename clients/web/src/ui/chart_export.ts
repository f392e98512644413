// A chart to take away: what is shown of it as CSV (the columns are those of `ppo-client series`), as SVG drawn by
// the same code as on the page, and as PNG.
import type { Points } from '../model/points.js';
import { drawCurves, drawHappenings, drawMarks, type Field } from './chart_draw.js';
import { drawLanes, type Lane } from './chart_lanes.js';
import type { Picture } from './chart.js';
import { h } from './dom.js';
import { nameText, visible } from './format.js';
import { colour } from './theme.js';

const font = '11px system-ui, sans-serif';
const titleHeight = 26;
const keyHeight = 16;
const keysMax = 40;

export interface NamedCurve {
  runId: string;
  tag: string;
  points: Points;
}

/** Points from..to of each curve. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
export function csvOf(curves: readonly NamedCurve[], [from, to]: readonly [number, number]): string {
  const lines = ['run_id,tag,x,first,last,min,max,n'];
  for (const { runId, tag, points } of curves) {
    const names = `${csvText(runId)},${csvText(tag)}`;
    for (let i = 0; i < points.length; ++i) {
      if (points.x[i]! < from || points.x[i]! > to) continue;
      const values = [points.first, points.last, points.min, points.max].map((column) => csvNumber(column[i]!));
      lines.push(`${names},${csvNumber(points.x[i]!)},${values.join(',')},${points.n[i]!}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Stretches that lie, in part at least, in from..to. */
export function csvOfLanes(lanes: readonly Lane[], [from, to]: readonly [number, number]): string {
  const rows = lanes.flatMap(({ label, stretches }) => stretches.filter((one) => one.to >= from && one.from <= to)
    .map((one) => `${csvText(label)},${csvNumber(one.from)},${csvNumber(one.to)},${csvText(one.text)}`));
  return ['lane,from,to,text', ...rows, ''].join('\n');
}

function csvNumber(value: number): string {
  return Number.isNaN(value) ? 'NaN' : String(value);
}

function csvText(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Writes what a canvas would draw as elements of SVG. */
class SvgPen {
  readonly anyWidth = true;
  strokeStyle: string = '#000';
  fillStyle: string = '#000';
  lineWidth = 1;
  lineJoin: CanvasLineJoin = 'miter';
  globalAlpha = 1;
  readonly parts: string[] = [];
  private path: string[] = [];
  private dash: readonly number[] = [];
  private readonly saved: Pick<SvgPen, 'strokeStyle' | 'fillStyle' | 'lineWidth' | 'globalAlpha'>[] = [];

  beginPath(): void {
    this.path = [];
  }
  moveTo(x: number, y: number): void {
    this.path.push(`M${short(x)} ${short(y)}`);
  }
  lineTo(x: number, y: number): void {
    this.path.push(`${this.path.length === 0 ? 'M' : 'L'}${short(x)} ${short(y)}`);
  }
  closePath(): void {
    this.path.push('Z');
  }
  rect(x: number, y: number, width: number, height: number): void {
    this.path.push(`M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`);
  }
  setLineDash(dash: readonly number[]): void {
    this.dash = dash;
  }
  stroke(): void {
    const dash = this.dash.length === 0 ? '' : ` stroke-dasharray="${this.dash.map(short).join(' ')}"`;
    this.add(`fill="none" stroke="${attribute(this.strokeStyle)}" stroke-width="${short(this.lineWidth)}" stroke-linejoin="round"${dash}`);
  }
  fill(): void {
    this.add(`fill="${attribute(this.fillStyle)}"`);
  }
  clip(): void {} // the curves stand in a group that is clipped
  save(): void {
    const { strokeStyle, fillStyle, lineWidth, globalAlpha } = this;
    this.saved.push({ strokeStyle, fillStyle, lineWidth, globalAlpha });
  }
  restore(): void {
    Object.assign(this, this.saved.pop());
    this.dash = [];
  }

  private add(style: string): void {
    if (this.path.length === 0) return;
    const opacity = this.globalAlpha === 1 ? '' : ` opacity="${this.globalAlpha}"`;
    this.parts.push(`<path d="${this.path.join('')}" ${style}${opacity}/>`);
  }
}

function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function attribute(text: string): string {
  return escaped(text).replaceAll('"', '&quot;');
}

/** As text in XML, whatever it holds: what XML cannot hold is made visible. */
function escaped(text: string): string {
  return visible(text).replace(/[<>&]/g, (c) => (c === '<' ? '&lt;' : c === '>' ? '&gt;' : '&amp;'));
}

/** What of the picture has a name, as lines below it. */
function keyOf(picture: Picture, columns: number) {
  return picture.lines.slice(0, keysMax).map(({ label }, i) => ({
    label: nameText(label, 48), colour: picture.strokes[i]?.colour ?? '#000', dash: picture.strokes[i]?.dash ?? [], column: i % columns, row: Math.floor(i / columns),
  }));
}

function keyLayout(picture: Picture): { columns: number; height: number } {
  const columns = Math.max(1, Math.floor(picture.width / 300));
  return { columns, height: Math.ceil(Math.min(picture.lines.length, keysMax) / columns) * keyHeight + 8 };
}

/** In CSS pixels, below the title. */
function moved(field: Field): Field {
  const { ratio } = field;
  return {
    left: field.left / ratio, top: field.top / ratio + titleHeight, width: field.width / ratio, height: field.height / ratio, ratio: 1,
    x: (value) => field.x(value) / ratio, y: (value) => field.y(value) / ratio + titleHeight,
  };
}

export function svgOf(picture: Picture): string {
  const { columns, height: keyRoom } = keyLayout(picture);
  const width = picture.width;
  const height = picture.height + titleHeight + keyRoom;
  const field = moved(picture.field);
  const grid = colour('--grid');
  const muted = attribute(colour('--muted'));
  const ground = attribute(colour('--card'));
  const right = field.left + field.width;
  const foot = field.top + field.height;
  const line = (x1: number, y1: number, x2: number, y2: number) =>
    `<path d="M${short(x1)} ${short(y1)}L${short(x2)} ${short(y2)}" stroke="${attribute(grid)}"/>`;
  const text = (x: number, y: number, anchor: string, value: string, fill = muted) =>
    `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}" fill="${fill}">${escaped(value)}</text>`;
  const axes = [
    ...picture.ticks.x.filter(({ at }) => at >= picture.range[0] && at <= picture.range[1]).flatMap(({ at, text: value }) => {
      const x = field.x(at);
      return [line(x, field.top, x, foot), text(x, foot + 15, 'middle', value)];
    }),
    ...picture.ticks.y.flatMap(({ at, text: value }) => {
      const y = field.y(at);
      return y >= field.top - 1 && y <= foot + 1 ? [line(field.left, y, right, y), text(field.left - 6, y + 4, 'end', value)] : [];
    }),
  ];
  const pen = new SvgPen();
  drawHappenings(pen, field, picture.happenings);
  drawLanes(pen, field, picture.lanes);
  drawCurves(pen, field, picture.strokes);
  const overlay = new SvgPen();
  drawMarks(overlay, field, picture.marks, { up: colour('--buy'), down: colour('--sell'), cross: colour('--bad'), edge: colour('--card') });
  const keys = keyOf(picture, columns).flatMap(({ label, colour: of, dash, column, row }) => {
    const x = 8 + (column * width) / columns;
    const y = picture.height + titleHeight + row * keyHeight + 8;
    return [`<path d="M${short(x)} ${short(y)}h20" stroke="${attribute(of)}" stroke-width="2.5" stroke-dasharray="${dash.map(short).join(' ')}"/>`, text(x + 26, y + 4, 'start', label)];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11">`,
    `<title>${escaped(picture.label)}</title>`,
    `<rect width="${width}" height="${height}" fill="${ground}"/>`,
    `<clipPath id="field"><rect x="${short(field.left)}" y="${short(field.top)}" width="${short(field.width)}" height="${short(field.height)}"/></clipPath>`,
    `<text x="8" y="17" font-size="13" font-weight="600" fill="${attribute(colour('--text'))}">${escaped(nameText(picture.label, 90))}</text>`,
    ...axes, '<g clip-path="url(#field)">', ...pen.parts, '</g>', ...overlay.parts, ...keys, '</svg>', '',
  ].join('\n');
}

/** The chart as it stands on the page, with its title and what its lines are called. */
export function pngOf(picture: Picture, canvas: HTMLCanvasElement): Promise<Blob | null> {
  const { columns, height: keyRoom } = keyLayout(picture);
  const ratio = picture.field.ratio;
  const whole = h('canvas');
  whole.width = canvas.width;
  whole.height = canvas.height + (titleHeight + keyRoom) * ratio;
  const ctx = whole.getContext('2d')!;
  ctx.fillStyle = colour('--card');
  ctx.fillRect(0, 0, whole.width, whole.height);
  ctx.drawImage(canvas, 0, titleHeight * ratio);
  ctx.scale(ratio, ratio);
  ctx.fillStyle = colour('--text');
  ctx.font = `600 ${font.replace('11px', '13px')}`;
  ctx.fillText(visible(nameText(picture.label, 90)), 8, 17);
  ctx.font = font;
  for (const { label, colour: of, dash, column, row } of keyOf(picture, columns)) {
    const x = 8 + (column * picture.width) / columns;
    const y = picture.height + titleHeight + row * keyHeight + 8;
    ctx.strokeStyle = of;
    ctx.lineWidth = 2.5;
    ctx.setLineDash([...dash]);
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x + 20, y);
    ctx.stroke();
    ctx.fillStyle = colour('--muted');
    ctx.fillText(visible(label), x + 26, y + 4);
  }
  return new Promise((done) => whole.toBlob(done, 'image/png'));
}

/** Hands a file to the person. */
export function download(name: string, content: Blob | string, type: string): void {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  h('a', { href: url, download: name.replace(/[^A-Za-z0-9._-]+/g, '_').slice(0, 100) }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
