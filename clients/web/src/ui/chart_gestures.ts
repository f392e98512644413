// Hands on a chart. Mouse: drag zooms, shift and drag pans, a double click resets; the wheel pans sideways (shift),
// and zooms with ctrl, as a touchpad's pinch does. Touch: one finger pans sideways, two zoom, a tap points.
// Keys: arrows move the crosshair, with shift they pan; + and - zoom, 0 resets.
import type { Range } from './chart_group.js';

export interface GestureTarget {
  readonly element: HTMLElement;
  /** Where the curves are; undefined: nothing is drawn yet. */
  area(): DOMRect | undefined;
  /** What is shown of x. */
  shown(): Range;
  /** What there is of x. */
  extent(): Range;
  /** While the hand moves. */
  preview(range: Range): void;
  /** The hand is done; undefined: all of it. */
  zoom(range: Range | undefined): void;
  /** The part that a drag has marked so far; undefined: none. */
  mark(range: Range | undefined): void;
  point(x: number | undefined): void;
  /** The crosshair. */
  pointed(): number | undefined;
}

const moved_px = 4;
const wheelRests_ms = 250;
const panKey = 0.2; // of what is shown
const zoomKey = 0.7;

export class Gestures {
  private readonly fingers = new Map<number, number>(); // by pointer: its x
  private begin: { at: number; range: Range; kind: 'mark' | 'pan' | 'pinch' } | undefined;
  private moved = false;
  private wheelRange: Range | undefined;
  private wheelTimer = 0;

  constructor(private readonly target: GestureTarget) {
    const { element } = target;
    const on = <E extends Event>(type: string, run: (event: E) => void, options?: AddEventListenerOptions) =>
      element.addEventListener(type, run as EventListener, options);
    on('pointerdown', (event: PointerEvent) => this.down(event));
    on('pointermove', (event: PointerEvent) => this.move(event));
    on('pointerup', (event: PointerEvent) => this.up(event, true));
    on('pointercancel', (event: PointerEvent) => this.up(event, false));
    on('pointerleave', () => {
      if (this.begin === undefined) target.point(undefined);
    });
    on('dblclick', () => target.zoom(undefined));
    on('wheel', (event: WheelEvent) => this.wheel(event), { passive: false });
    on('keydown', (event: KeyboardEvent) => this.key(event));
    on('blur', () => target.point(undefined));
  }

  private down(event: PointerEvent): void {
    const area = this.target.area();
    if (area === undefined || event.button !== 0 || !inside(event, area)) return;
    this.fingers.set(event.pointerId, event.clientX);
    this.moved = false;
    const touch = event.pointerType === 'touch';
    const kind = this.fingers.size > 1 ? 'pinch' : touch || event.shiftKey ? 'pan' : 'mark';
    if (!touch) this.target.element.setPointerCapture(event.pointerId);
    this.begin = { at: event.clientX, range: this.target.shown(), kind };
    if (kind === 'pinch') this.begin = { ...this.begin, at: this.spread(), range: this.target.shown() };
  }

  private move(event: PointerEvent): void {
    const area = this.target.area();
    if (area === undefined) return;
    const { begin, target } = this;
    if (begin === undefined || !this.fingers.has(event.pointerId)) {
      if (event.pointerType !== 'touch') target.point(inside(event, area) ? place(event.clientX, area, target.shown()) : undefined);
      return;
    }
    this.fingers.set(event.pointerId, event.clientX);
    const by = event.clientX - begin.at;
    if (!this.moved && begin.kind !== 'pinch' && Math.abs(by) < moved_px) return;
    this.moved = true;
    const perPixel = (begin.range[1] - begin.range[0]) / area.width;
    if (begin.kind === 'mark') {
      const from = place(begin.at, area, begin.range);
      const to = place(Math.min(Math.max(event.clientX, area.left), area.right), area, begin.range);
      target.mark(from < to ? [from, to] : [to, from]);
    } else if (begin.kind === 'pan') {
      target.preview([begin.range[0] - by * perPixel, begin.range[1] - by * perPixel]);
    } else {
      const [a = 0, b = 0] = [...this.fingers.values()];
      target.preview(about(begin.range, place((a + b) / 2, area, begin.range), begin.at / Math.max(10, this.spread())));
    }
  }

  private up(event: PointerEvent, done: boolean): void {
    if (!this.fingers.delete(event.pointerId) || this.begin === undefined) return;
    const { begin, target, moved } = this;
    const area = target.area();
    if (this.fingers.size > 0) {
      // One finger of two is lifted: the other one pans from here.
      this.begin = { at: [...this.fingers.values()][0]!, range: target.shown(), kind: 'pan' };
      return;
    }
    this.begin = undefined;
    target.mark(undefined);
    if (area === undefined) return;
    if (!moved) {
      target.point(place(event.clientX, area, target.shown()));
    } else if (begin.kind === 'mark' && done) {
      const from = place(begin.at, area, begin.range);
      const to = place(Math.min(Math.max(event.clientX, area.left), area.right), area, begin.range);
      if (from !== to) target.zoom(from < to ? [from, to] : [to, from]);
    } else if (begin.kind !== 'mark') {
      target.zoom(target.shown());
    }
  }

  private wheel(event: WheelEvent): void {
    const { target } = this;
    const area = target.area();
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    const pan = !event.ctrlKey && Math.abs(sideways) > (event.shiftKey ? 0 : Math.abs(event.deltaY));
    if (area === undefined || (!pan && !event.ctrlKey)) return; // the page scrolls
    event.preventDefault();
    const [from, to] = this.wheelRange ?? target.shown();
    const by = ((to - from) * sideways) / area.width;
    this.wheelRange = pan ? [from + by, to + by]
      : about([from, to], place(event.clientX, area, [from, to]), Math.exp(event.deltaY / 200));
    target.preview(this.wheelRange);
    window.clearTimeout(this.wheelTimer);
    this.wheelTimer = window.setTimeout(() => {
      const range = this.wheelRange;
      this.wheelRange = undefined;
      if (range !== undefined) target.zoom(range);
    }, wheelRests_ms);
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.target.element) return;
    const { target } = this;
    const [from, to] = target.shown();
    const width = to - from;
    const at = target.pointed();
    const side = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
    if (side !== 0 && event.shiftKey) target.zoom([from + side * panKey * width, to + side * panKey * width]);
    else if (side !== 0) target.point(at === undefined ? (from + to) / 2 : Math.min(to, Math.max(from, at + (side * width) / 100)));
    else if (event.key === 'Home') target.point(from);
    else if (event.key === 'End') target.point(to);
    else if (event.key === '+' || event.key === '=') target.zoom(about([from, to], at ?? (from + to) / 2, zoomKey));
    else if (event.key === '-') target.zoom(about([from, to], at ?? (from + to) / 2, 1 / zoomKey));
    else if (event.key === '0') target.zoom(undefined);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private spread(): number {
    const [a = 0, b = 0] = [...this.fingers.values()];
    return Math.max(10, Math.abs(a - b));
  }
}

function inside({ clientX, clientY }: PointerEvent, { left, right, top, bottom }: DOMRect): boolean {
  return clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
}

function place(clientX: number, { left, width }: DOMRect, [from, to]: Range): number {
  return from + ((clientX - left) / width) * (to - from);
}

/** `range` made `factor` times as wide; `at` stays where it is. */
function about([from, to]: Range, at: number, factor: number): Range {
  return [at - (at - from) * factor, at + (to - at) * factor];
}
