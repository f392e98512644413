// A small curve without axes. It is SVG: of many canvases that change, each would hold up every picture of the page.
import { svg } from './dom.js';
import { Redraw } from './redraw.js';

const pointsMax = 120;

export class Sparkline {
  readonly element: SVGSVGElement;
  private readonly redraw = new Redraw();
  private readonly line = svg('path', { fill: 'none', 'stroke-width': '1.5' });
  private readonly end = svg('circle', { r: '2' });

  constructor(private readonly width: number, private readonly height: number) {
    this.element = svg('svg', { class: 'spark', 'aria-hidden': 'true', width: `${width}`, height: `${height}` }, this.line, this.end);
  }

  /** Draws where there is something new: `version` says so, and `name` whose it is. */
  draw(values: readonly (number | null)[], name: string, version: number, colour: string): void {
    if (!this.redraw.due(`${name} ${colour}`, String(version))) return;
    const known = values.filter((value): value is number => value !== null);
    this.element.style.visibility = known.length < 2 ? 'hidden' : '';
    if (known.length < 2) return;
    const step = Math.max(1, known.length / pointsMax);
    const points: number[] = [];
    for (let i = 0; i < known.length; i += step) points.push(known[Math.floor(i)]!);
    points.push(known[known.length - 1]!);
    const min = Math.min(...points);
    const span = Math.max(...points) - min || 1;
    const places = points.map((value, i) => [
      (1 + (i / (points.length - 1)) * (this.width - 5)).toFixed(1),
      (this.height - 3 - ((value - min) / span) * (this.height - 6)).toFixed(1),
    ] as const);
    const [x, y] = places[places.length - 1]!;
    this.line.setAttribute('d', `M${places.join('L')}`);
    this.line.setAttribute('stroke', colour);
    this.end.setAttribute('cx', x);
    this.end.setAttribute('cy', y);
    this.end.setAttribute('fill', colour);
  }
}
