import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeEvent, JsonObject } from '../../../clients/web/src/feed/index.js';
import { Curves, type CurveQuery } from '../../../clients/web/src/model/curves.js';
import { stepAt } from '../../../clients/web/src/model/marks.js';
import {
  countOfNone, joinPoints, lineThrough, nearest, readPoints, singlePoints, smoothed, type Points,
} from '../../../clients/web/src/model/points.js';
import { samplesOf } from '../../../clients/web/src/model/samples.js';
import { csvOf } from '../../../clients/web/src/ui/chart_export.js';
import { stepDistances, tickTexts } from '../../../clients/web/src/ui/chart_axis.js';
import { rangeOfY } from '../../../clients/web/src/ui/chart_range.js';

function event(type: string, data: JsonObject, seq: number, fields: Partial<BridgeEvent> = {}): BridgeEvent {
  return { type, data, seq, timestamp: 1000 + seq, source: 's', run: 'r', ...fields };
}
const scalar = (seq: number, step: number | undefined, value: number | null, tag = 'loss') =>
  event('scalar', { tag, value, ...(step !== undefined && { step }) }, seq);

// A bridge that has points of one curve: [seq, step, value].
function setUp(options: { bytesMax?: number } = {}) {
  let now_ms = 0;
  let changes = 0;
  const asked: JsonObject[] = [];
  let answer: (params: JsonObject) => JsonObject | Error = () => new Error('not now');
  const curves = new Curves({
    ask: async (_, params) => {
      asked.push(params);
      const result = answer(params);
      if (result instanceof Error) throw result;
      return result;
    },
    started: () => 1000, now_ms: () => now_ms, after: () => {}, changed: () => { ++changes; }, ...options,
  });
  const settle = () => new Promise((done) => setTimeout(done, 0));
  return {
    curves, asked, settle, pass: (ms: number) => { now_ms += ms; }, changes: () => changes,
    answers: (give: typeof answer) => { answer = give; },
  };
}
const query = (fields: Partial<CurveQuery> = {}): CurveQuery => ({ tag: 'loss', runIds: ['s@r'], x: 'step', pixels: 500, ...fields });
const series = (rows: number[][], seq: number, fields: JsonObject = {}): JsonObject => ({
  series: [{ run_id: 's@r', tag: 'loss', points: rows }], seq, epoch: 'e', complete: true, ...fields,
});
const alone = (x: number, value: number) => [x, value, value, value, value, 1];
const xs = ({ x }: Points) => [...x];
const ys = ({ last }: Points) => [...last];

test('samples: tag and step are those of the contract', () => {
  assert.deepEqual(samplesOf(event('training_update', { steps: 128, update: 2, agent_id: 'a', policy_loss: null, ok: true, note: 'x' }, 1)), [
    { tag: 'training_update/update', step: 128, value: 2 }, { tag: 'training_update/policy_loss', step: 128, value: NaN }]);
  assert.deepEqual(samplesOf(event('episode_end', { steps: 200, reward: 1.5, global_step: 4000 }, 1)), [
    { tag: 'episode_end/steps', step: 4000, value: 200 }, { tag: 'episode_end/reward', step: 4000, value: 1.5 }]);
  assert.deepEqual(samplesOf(event('episode_end', { reward: 1 }, 1)), [{ tag: 'episode_end/reward', step: undefined, value: 1 }]);
  assert.deepEqual(samplesOf(event('scalar', { tag: 'a/b', value: 2n ** 70n, step: 7n }, 1)), [{ tag: 'a/b', step: 7, value: 2 ** 70 }]);
  for (const data of [{ tag: '', value: 1 }, { tag: 'x'.repeat(257), value: 1 }, { tag: 'a', value: '1' }, { tag: 5, value: 1 }]) {
    assert.deepEqual(samplesOf(event('scalar', data, 1)), []);
  }
});

test('smoothing: as TensorBoard, debiased; what is no number stays a hole', () => {
  const values = [1, 3, NaN, 2, 10, -4];
  let last = 0;
  let count = 0;
  const expected = values.map((value) => {
    if (!Number.isFinite(value)) return value;
    last = last * 0.6 + 0.4 * value;
    return last / (1 - 0.6 ** ++count);
  });
  assert.deepEqual([...smoothed(Float64Array.from(values), 0.6)], expected);
  assert.equal(smoothed(Float64Array.from(values), 0.6)[0], 1); // not drawn towards 0
  assert.deepEqual([...smoothed(Float64Array.from([5, 5, 5]), 0.9)], [5, 5, 5]);
  assert.deepEqual([...smoothed(Float64Array.from(values), 0)], values);
});

