// Which curves an event adds a point to, by the same rule as the bridge's (PROTOCOL, section 8), so that what
// comes live goes on where its answer ends.
import type { BridgeEvent, Json } from '../feed/index.js';
import { runIdOf } from './runs.js';

export interface Sample {
  tag: string;
  /** Undefined: the curve's own count. */
  step: number | undefined;
  /** NaN: no number. */
  value: number;
}

const nameBytesMax = 256;

/** The run_id of an event; undefined where it counts for none. */
export function runIdOfEvent({ source, run, data }: BridgeEvent): string | undefined {
  return source === undefined || source === '' || source === 'ppo-bridge' ? undefined : runIdOf(source, run, data.agent_id);
}

export function samplesOf({ type, data }: BridgeEvent): Sample[] {
  if (type === 'scalar') {
    const { tag, value } = data;
    if (typeof tag !== 'string' || tag === '' || isLong(tag) || !isMeasure(value)) return [];
    return [{ tag, step: finite(data.step), value: finite(value) ?? NaN }];
  }
  const update = type === 'training_update';
  if (!update && type !== 'episode_end') return [];
  const step = finite(data.step) ?? finite(data.global_step) ?? (update ? finite(data.steps) : undefined);
  const found: Sample[] = [];
  for (const [name, value] of Object.entries(data)) {
    if (!isMeasure(value) || name === 'step' || name === 'global_step' || (update && name === 'steps')) continue;
    const tag = `${type}/${name}`;
    if (name !== 'agent_id' && !isLong(tag)) found.push({ tag, step, value: finite(value) ?? NaN });
  }
  return found;
}

function isMeasure(value: Json | undefined): value is number | bigint | null {
  return typeof value === 'number' || typeof value === 'bigint' || value === null;
}

function finite(value: Json | undefined): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function isLong(text: string): boolean {
  return text.length * 3 > nameBytesMax && new TextEncoder().encode(text).length > nameBytesMax;
}
