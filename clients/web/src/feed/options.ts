// What a feed is told and tells, and what it needs of the world: a WebSocket and timers.
import type { JsonObject } from './json.js';
import type { BridgeEvent, Gap, Message, Position, Since, Subscription } from './messages.js';
import type { BackoffRange } from './backoff.js';
import { steadyNow, type SteadyMs } from './time.js';

/** The part of a WebSocket that a feed uses: the browser's, or that of `ws` in Node. */
export interface FeedSocket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  /** Browsers tell nothing; `ws` tells what was wrong. */
  onerror: ((event: { message?: string }) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export interface FeedTimers {
  now(): SteadyMs;
  /** Returns what cancels it. */
  after(delay_ms: number, run: () => void): () => void;
}

export type FeedStatus =
  | 'idle'
  | 'connecting' // an attempt is under way
  | 'live'
  | 'waiting' // until the next attempt
  | 'refused' // for good: the bridge does not want this client
  | 'stopped';

export interface FeedState {
  status: FeedStatus;
  /** Attempts since the connection was last there. */
  attempts: number;
  /** What is resumed from: the last event handed over. */
  position?: Position;
  /** Live: false where events between are missing, which a gap tells. */
  recovered?: boolean;
  /** Live: the numbering is another one than before, as after a restart of the bridge. */
  epochChanged?: boolean;
  /** Waiting: how long. */
  retryIn_ms?: number;
  /** Why the connection is not there. */
  reason?: string;
  /** Refused for want of a token that is good: useToken() tries another one. */
  wantsToken?: boolean;
  /** Live: who one is, where one has to say so. */
  access?: Access;
}

/** What the bridge knows one as. */
export interface Access {
  name: string;
  role: string;
}

export interface FeedOptions {
  /**
   * ws://HOST:PORT/ws, or with TLS wss://. Of several bridges, which share a log, all of theirs with commas between: when
   * the connection to one is lost or silent, the next one is tried.
   */
  url: string;
  clientId?: string;
  clientType?: string;
  token?: string;
  /** Sends the token also where others may read along: over ws:// to another machine. Default false. */
  insecure?: boolean;
  subscription?: Subscription;
  /** Where the first connection begins; left out: with what comes from now on. */
  since?: Since;
  /** Many events a message, where the bridge does that. Default true. */
  batch?: boolean;
  onEvents(events: BridgeEvent[]): void;
  onGap?(gap: Gap): void;
  /** A message of a replay (the command `replay`): an event, a gap, or its end. */
  onReplay?(message: Message): void;
  onState?(state: FeedState): void;
  /** A live connection has become silent, or (true) is heard of again. */
  onHeard?(heard: boolean): void;
  /** A message that is none of the contract's. */
  onUnreadable?(text: string): void;

  /** Default: the global one. With `ws` in Node, for a certificate that the system does not trust:
   * url => new WebSocket(url, { ca: readFileSync('bridge.pem') }). */
  connect?: (url: string) => FeedSocket;
  timers?: FeedTimers;
  /** Of the back-off's jitter, in 0..1. */
  random?: () => number;
  backoff?: BackoffRange;
  /** From an attempt's begin to the answer to its `register`. */
  connectTimeout_ms?: number;
  /** A silent connection is pinged after the first, reported as silent where the pong takes the second, and
   * given up where it takes the third. */
  pingInterval_ms?: number;
  silenceTold_ms?: number;
  silenceMax_ms?: number;
}

export interface CommandOptions {
  target?: string;
  params?: JsonObject;
  /** What the bridge gives the trainer. */
  deadline_ms?: number;
  idempotencyKey?: string;
}

export interface CommandReply {
  command: string;
  source?: string;
  target?: string;
  result?: JsonObject;
  /** Of a command to `*`: an entry a trainer. */
  results?: JsonObject[];
  elapsed_ms?: number;
}

export const systemTimers: FeedTimers = {
  now: steadyNow,
  after(delay_ms, run) {
    const g = globalThis as unknown as {
      setTimeout(run: () => void, delay_ms: number): unknown;
      clearTimeout(timer: unknown): void;
    };
    const timer = g.setTimeout(run, delay_ms);
    return () => g.clearTimeout(timer);
  },
};

export function connectWithGlobalWebSocket(url: string): FeedSocket {
  const { WebSocket } = globalThis as { WebSocket?: new (url: string) => FeedSocket };
  if (WebSocket === undefined) throw new Error('there is no WebSocket here: pass `connect`');
  return new WebSocket(url);
}