// The rows of each pixel column that a line covers.
function rasterOf({ x, y }: { x: ArrayLike<number>; y: ArrayLike<number> }, from: number, to: number, pixels: number) {
  const columns = Array.from({ length: pixels }, () => ({ low: Infinity, high: -Infinity }));
  const column = (at: number) => Math.min(pixels - 1, Math.floor(((at - from) / (to - from)) * pixels));
  for (let i = 0; i < x.length; ++i) {
    const one = columns[column(x[i]!)]!;
    one.low = Math.min(one.low, y[i]!);
    one.high = Math.max(one.high, y[i]!);
  }
  return columns;
}

test('points: the line through buckets of a pixel is the line through all points', () => {
  const n = 100_000;
  const pixels = 400;
  const all = { x: Array.from({ length: n }, (_, i) => i), y: Array.from({ length: n }, (_, i) => Math.sin(i / 900) + (i === 77_777 ? 1000 : 0)) };
  const rows = new Map<number, number[]>();
  all.x.forEach((x, i) => {
    const y = all.y[i]!;
    const bucket = Math.min(pixels - 1, Math.floor((x / (n - 1)) * pixels));
    const row = rows.get(bucket);
    if (row === undefined) rows.set(bucket, [x, y, y, y, y, 1]);
    else rows.set(bucket, [row[0]!, row[1]!, y, Math.min(row[3]!, y), Math.max(row[4]!, y), row[5]! + 1]);
  });
  const line = lineThrough(readPoints([...rows.values()]));
  assert.deepEqual(rasterOf(line, 0, n - 1, pixels), rasterOf(all, 0, n - 1, pixels));
  assert.equal(Math.max(...line.y), all.y[77_777]);
});

test('points: NaN is counted, and a hole; x that goes back is put in its place', () => {
  const points = readPoints([[1, 0.5, null, 0.25, 0.5, 7], [2, null, null, null, null, 3], [3, 1, 1, 1, 1, 1], 'no row', [4, null, 2, 1, 2, 9, 4]]);
  assert.equal(points.length, 4);
  assert.equal(countOfNone(points), 1 + 3 + 0 + 4);
  assert.ok(Number.isNaN(lineThrough(points).y[3]!));
  const joined = joinPoints([singlePoints([1, 5], [1, 5]), singlePoints([3, 5, 6], [3, 50, null])]);
  assert.deepEqual(xs(joined), [1, 3, 5, 5, 6]);
  assert.deepEqual(ys(joined), [1, 3, 5, 50, NaN]);
  assert.deepEqual([0, 3.9, 4.1, 99].map((x) => nearest(joined, x)), [0, 1, 2, 4]);
  assert.equal(nearest(singlePoints([], []), 1), -1);
});

test('curves: what comes live goes on where the answer ends, nothing twice and nothing missing', async () => {
  const { curves, asked, answers, settle } = setUp();
  answers(() => series([alone(1, 10), alone(2, 20)], 102));
  curves.apply([scalar(100, 99, 0, 'other')]);
  assert.equal(curves.get(query()).curves[0]!.length, 0);
  curves.apply([scalar(101, 1, 10), scalar(102, 2, 20), scalar(103, 3, 30)]); // before the answer is here
  await settle();
  curves.apply([scalar(103, 3, 30), scalar(104, 4, null)]);
  const { curves: [points] } = curves.get(query());
  assert.deepEqual(xs(points!), [1, 2, 3, 4]);
  assert.deepEqual(ys(points!), [10, 20, 30, NaN]);
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0], { run_ids: ['s@r'], tags: ['loss'], x: 'step', points_max: 500 });
});

test('curves: without steps they go by their count, and on from the count of the answer', async () => {
  const { curves, answers, settle } = setUp();
  answers(() => series([[1, 5, 6, 5, 6, 100], [101, 7, 7, 7, 7, 50]], 200));
  curves.apply([scalar(199, undefined, 7)]);
  curves.get(query());
  curves.apply([scalar(200, undefined, 7), scalar(201, undefined, 8)]);
  await settle();
  curves.apply([scalar(202, undefined, 9)]);
  assert.deepEqual(xs(curves.get(query()).curves[0]!), [1, 101, 151, 152]);
});

