// A small curve without axes.
import { h } from './dom.js';
import { Redraw } from './redraw.js';
import { colour } from './theme.js';

const pointsMax = 120;

export class Sparkline {
  readonly element: HTMLCanvasElement;
  private readonly redraw = new Redraw();

  constructor(private readonly width: number, private readonly height: number) {
    this.element = h('canvas', { class: 'spark', 'aria-hidden': 'true' });
    this.element.style.width = `${width}px`;
    this.element.style.height = `${height}px`;
  }

  /** Draws where there is something new: `version` says so, and `name` whose it is. */
  draw(values: readonly (number | null)[], name: string, version: number,
       look: { colour: string; dash: number[] } = { colour: colour('--curve-0'), dash: [] }): void {
    const ratio = devicePixelRatio;
    if (!this.redraw.due(`${name} ${ratio} ${look.colour} ${look.dash.join()}`, String(version))) return;
    this.element.width = this.width * ratio;
    this.element.height = this.height * ratio;
    const context = this.element.getContext('2d');
    const known = values.filter((value): value is number => value !== null);
    if (context === null || known.length < 2) return;
    const step = Math.max(1, known.length / pointsMax);
    const points: number[] = [];
    for (let i = 0; i < known.length; i += step) points.push(known[Math.floor(i)]!);
    points.push(known[known.length - 1]!);
    const min = Math.min(...points);
    const span = Math.max(...points) - min || 1;
    context.scale(ratio, ratio);
    context.beginPath();
    points.forEach((value, i) => {
      const x = 1 + (i / (points.length - 1)) * (this.width - 5);
      const y = this.height - 3 - ((value - min) / span) * (this.height - 6);
      if (i === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
    context.strokeStyle = look.colour;
    context.setLineDash(look.dash);
    context.lineWidth = 1.5;
    context.stroke();
    const last = points[points.length - 1]!;
    context.beginPath();
    context.arc(this.width - 4, this.height - 3 - ((last - min) / span) * (this.height - 6), 2, 0, 7);
    context.fillStyle = look.colour;
    context.fill();
  }
}
