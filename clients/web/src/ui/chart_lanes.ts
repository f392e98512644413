// Stretches of time in lanes, one a name: what the phases of a loop took.
import type { Field, Pen } from './chart_draw.js';

export interface Stretch {
  from: number;
  to: number;
  text: string;
}

export interface Lane {
  label: string;
  colour: string;
  /** In order of `from`. */
  stretches: readonly Stretch[];
}

const room = 0.16; // of a lane, above and below

export function drawLanes(pen: Pen, field: Field, lanes: readonly Lane[]): void {
  pen.save();
  pen.beginPath();
  pen.rect(field.left, field.top, field.width, field.height);
  pen.clip();
  const right = field.left + field.width;
  lanes.forEach(({ colour, stretches }, i) => {
    const top = field.top + ((i + room) / lanes.length) * field.height;
    const height = ((1 - 2 * room) / lanes.length) * field.height;
    pen.fillStyle = colour;
    pen.beginPath();
    let last = -Infinity;
    for (const { from, to } of stretches) {
      const begin = Math.max(field.left, field.x(from));
      const end = Math.min(right, Math.max(field.x(to), field.x(from) + field.ratio));
      // Of many within one pixel one is seen.
      if (end < field.left || begin > right || (end - begin <= field.ratio && begin - last < field.ratio)) continue;
      last = begin;
      // A gap as wide as a hair between one and the next.
      pen.rect(begin, top, Math.max(field.ratio, end - begin - field.ratio * 0.5), height);
    }
    pen.fill();
  });
  pen.restore();
}

/** Of each lane what is under way at `x`. */
export function stretchesAt(lanes: readonly Lane[], x: number): { lane: Lane; stretch: Stretch }[] {
  return lanes.flatMap((lane) => {
    let i = lane.stretches.length - 1;
    while (i >= 0 && !(lane.stretches[i]!.from <= x && x <= lane.stretches[i]!.to)) --i;
    return i < 0 ? [] : [{ lane, stretch: lane.stretches[i]! }];
  });
}