test('curves: an answer from before the first event heard is asked again', async () => {
  const { curves, asked, answers, settle, pass } = setUp();
  answers(() => series([alone(1, 10)], 50));
  curves.apply([scalar(60, 6, 60)]);
  curves.get(query());
  await settle();
  curves.get(query());
  assert.equal(asked.length, 1); // not at once
  pass(2500);
  answers(() => series([alone(1, 10), alone(6, 60)], 60));
  curves.get(query());
  await settle();
  pass(2500);
  curves.get(query());
  assert.equal(asked.length, 2);
});

test('curves: a zoom asks for its range, with detail in its place', async () => {
  const { curves, asked, answers, settle, pass } = setUp();
  answers(({ from }) => (from === undefined
    ? series([[0, 0, 0, 0, 1000, 500], [500, 1, 1, 0, 1, 500]], 9) : series([alone(40, 1), alone(77, 1000), alone(90, 1)], 9)));
  curves.get(query({ pixels: 2 }));
  await settle();
  const zoomed = query({ pixels: 2, range: [50, 100] });
  curves.get(zoomed);
  assert.equal(asked.length, 1); // the hand still moves
  pass(200);
  curves.get(zoomed);
  await settle();
  assert.deepEqual([asked[1]!.from, asked[1]!.to], [25, 125]);
  assert.deepEqual(xs(curves.get(zoomed).curves[0]!), [0, 40, 77, 90, 500]);
  assert.deepEqual(xs(curves.get(query({ pixels: 2 })).curves[0]!), [0, 500]);
  pass(5000);
  curves.get(query({ pixels: 2, range: [60, 90] })); // each stands alone there: nothing finer exists
  await settle();
  assert.equal(asked.length, 2);
});

test('curves: after a gap everything is asked again, and shown until then', async () => {
  const { curves, asked, answers, settle } = setUp();
  answers(() => series([alone(1, 10)], 5));
  curves.get(query());
  await settle();
  curves.refill();
  answers(() => series([alone(1, 10), alone(2, 20)], 2));
  assert.deepEqual(xs(curves.get(query()).curves[0]!), [1]);
  await settle();
  curves.apply([scalar(3, 3, 30)]);
  assert.deepEqual(xs(curves.get(query()).curves[0]!), [1, 2, 3]);
  assert.equal(asked.length, 2);
});

test('curves: a refusal is told, and tried again later', async () => {
  const { curves, asked, settle, pass, answers } = setUp();
  curves.get(query());
  await settle();
  assert.equal(curves.get(query()).problem, 'not now');
  assert.equal(asked.length, 1);
  answers(() => series([alone(1, 1)], 1));
  pass(2500);
  curves.get(query());
  await settle();
  assert.equal(curves.get(query()).problem, '');
});

test('curves: a reply that was cut off is asked for the rest', async () => {
  const { curves, asked, answers, settle } = setUp();
  const ids = ['a@r', 'b@r', 'c@r'];
  answers(({ run_ids }) => {
    const [first] = run_ids as string[];
    return { series: [{ run_id: first!, tag: 'loss', points: [alone(1, 1)] }], seq: 1, epoch: 'e', complete: (run_ids as string[]).length === 1 };
  });
  for (let i = 0; i < 4; ++i) {
    curves.get(query({ runIds: ids }));
    await settle();
  }
  assert.deepEqual(asked.map(({ run_ids }) => run_ids), [ids, ids.slice(1), ids.slice(2)]);
  assert.ok(curves.get(query({ runIds: ids })).curves.every(({ length }) => length === 1));
});

test('curves: bounded in bytes, what was looked at longest ago goes', async () => {
  const { curves, asked, answers, settle, pass } = setUp({ bytesMax: 200_000 });
  answers(({ tags }) => ({ ...series([], 1), series: [{ run_id: 's@r', tag: (tags as string[])[0]!, points: Array.from({ length: 500 }, (_, i) => alone(i, i)) }] }));
  for (let i = 0; i < 40; ++i) {
    curves.get(query({ tag: `tag${i}` }));
    await settle();
    pass(5000);
  }
  assert.ok(curves.bytes <= 200_000, String(curves.bytes));
  curves.get(query({ tag: 'tag39' }));
  await settle();
  assert.equal(asked.length, 40);
  curves.get(query({ tag: 'tag0' }));
  await settle();
  assert.equal(asked.length, 41);
});

test('curves: a tail that no answer comes for is bounded', async () => {
  const { curves, answers, settle, pass } = setUp();
  answers(() => series([alone(1, 1)], 1));
  curves.apply([scalar(1, 1, 1)]);
  curves.get(query());
  await settle();
  answers(() => new Error('busy'));
  for (let seq = 2; seq < 100_000; ++seq) curves.apply([scalar(seq, seq, seq)]);
  const { curves: [points] } = curves.get(query());
  assert.ok(points!.length < 4100 && points!.x[points!.length - 1] === 99_999);
  answers(() => series([[1, 1, 99_999, 1, 99_999, 99_999]], 99_999));
  pass(2500);
  curves.get(query());
  await settle();
  assert.deepEqual(xs(curves.get(query()).curves[0]!), [1]);
});

