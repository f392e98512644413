// Reading what events hold, whatever they hold.
import { isObject, type BridgeEvent, type Json, type JsonObject } from '../feed/index.js';

/** A number that can be drawn; nothing for all else, null (what NaN became) included. */
export function numberOf(value: Json | undefined): number | undefined {
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

export function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

/** Of an answer of the bridge. */
export function eventsOf(answer: JsonObject): BridgeEvent[] {
  return listOf(answer.events) as unknown as BridgeEvent[];
}

/** What was wrong, for people. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A map that lets go of what was set longest ago when it holds too much. */
export class BoundedMap<V> extends Map<string, V> {
  constructor(private readonly entriesMax: number) {
    super();
  }

  override set(key: string, value: V): this {
    super.set(key, value);
    if (this.size > this.entriesMax) this.delete(this.keys().next().value!);
    return this;
  }
}
