// Curves of runs, asked of the bridge (get_series) for what is looked at and no more: as many points as the chart
// has pixels, so that nothing is lost of the picture. Live events go on behind each answer's seq; where they
// become many it is asked again. Bounded in bytes: the curve that was looked at longest ago goes; what is looked at
// now is bounded by the charts that fit on a screen.
import type { BridgeEvent, JsonObject } from '../feed/index.js';
import type { Asking } from './asking.js';
import { Curve } from './curve.js';
import { noPoints, readPoints, type Points } from './points.js';
import { runIdOfEvent, samplesOf } from './samples.js';
import { listOf, numberOf, objectOf, wordsOf } from './values.js';

export type Axis = 'step' | 'time' | 'relative';

export interface CurveQuery {
  tag: string;
  runIds: readonly string[];
  x: Axis;
  /** The part that is zoomed into. */
  range?: readonly [number, number];
  /** How wide the chart is. */
  pixels: number;
}

export interface CurveAnswer {
  /** As the query's runs. */
  curves: Points[];
  /** Changes with them. */
  version: number;
  /** A better answer is under way. */
  asking: boolean;
  /** Why there is none; empty: there is. */
  problem: string;
}

export interface CurvesOptions extends Asking {
  /** When a run began, seconds since 1970. */
  started(runId: string): number | undefined;
  bytesMax?: number;
}

/** All curves of a tag over one axis: a chart's. */
interface Family {
  tag: string;
  x: Axis;
  curves: Map<string, Curve>;
  asking: number;
  problem: string;
  retry_ms: number;
  range: string;
  rangeSince_ms: number;
}

const bytesMax = 64 * 1024 * 1024;
const replyBytes = 3 * 1024 * 1024; // the bridge cuts a reply off at 4 MiB
const bytesOfRow = 80;
const runsMax = 256; // of a question
const tailLong = 512;
const again_ms = 2000;
const shown_ms = 3000; // what was looked at so lately stays, however large
const pointsOfChart = 20_000; // over all of its curves, where these are many
const pointsMin = 100; // of a curve
const settle_ms = 120; // a hand that zooms or pans has come to rest

export class Curves {
  /** How many events the bridge could not count, without a journal. */
  missed = 0;
  private readonly families = new Map<string, Family>();
  private readonly byRun = new Map<string, Map<string, { family: Family; curve: Curve }[]>>();
  private heard: number | undefined;

  constructor(private readonly options: CurvesOptions) {}

  get bytes(): number {
    let bytes = 0;
    for (const { curves } of this.families.values()) for (const curve of curves.values()) bytes += curve.bytes;
    return bytes;
  }

  /** Live events, in order. */
  apply(events: readonly BridgeEvent[]): void {
    if (events.length === 0) return;
    if (this.heard === undefined) {
      for (const { curve } of this.all()) curve.heardFrom ??= events[0]!.seq - 1;
    }
    this.heard = Math.max(this.heard ?? 0, events[events.length - 1]!.seq);
    if (this.byRun.size === 0) return;
    for (const event of events) {
      const { type } = event;
      if (type !== 'scalar' && type !== 'training_update' && type !== 'episode_end') continue;
      const runId = runIdOfEvent(event);
      const ofRun = runId === undefined ? undefined : this.byRun.get(runId);
      if (ofRun === undefined) continue;
      for (const { tag, step, value } of samplesOf(event)) {
        for (const { family, curve } of ofRun.get(tag) ?? []) {
          const started = family.x === 'relative' ? this.options.started(runId!) : 0;
          if (started === undefined) curve.heardFrom = event.seq; // the bridge knows
          else curve.push(event.seq, family.x === 'step' ? step ?? NaN : event.timestamp - started, value);
        }
      }
    }
  }

  /** Events are missing, or numbered anew: all is asked again. */
  refill(): void {
    this.heard = undefined;
    for (const { family, curve } of this.all()) {
      curve.restart(undefined);
      family.retry_ms = 0;
    }
  }

  /** What is known of it by now; asks for what is missing, and says changed() when that is here. */
  get({ tag, runIds, x, range, pixels }: CurveQuery): CurveAnswer {
    const family = this.family(tag, x);
    const now_ms = this.options.now_ms();
    pixels = Math.max(Math.min(pixels, pointsMin), Math.min(pixels, pointsOfChart / runIds.length));
    let version = 0;
    const curves = runIds.map((runId) => {
      const curve = this.curve(family, runId);
      curve.used_ms = now_ms;
      version += curve.version;
      return curve;
    });
    this.askWhole(family, curves, pixels, now_ms);
    if (range !== undefined) this.askPart(family, curves, range, pixels, now_ms);
    return {
      curves: curves.map((curve) => curve.points(range !== undefined)),
      version, asking: family.asking > 0, problem: family.problem,
    };
  }

  private askWhole(family: Family, curves: Curve[], pixels: number, now_ms: number): void {
    if (family.asking > 0 || now_ms < family.retry_ms) return;
    const due = curves.filter((curve) => {
      const { whole } = curve;
      if (whole === undefined || curve.stale) return true;
      if (now_ms - curve.asked_ms < curve.again_ms) return false;
      return curve.hasHole || curve.tailLength > tailLong || (whole.width > 0 && whole.points.length < pixels * 0.6);
    });
    this.ask(family, due, undefined, pixels);
  }

