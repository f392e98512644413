// A client of the bridge that stays: it registers, hands over events in the order of the wire,
// connects again when the connection is lost and goes on after the last event that it handed over.
// So its user sees every event of its subscription once, or a gap. Needs nothing but a WebSocket:
// runs in browsers and in Node.
import { Backoff, type BackoffRange } from './backoff.js';
import { Cursor } from './cursor.js';
import { jsonText, parseJson, type Json, type JsonObject } from './json.js';
import {
  asEvent, errorOf, FeedError, isObject, isReply,
  type BridgeEvent, type Gap, type Message, type Position, type Since, type Subscription,
} from './messages.js';
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
}

export interface FeedOptions {
  /** ws://HOST:PORT/ws, or with TLS wss:// */
  url: string;
  clientId?: string;
  clientType?: string;
  token?: string;
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

interface Waiting {
  resolve(reply: Message): void;
  reject(error: FeedError): void;
  cancel(): void;
}

const defaultDeadline_ms = 2000;
// A reply may take this much longer than the deadline that the bridge keeps.
const replyGrace_ms = 1000;
const closeUnauthorized = 4001;
// Of the contract: codes for "you are not wanted", as against "come back later".
const finalErrors = new Set(['unauthorized', 'forbidden']);

const systemTimers: FeedTimers = {
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

export class Feed {
  private readonly timers: FeedTimers;
  private readonly cursor: Cursor;
  private readonly backoff: Backoff;
  private readonly waiting = new Map<string, Waiting>();
  private subscription: Subscription;
  private batch: boolean;
  private token: string | undefined;
  private socket: FeedSocket | undefined;
  private current: FeedState = { status: 'idle', attempts: 0 };
  private lastId = 0;
  private lastHeard_ms: SteadyMs = 0;
  private pinged_ms: SteadyMs | undefined; // and not heard of since
  private heardOf = true;
  private newestAtReply = 0;
  private cancelTimer: () => void = () => {};

  constructor(private readonly options: FeedOptions) {
    this.timers = options.timers ?? systemTimers;
    this.cursor = new Cursor(options.since);
    this.backoff = new Backoff(options.backoff ?? { first_ms: 250, max_ms: 10_000 },
                               options.random ?? Math.random);
    this.subscription = options.subscription ?? {};
    this.batch = options.batch ?? true;
    this.token = options.token;
  }

  get state(): FeedState {
    return this.current;
  }

  /** The place of the last event that was handed over. */
  get position(): Position | undefined {
    return this.cursor.position;
  }

  /** Of the numbering that the connection is in; empty before the first. */
  get epoch(): string {
    return this.cursor.epoch;
  }

  /** Events up to it were there before they were asked for: they come late, and not because of the way. */
  get backlogTo(): number {
    return this.newestAtReply;
  }

  /** How long nothing has been heard from a live connection. */
  get silence_ms(): number {
    return this.current.status === 'live' ? this.timers.now() - this.lastHeard_ms : 0;
  }

  start(): void {
    if (this.current.status === 'idle') this.attempt();
  }

  /** Ends it for good. What was asked is answered with `disconnected`. Idempotent. */
  stop(): void {
    if (this.current.status === 'stopped') return;
    this.drop('stopped');
    this.become({ status: 'stopped', attempts: 0 });
  }

  /** Tries at once where it would have waited: the network is back, or a person asks. */
  retryNow(): void {
    if (this.current.status === 'waiting') this.attempt();
  }

  /** From the next connection on, which is tried at once where the last one was refused for want of a token. */
  useToken(token: string): void {
    this.token = token;
    if (this.current.status === 'refused' && this.current.wantsToken) this.attempt();
  }

  /**
   * Sends a command and waits for its answer. Rejects with a FeedError: the bridge's or trainer's
   * refusal, `timeout`, `not_connected`, or `disconnected` (it may have been carried out).
   */
  async command(command: string, options: CommandOptions = {}): Promise<CommandReply> {
    const { target, params, deadline_ms, idempotencyKey } = options;
    const reply = await this.request('command', {
      command,
      ...(params !== undefined && { params }),
      ...(target !== undefined && { target }),
      ...(deadline_ms !== undefined && { deadline_ms }),
      ...(idempotencyKey !== undefined && { idempotency_key: idempotencyKey }),
    }, (deadline_ms ?? defaultDeadline_ms) + replyGrace_ms);
    return reply as unknown as CommandReply;
  }

  /**
   * Replaces the subscription, for later connections too. With `since`, events come again from
   * there; without, what is owed after the last event is of the new subscription. `onReply` runs before the
   * events behind the reply.
   */
  async subscribe(subscription: Subscription, since?: Since,
                  onReply?: (reply: Message) => void): Promise<Message> {
    const fields = this.withBatch({
      ...subscription, ...(since !== undefined && { since }),
    } as unknown as JsonObject);
    return this.request('subscribe', fields, defaultDeadline_ms + replyGrace_ms, (reply) => {
      this.subscription = subscription;
      if (since !== undefined) this.cursor.restart(since);
      this.cursor.onRegistered(String(reply.epoch), Number(reply.seq));
      this.newestAtReply = Number(reply.seq);
      onReply?.(reply);
    });
  }

  /** Any request of the contract. `onReply` runs before the events behind the reply. */
  request(action: string, fields: JsonObject, deadline_ms: number,
          onReply?: (reply: Message) => void): Promise<Message> {
    if (this.current.status !== 'live') {
      return Promise.reject(new FeedError('not_connected', 'there is no connection to the bridge'));
    }
    return this.send(action, fields, deadline_ms, onReply);
  }

  // Without a deadline, it is the attempt's.
  private send(action: string, fields: JsonObject, deadline_ms: number | undefined,
               onReply?: (reply: Message) => void): Promise<Message> {
    const id = `feed-${++this.lastId}`;
    return new Promise((resolve, reject) => {
      const cancel = deadline_ms === undefined ? () => {} : this.timers.after(deadline_ms, () => {
        this.waiting.delete(id);
        reject(new FeedError('timeout', `no answer within ${deadline_ms} ms`));
      });
      this.waiting.set(id, {
        resolve: (reply) => {
          onReply?.(reply);
          resolve(reply);
        },
        reject,
        cancel,
      });
      this.socket?.send(jsonText({ action, id, ...fields }));
    });
  }

  private attempt(): void {
    this.cancelTimer();
    const attempts = this.current.attempts + 1;
    this.become({ status: 'connecting', attempts, reason: this.current.reason });
    const timeout_ms = this.options.connectTimeout_ms ?? 5000;
    this.cancelTimer = this.timers.after(timeout_ms, () => {
      this.lost(`no answer within ${timeout_ms} ms`);
    });
    let socket: FeedSocket;
    try {
      socket = (this.options.connect ?? connectWithGlobalWebSocket)(this.options.url);
    } catch (error) {
      this.lost(String(error));
      return;
    }
    this.socket = socket;
    // A socket that was given up may still call back; then it is no longer this.socket.
    socket.onopen = () => {
      if (this.socket === socket) this.register();
    };
    socket.onmessage = ({ data }) => {
      if (this.socket === socket) this.onText(String(data));
    };
    let trouble: string | undefined;
    socket.onclose = ({ code, reason }) => {
      if (this.socket !== socket) return;
      if (code === closeUnauthorized) this.refused(reason || 'unauthorized', true);
      else this.lost(reason || trouble || `closed with ${code}`);
    };
    socket.onerror = ({ message }) => {
      trouble = message;
    };
  }

  private register(): void {
    const { clientId, clientType } = this.options;
    const { token } = this;
    const since = this.cursor.nextSince();
    const fields = this.withBatch({
      ...(clientId !== undefined && { client_id: clientId }),
      ...(clientType !== undefined && { client_type: clientType }),
      ...(token !== undefined && { token }),
      subscriptions: ['*'],
      ...this.subscription,
      ...(since !== undefined && { since }),
    } as unknown as JsonObject);
    const asked = this.socket;
    this.send('register', fields, undefined, (reply) => this.registered(reply)).catch(
      (error: FeedError) => {
        if (this.socket !== asked) return;
        if (finalErrors.has(error.errorType)) {
          this.refused(error.message, error.errorType === 'unauthorized');
        } else if (this.batch && error.errorType === 'bad_request') {
          // A bridge that has no batches says so; one event a message is what it has.
          this.batch = false;
          this.register();
        } else {
          this.lost(error.message);
        }
      });
  }

  private withBatch(fields: JsonObject): JsonObject {
    return this.batch ? { ...fields, batch: true } : fields;
  }

  private registered(reply: Message): void {
    const epochChanged = this.cursor.onRegistered(String(reply.epoch), Number(reply.seq));
    this.newestAtReply = Number(reply.seq);
    this.backoff.reset();
    this.heard();
    this.watchSilence();
    this.become({
      status: 'live', attempts: 0, epochChanged, recovered: reply.recovered !== false,
    });
  }

  // Silence is a ping that is not answered. Timers alone tell nothing: a browser runs those of a hidden page
  // once a minute, and a machine that was suspended runs them before what has come meanwhile. So a turn that
  // comes late judges only where the one before was late, too.
  private watchSilence(lateBefore = false): void {
    const ping_ms = this.options.pingInterval_ms ?? 2000;
    const told_ms = this.options.silenceTold_ms ?? 2000;
    const max_ms = this.options.silenceMax_ms ?? 45_000;
    const wait_ms = Math.min(ping_ms, told_ms) / 2;
    const due_ms = this.timers.now() + wait_ms;
    this.cancelTimer();
    this.cancelTimer = this.timers.after(wait_ms, () => {
      const now_ms = this.timers.now();
      const late = now_ms - due_ms >= wait_ms && this.pinged_ms !== undefined;
      if (this.pinged_ms === undefined) {
        if (now_ms - this.lastHeard_ms >= ping_ms) {
          this.pinged_ms = now_ms;
          this.send('ping', {}, undefined).catch(() => {});
        }
      } else if (!late || lateBefore) {
        const waited_ms = now_ms - this.pinged_ms;
        if (waited_ms >= max_ms) {
          this.lost(`silent for ${Math.round((now_ms - this.lastHeard_ms) / 1000)} s`);
          return;
        }
        if (waited_ms >= told_ms && this.heardOf) {
          this.heardOf = false;
          this.options.onHeard?.(false);
        }
      }
      this.watchSilence(late);
    });
  }

  private heard(): void {
    this.lastHeard_ms = this.timers.now();
    this.pinged_ms = undefined;
    if (this.heardOf) return;
    this.heardOf = true;
    this.options.onHeard?.(true);
  }

  private onText(text: string): void {
    this.heard();
    let message: Json;
    try {
      message = parseJson(text);
    } catch {
      this.options.onUnreadable?.(text);
      return;
    }
    if (Array.isArray(message)) {
      this.onBatch(message, text);
    } else if (!isObject(message)) {
      this.options.onUnreadable?.(text);
    } else if (isReply(message)) {
      this.onReply(message);
    } else {
      this.onBatch([message], text);
    }
  }

  private onBatch(messages: Json[], text: string): void {
    let events: BridgeEvent[] = [];
    for (const message of messages) {
      if (isObject(message) && message.replay === true) {
        this.options.onReplay?.(message);
        continue;
      }
      const event = isObject(message) ? asEvent(message) : undefined;
      if (event !== undefined) {
        if (this.cursor.admit(event)) events.push(event);
      } else if (isObject(message) && message.type === 'gap') {
        // In its place among the events.
        if (events.length > 0) this.options.onEvents(events);
        events = [];
        this.onGap(message);
      } else if (!isObject(message) || message.type !== 'system_status') {
        this.options.onUnreadable?.(text); // the welcome is a system_status without a seq
      }
    }
    if (events.length > 0) this.options.onEvents(events);
  }

  private onGap(message: Message): void {
    if (!isObject(message.data)) return;
    const gap = message.data as unknown as Gap;
    if (this.cursor.admitGap(gap)) this.options.onGap?.(gap);
  }

  private onReply(reply: Message): void {
    const id = String(reply.id ?? '');
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return; // it came too late
    this.waiting.delete(id);
    waiting.cancel();
    if (reply.status === 'error') waiting.reject(errorOf(reply));
    else waiting.resolve(reply);
  }

  private lost(reason: string): void {
    this.drop(reason);
    const retryIn_ms = this.backoff.next();
    this.become({ status: 'waiting', attempts: this.current.attempts, retryIn_ms, reason });
    // Whoever was told may have asked to try at once, or to stop.
    if (this.current.status !== 'waiting') return;
    this.cancelTimer = this.timers.after(retryIn_ms, () => this.attempt());
  }

  private refused(reason: string, wantsToken: boolean): void {
    this.drop(reason);
    this.become({ status: 'refused', attempts: this.current.attempts, reason, wantsToken });
  }

  private drop(reason: string): void {
    this.cancelTimer();
    const socket = this.socket;
    this.socket = undefined;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { cancel, reject } of waiting) {
      cancel();
      reject(new FeedError('disconnected', reason));
    }
    try {
      socket?.close(1000, 'bye');
    } catch {
      // It was not open yet.
    }
  }

  private become(state: FeedState): void {
    this.current = { ...state, position: this.cursor.position };
    this.options.onState?.(this.current);
  }
}
