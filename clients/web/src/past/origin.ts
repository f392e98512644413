// Since when a number counts, and from where: what the bridge says beside each answer about the past.
import type { JsonObject, Position, WallSeconds } from '../feed/index.js';
import { numberOf, objectOf, textOf } from '../model/values.js';

export interface Origin {
  /** True up to and with this event; those behind it were added as they came. */
  at: Position;
  since_seq: number | undefined;
  since_s: WallSeconds | undefined;
  /** The bridge has no journal. */
  inMemory: boolean;
  /** Events before that, which nobody has any more. */
  missed: number;
  /** False where the answer was cut off. */
  complete: boolean;
  /** Events behind the answer are added. */
  live: boolean;
}

export function positionOf(answer: JsonObject): Position {
  return { epoch: textOf(answer.epoch) ?? '', seq: numberOf(answer.seq) ?? 0 };
}

export function originOf(answer: JsonObject): Origin {
  const since = objectOf(answer.since);
  return {
    at: positionOf(answer),
    since_seq: numberOf(since.seq),
    since_s: numberOf(since.timestamp),
    inMemory: 'missed' in answer,
    missed: numberOf(answer.missed) ?? 0,
    complete: answer.complete !== false,
    live: true,
  };
}