  private askPart(family: Family, curves: Curve[], range: readonly [number, number], pixels: number, now_ms: number): void {
    const [from, to] = range;
    const key = `${from} ${to}`;
    if (key !== family.range) {
      family.range = key;
      family.rangeSince_ms = now_ms;
    }
    const width = (to - from) / pixels;
    const due = curves.filter(({ whole, part, stale }) => {
      if (whole === undefined || stale || whole.width === 0 || whole.points.length === 0) return false;
      return part === undefined || !(part.from! <= from && part.to! >= to) || part.width > width * 1.01;
    });
    if (due.length === 0 || family.asking > 0 || now_ms < family.retry_ms || !(to > from)) return;
    if (now_ms - family.rangeSince_ms < settle_ms) {
      this.options.after(settle_ms, () => this.options.changed());
      return;
    }
    // Half as much again on either side, so that a little panning shows what is there.
    const room = (to - from) / 2;
    this.ask(family, due, [from - room, to + room], pixels * 2);
  }

  private ask(family: Family, curves: Curve[], range: [number, number] | undefined, pixels: number): void {
    const pointsMax = Math.max(16, Math.min(20_000, Math.ceil(pixels)));
    const atOnce = Math.max(1, Math.min(runsMax, Math.floor(replyBytes / (pointsMax * bytesOfRow))));
    for (let i = 0; i < curves.length; i += atOnce) {
      void this.askSome(family, curves.slice(i, i + atOnce), range, pointsMax);
    }
  }

  private async askSome(family: Family, curves: Curve[], range: [number, number] | undefined, pointsMax: number): Promise<void> {
    const now_ms = this.options.now_ms();
    if (range === undefined) for (const curve of curves) curve.asked_ms = now_ms;
    ++family.asking;
    try {
      const result = await this.options.ask('get_series', {
        run_ids: curves.map(({ runId }) => runId), tags: [family.tag], x: family.x, points_max: pointsMax,
        ...(range !== undefined && { from: range[0], to: range[1] }),
      });
      this.take(family, curves, range, pointsMax, result);
      family.problem = '';
    } catch (error) {
      family.problem = wordsOf(error);
      family.retry_ms = this.options.now_ms() + again_ms;
      this.options.after(again_ms, () => this.options.changed());
    } finally {
      --family.asking;
    }
    this.letGo();
    this.options.changed();
  }

  private take(family: Family, curves: Curve[], range: [number, number] | undefined, pointsMax: number, result: JsonObject): void {
    const seq = numberOf(result.seq) ?? 0;
    this.missed = numberOf(result.missed) ?? 0;
    const told = new Map<string, Points>();
    for (const series of listOf(result.series).map(objectOf)) {
      if (series.tag === family.tag) told.set(String(series.run_id), readPoints(series.points));
    }
    for (const curve of curves) {
      let points = told.get(curve.runId);
      // What was cut off of the reply is asked again; the bridge gives at least one series.
      if (points === undefined && result.complete === false && told.size > 0) {
        curve.asked_ms = -Infinity;
        continue;
      }
      points ??= noPoints;
      const [from, to] = range ?? [points.x[0] ?? 0, points.x[points.length - 1] ?? 0];
      const alone = points.n.every((n) => n === 1);
      const width = alone ? 0 : (to - from) / pointsMax;
      curve.take({ points, seq, width, ...(range !== undefined && { from, to }) }, range !== undefined);
    }
  }

  private letGo(): void {
    let { bytes } = this;
    const max = this.options.bytesMax ?? bytesMax;
    if (bytes <= max) return;
    const newest_ms = this.options.now_ms() - shown_ms;
    const all = [...this.all()].sort((a, b) => a.curve.used_ms - b.curve.used_ms);
    for (const { family, curve } of all) {
      if (bytes <= max || curve.used_ms > newest_ms) return;
      bytes -= curve.bytes;
      this.remove(family, curve.runId);
    }
  }

  private *all(): Generator<{ family: Family; curve: Curve }> {
    for (const family of this.families.values()) for (const curve of family.curves.values()) yield { family, curve };
  }

  private family(tag: string, x: Axis): Family {
    const key = `${x}\n${tag}`;
    let family = this.families.get(key);
    if (family === undefined) {
      family = { tag, x, curves: new Map(), asking: 0, problem: '', retry_ms: 0, range: '', rangeSince_ms: 0 };
      this.families.set(key, family);
    }
    return family;
  }

  private curve(family: Family, runId: string): Curve {
    let curve = family.curves.get(runId);
    if (curve === undefined) {
      curve = new Curve(runId, this.heard);
      family.curves.set(runId, curve);
      let ofRun = this.byRun.get(runId);
      if (ofRun === undefined) this.byRun.set(runId, (ofRun = new Map()));
      ofRun.set(family.tag, [...(ofRun.get(family.tag) ?? []), { family, curve }]);
    }
    return curve;
  }

  private remove(family: Family, runId: string): void {
    const curve = family.curves.get(runId)!;
    family.curves.delete(runId);
    if (family.curves.size === 0 && family.asking === 0) this.families.delete(`${family.x}\n${family.tag}`);
    const ofRun = this.byRun.get(runId)!;
    const others = ofRun.get(family.tag)!.filter((one) => one.curve !== curve);
    if (others.length > 0) ofRun.set(family.tag, others);
    else ofRun.delete(family.tag);
    if (ofRun.size === 0) this.byRun.delete(runId);
  }
}
