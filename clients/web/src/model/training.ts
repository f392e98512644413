// Curves of training: a run is one agent in one start of its trainer.
import type { BridgeEvent } from '../feed/index.js';
import { Series } from './series.js';
import { BoundedMap, numberOf, textOf } from './values.js';

const runsMax = 64;
const pointsMax = 2000;
const marksMax = 400;

export const metrics = [
  { key: 'reward', label: 'Episode reward' },
  { key: 'steps_per_second', label: 'Steps per second' },
  { key: 'policy_loss', label: 'Policy loss' },
  { key: 'value_loss', label: 'Value loss' },
  { key: 'entropy', label: 'Entropy' },
  { key: 'approx_kl', label: 'Approximate KL' },
  { key: 'clip_fraction', label: 'Clip fraction' },
  { key: 'explained_variance', label: 'Explained variance' },
] as const;
export type MetricKey = (typeof metrics)[number]['key'];

export interface Curve {
  series: Series;
  /** Steps at which it was no number (NaN came as null). Kept when the curve is thinned. */
  notNumbers: number[];
  notNumbersTotal: number;
}

export interface Run {
  key: string;
  source: string;
  agent: string;
  run: string;
  steps: number;
  update: number;
  curves: Record<MetricKey, Curve>;
}

export class Training {
  readonly runs = new BoundedMap<Run>(runsMax);
  version = 0;

  clear(): void {
    this.runs.clear();
    ++this.version;
  }

  apply(event: BridgeEvent): void {
    if (event.type === 'training_update') this.applyUpdate(event);
    else if (event.type === 'episode_end') this.applyEpisode(event);
  }

  private applyUpdate(event: BridgeEvent): void {
    const steps = numberOf(event.data.steps);
    if (steps === undefined) return;
    const run = this.get(event);
    run.steps = steps;
    run.update = numberOf(event.data.update) ?? run.update;
    for (const { key } of metrics) {
      if (key in event.data) this.add(run.curves[key], steps, numberOf(event.data[key]));
    }
  }

  private applyEpisode(event: BridgeEvent): void {
    if (!('reward' in event.data)) return;
    const run = this.get(event);
    const curve = run.curves.reward;
    // An episode says how long it was, not when it ended: that is where the run stands now, or
    // behind the one before.
    const last = curve.series.x[curve.series.length - 1] ?? 0;
    const length = numberOf(event.data.steps) ?? 1;
    const at = last + length > run.steps ? last + length : run.steps;
    this.add(curve, Math.max(at, last + 1), numberOf(event.data.reward));
  }

  private add(curve: Curve, steps: number, value: number | undefined): void {
    ++this.version;
    curve.series.push(steps, [value ?? null]);
    if (value !== undefined) return;
    ++curve.notNumbersTotal;
    curve.notNumbers.push(steps);
    if (curve.notNumbers.length > marksMax) curve.notNumbers.shift();
  }

  private get(event: BridgeEvent): Run {
    const source = event.source ?? '';
    const agent = textOf(event.data.agent_id) ?? '';
    const name = event.run ?? '';
    const key = `${source}\n${agent}\n${name}`;
    let run = this.runs.get(key);
    if (run === undefined) {
      const curves = Object.fromEntries(metrics.map((metric) => [
        metric.key, { series: new Series(1, pointsMax), notNumbers: [], notNumbersTotal: 0 },
      ])) as unknown as Record<MetricKey, Curve>;
      run = { key, source, agent, run: name, steps: 0, update: 0, curves };
      this.runs.set(key, run);
    }
    return run;
  }
}
