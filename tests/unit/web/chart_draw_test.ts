import assert from 'node:assert/strict';
import { test } from 'node:test';
import { singlePoints } from '../../../clients/web/src/model/points.js';
import { drawCurves, type Field, type Pen } from '../../../clients/web/src/ui/chart_draw.js';

// Notes how wide each line was, and how many corners it had.
class NotingPen {
  readonly lines: [width: number, corners: number][] = [];
  lineWidth = 1;
  globalAlpha = 1;
  private corners = 0;
  constructor(readonly anyWidth = false) {}
  beginPath(): void {
    this.corners = 0;
  }
  moveTo(): void {
    ++this.corners;
  }
  lineTo(): void {
    ++this.corners;
  }
  stroke(): void {
    this.lines.push([this.lineWidth, this.corners]);
  }
  fill(): void {}
  rect(): void {}
  clip(): void {}
  save(): void {}
  restore(): void {}
  closePath(): void {}
  setLineDash(): void {}
}

function drawn(corners: number, ratio: number, smooth = 0, anyWidth = false): [number, number][] {
  const pen = new NotingPen(anyWidth);
  const field: Field = { left: 0, top: 0, width: 1000, height: 100, ratio, x: (value) => value, y: (value) => value };
  const ys = Array.from({ length: corners }, (_, i) => i % 7);
  const points = singlePoints([...ys.keys()], ys);
  drawCurves(pen as unknown as Pen, field, [{ points, colour: '#000', dash: [], smooth, band: false }]);
  return pen.lines;
}

test('charts: a line of many corners is drawn as lines of one pixel beside each other', () => {
  assert.deepEqual(drawn(400, 1), [[1, 400], [1, 400]]);
  assert.deepEqual(drawn(400, 2), Array(5).fill([1, 400]));
  // A faint one is not laid over itself.
  assert.deepEqual(drawn(400, 2, 0.5), [[1, 400], ...Array(7).fill([1, 400])]);
});

test('charts: a line of few corners, and one in a file, is drawn as wide as it is', () => {
  assert.deepEqual(drawn(20, 1), [[1.5, 20]]);
  assert.deepEqual(drawn(400, 1, 0, true), [[1.5, 400]]);
});
