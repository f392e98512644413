// What goes over the wire, as bridge/PROTOCOL.md says it.
import type { Json, JsonObject } from './json.js';
import type { SourceSeconds, WallSeconds } from './time.js';

export interface BridgeEvent {
  type: string;
  data: JsonObject;
  /** When the bridge accepted it. */
  timestamp: WallSeconds;
  seq: number;
  source?: string;
  run?: string;
  source_seq?: number | bigint;
  source_timestamp?: SourceSeconds;
  /** It is of a replay, not of the stream. */
  replay?: true;
}

/** Events that this client was owed and does not get: of the log, or of one source's run. */
export interface Gap {
  reason: string;
  from_seq?: number;
  to_seq?: number;
  source?: string;
  run?: string;
  from_source_seq?: number | bigint;
  to_source_seq?: number | bigint;
}

export interface Position {
  epoch: string;
  seq: number;
}

export type Since = Position | { last: number } | { seconds: number };

export interface Subscription {
  /** Types, beginnings of types with `*` behind them, or `*`; left out: all. */
  subscriptions?: string[];
  filter?: JsonObject;
  deliver?: { mode: 'all' } | { mode: 'latest'; max_rate_hz: number };
  /** The latest event of each thing first. */
  snapshot?: boolean;
}

/** Any message of the bridge, before it is known what it is. */
export type Message = JsonObject;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isReply(message: Message): boolean {
  return 'status' in message || 'action' in message;
}

/** Nothing where the message is not an event. */
export function asEvent(message: Message): BridgeEvent | undefined {
  if (typeof message.seq !== 'number' || typeof message.type !== 'string') return undefined;
  return isObject(message.data) ? (message as unknown as BridgeEvent) : undefined;
}

/** Why a request failed: the bridge's own words, or `timeout`, `disconnected`, `not_connected`. */
export class FeedError extends Error {
  constructor(readonly errorType: string, message: string, readonly reply?: Message) {
    super(message);
    this.name = 'FeedError';
  }
}

export function errorOf(reply: Message): FeedError {
  const data = isObject(reply.data) ? reply.data : {};
  return new FeedError(String(data.error_type ?? 'error'), String(data.message ?? 'an error'), reply);
}