test('marks: a time is the step that the curve had come to', () => {
  const byTime = readPoints([[100, 1, 1, 1, 1, 1], [110, 1, 1, 1, 1, 1], [120, 1, 1, 1, 1, 1]]);
  const byStep = readPoints([[1000, 1, 1, 1, 1, 1], [2000, 1, 1, 1, 1, 1], [3000, 1, 1, 1, 1, 1]]);
  assert.deepEqual([99, 100, 115, 500].map((time) => stepAt(byTime, byStep, time)), [1000, 1000, 2000, 3000]);
});

test('export: CSV has every digit, and no formulas', () => {
  const points = readPoints([alone(1, 0.1), [2, null, 3, 1, 3, 9], alone(5, 5)]);
  assert.equal(csvOf([{ runId: 's@r/a,"b"', tag: '=HYPERLINK("x")', points }], [1, 2]), 'run_id,tag,x,first,last,min,max,n\n' +
    '"s@r/a,""b""","\'=HYPERLINK(""x"")",1,0.1,0.1,0.1,0.1,1\n"s@r/a,""b""","\'=HYPERLINK(""x"")",2,NaN,3,1,3,9\n');
});

test('axes: ticks that are close still differ, and the range holds what is seen', () => {
  assert.deepEqual(tickTexts('steps', [1_000_000, 1_000_001, 1_000_002]), ['1,000,000', '1,000,001', '1,000,002']);
  assert.deepEqual(tickTexts('plain', [0.10001, 0.10002]), ['0.10001', '0.10002']);
  assert.deepEqual(tickTexts('plain', [2300, 2325, 2350]), ['2,300', '2,325', '2,350']);
  assert.deepEqual(tickTexts('plain', [0, 5e5, 1e6]), ['0', '500k', '1m']);
  assert.deepEqual(tickTexts('plain', [-0.0003, 0.0003]), ['−0.0003', '0.0003']);
  assert.deepEqual(tickTexts('plain', [0, 0.00005, 0.0001]), ['0', '5.00e-5', '1.00e-4']);
  assert.deepEqual(tickTexts('relative', [0, 0.5, 61, 3725]), ['0:00', '0:00.5', '1:01', '1:02:05']);
  assert.deepEqual(tickTexts('gold', [24_000_000, 24_250_000, 24_500_000]), ['24m', '24.25m', '24.5m']);
  assert.deepEqual(tickTexts('plain', [-12_500, -12_250, -12_000]), ['−12.5k', '−12.25k', '−12k']);
  assert.deepEqual(tickTexts('plain', [1004, 1006]), ['1,004', '1,006']);
  assert.ok(stepDistances.every(Number.isInteger));
  const usual = { log: false, zero: false, marks: [] };
  const points = readPoints([[0, 0, 0, 0, 0, 1], [10, 10, 10, 10, 10, 1]]);
  const [low, high] = rangeOfY([points], [4, 6], usual); // between two points
  assert.ok(low < 4 && low > 3 && high > 6 && high < 7, `${low} ${high}`);
  const huge = rangeOfY([readPoints([alone(0, -1.7e308), alone(1, 1.7e308)])], [0, 1], usual);
  assert.ok(huge.every(Number.isFinite));
  assert.deepEqual(rangeOfY([readPoints([alone(0, -5)])], [0, 1], { ...usual, log: true }), [1, 10]);
  // Where it is wished, a few far out do not press the others flat; of few points none is left out.
  const many = readPoints(Array.from({ length: 100 }, (_, i) => alone(i, i === 50 ? 1e6 : i === 51 ? NaN : i % 10)));
  const [least, most] = rangeOfY([many], [0, 100], { ...usual, inner: true });
  assert.ok(least > -3 && most < 12, `${least} ${most}`);
  assert.ok(rangeOfY([many], [0, 100], usual)[1] > 1e6);
  assert.ok(rangeOfY([many], [45, 55], { ...usual, inner: true })[1] > 1e6);
  const flat = readPoints(Array.from({ length: 100 }, (_, i) => alone(i, i === 50 ? 9 : 1)));
  assert.ok(rangeOfY([flat], [0, 100], { ...usual, inner: true })[1] > 9, 'a peak alone on a flat line is all there is');
});
