// A client of the bridge that stays: it registers, hands over events in the order of the wire,
// connects again when the connection is lost and goes on after the last event that it handed over.
// So its user sees every event of its subscription once, or a gap. Needs nothing but a WebSocket:
// runs in browsers and in Node.
import { Backoff } from './backoff.js';
import { Cursor } from './cursor.js';
import { parseJson, type Json, type JsonObject } from './json.js';
import {
  asEvent, FeedError, isObject, isReply,
  type BridgeEvent, type Gap, type Message, type Position, type Since, type Subscription,
} from './messages.js';
import {
  connectWithGlobalWebSocket, systemTimers,
  type Access, type CommandOptions, type CommandReply, type FeedOptions, type FeedSocket, type FeedState, type FeedTimers,
} from './options.js';
import { Requests } from './requests.js';
import { Silence } from './silence.js';

const defaultDeadline_ms = 2000;
// A reply may take this much longer than the deadline that the bridge keeps.
const replyGrace_ms = 1000;
const bridgesMax = 32;
// Where there is another bridge to go to.
const silenceOfSeveral_ms = 6000;
const closeUnauthorized = 4001;
const closeForbidden = 4003;
// "Come later": such a connection was none that lets the next attempt come soon.
const closesOfFull = new Set([1013, 4029]);
const stood_ms = 1000; // a good connection stands for so long, or brings an event
// Of the contract: codes for "you are not wanted", as against "come back later".
const finalErrors = new Set(['unauthorized', 'forbidden']);
// Plain, and on another machine: who is on the way reads along.
const overheard = /^ws:\/\/(?!(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?(\/|$))/;
// To `authenticate`: nobody has to say here who one is.
const asksNobody = new Set(['bad_request', 'unknown_action']);

export class Feed {
  private readonly timers: FeedTimers;
  private readonly cursor: Cursor;
  private readonly backoff: Backoff;
  private readonly requests: Requests;
  private readonly silence: Silence;
  private subscription: Subscription;
  private batch: boolean;
  private token: string | undefined;
  private readonly urls: string[];
  private at = 0; // which of them
  private socket: FeedSocket | undefined;
  private current: FeedState = { status: 'idle', attempts: 0 };
  private access: Access | undefined;
  private newestAtReply = 0;
  private goodFrom_ms = Infinity; // the connection that there is
  private cancelTimer: () => void = () => {};

  constructor(private readonly options: FeedOptions) {
    this.timers = options.timers ?? systemTimers;
    this.urls = options.url.split(',').map((url) => url.trim());
    this.cursor = new Cursor(options.since);
    this.backoff = new Backoff(options.backoff ?? { first_ms: 250, max_ms: 10_000 },
                               options.random ?? Math.random);
    this.subscription = options.subscription ?? {};
    this.batch = options.batch ?? true;
    this.token = options.token;
    this.requests = new Requests(this.timers);
    this.silence = new Silence(this.timers, {
      ping_ms: options.pingInterval_ms ?? 2000, told_ms: options.silenceTold_ms ?? 2000, max_ms: () => options.silenceMax_ms ?? (this.urls.length > 1 ? silenceOfSeveral_ms : 45_000),
      ping: () => void this.send('ping', {}, undefined).catch(() => {}),
      onHeard: (heard) => options.onHeard?.(heard),
      onLost: (reason) => this.lost(reason),
    });
  }

  /** Of the bridge that it is with, or tries. */
  get url(): string {
    return this.urls[this.at]!;
  }

  /** There is another bridge of the same log: `url` as the option's. */
  alsoAt(url: string): void {
    if (!this.urls.includes(url) && this.urls.length < bridgesMax) this.urls.push(url);
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
    return this.current.status === 'live' ? this.silence.ms : 0;
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

  /**
   * From the next connection on, which is tried at once where the last one was refused for want of a token. Nothing where
   * the browser has a cookie by which it is known.
   */
  useToken(token: string | undefined): void {
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
    return this.requests.send((text) => this.socket?.send(text), action, fields, deadline_ms, onReply);
  }

  private attempt(): void {
    this.cancelTimer();
    const attempts = this.current.attempts + 1;
    this.become({ status: 'connecting', attempts, reason: this.current.reason });
    if (this.token !== undefined && overheard.test(this.url) && this.options.insecure !== true) {
      return this.refused(`no token is sent to ${this.url}, which is neither encrypted nor this machine's: use wss://`, false);
    }
    const timeout_ms = this.options.connectTimeout_ms ?? 5000;
    this.cancelTimer = this.timers.after(timeout_ms, () => {
      this.lost(`no answer within ${timeout_ms} ms`);
    });
    let socket: FeedSocket;
    try {
      socket = (this.options.connect ?? connectWithGlobalWebSocket)(this.url);
    } catch (error) {
      this.lost(String(error));
      return;
    }
    this.socket = socket;
    this.goodFrom_ms = Infinity;
    this.access = undefined;
    // A socket that was given up may still call back; then it is no longer this.socket.
    socket.onopen = () => {
      if (this.socket === socket) this.introduce();
    };
    socket.onmessage = ({ data }) => {
      if (this.socket === socket) this.onText(String(data));
    };
    let trouble: string | undefined;
    socket.onclose = ({ code, reason }) => {
      if (this.socket !== socket) return;
      if (code === closeUnauthorized || code === closeForbidden) this.refused(reason || `closed with ${code}`, true);
      else this.lost(reason || trouble || `closed with ${code}`, closesOfFull.has(code));
    };
    socket.onerror = ({ message }) => {
      trouble = message;
    };
  }

  // Who one is comes first: its reply tells what one may do.
  private introduce(): void {
    const { token, socket } = this;
    if (token === undefined) return this.register();
    this.send('authenticate', { token }, undefined, (reply) => {
      this.access = accessOf(reply);
      this.register();
    }).catch((error: FeedError) => {
      if (this.socket === socket && asksNobody.has(error.errorType)) this.register();
      else this.onRefusal(socket, error);
    });
  }

  private register(): void {
    const { clientId, clientType } = this.options;
    const { socket } = this;
    const since = this.cursor.nextSince();
    const fields = this.withBatch({
      ...(clientId !== undefined && { client_id: clientId }),
      ...(clientType !== undefined && { client_type: clientType }),
      subscriptions: ['*'],
      ...this.subscription,
      ...(since !== undefined && { since }),
    } as unknown as JsonObject);
    this.send('register', fields, undefined, (reply) => this.registered(reply)).catch((error: FeedError) => {
      // A bridge that has no batches says so; one event a message is what it has.
      if (this.socket !== socket || !this.batch || error.errorType !== 'bad_request') return this.onRefusal(socket, error);
      this.batch = false;
      this.register();
    });
  }

  private onRefusal(of: FeedSocket | undefined, error: FeedError): void {
    if (this.socket !== of) return;
    if (finalErrors.has(error.errorType)) this.refused(error.message, error.errorType === 'unauthorized');
    else this.lost(error.message);
  }

  private withBatch(fields: JsonObject): JsonObject {
    return this.batch ? { ...fields, batch: true } : fields;
  }

  private registered(reply: Message): void {
    const epochChanged = this.cursor.onRegistered(String(reply.epoch), Number(reply.seq));
    this.newestAtReply = Number(reply.seq);
    this.goodFrom_ms = this.timers.now() + stood_ms;
    this.cancelTimer();
    this.silence.heard();
    this.silence.watch();
    this.become({
      status: 'live', attempts: 0, epochChanged, recovered: reply.recovered !== false,
      ...(this.access !== undefined && { access: this.access }),
    });
  }

  private onText(text: string): void {
    this.silence.heard();
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
      this.requests.onReply(message);
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
        if (!this.cursor.admit(event)) continue;
        this.goodFrom_ms = -Infinity;
        events.push(event);
      } else if (isObject(message) && message.type === 'gap') {
        // In its place among the events.
        if (events.length > 0) this.options.onEvents(events);
        events = [];
        this.onGap(message);
      } else if (isObject(message) && message.type === 'system_status') { // the welcome has no seq
        if (isObject(message.data) && isObject(message.data.auth)) this.access = accessOf(message.data.auth);
      } else {
        this.options.onUnreadable?.(text);
      }
    }
    if (events.length > 0) this.options.onEvents(events);
  }

  private onGap(message: Message): void {
    if (!isObject(message.data)) return;
    const gap = message.data as unknown as Gap;
    if (this.cursor.admitGap(gap)) this.options.onGap?.(gap);
  }

  private lost(reason: string, later = false): void {
    if (this.timers.now() >= this.goodFrom_ms && !later) this.backoff.reset();
    this.goodFrom_ms = Infinity;
    this.drop(reason);
    this.at = (this.at + 1) % this.urls.length;
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
    this.silence.stop();
    const socket = this.socket;
    this.socket = undefined;
    this.requests.rejectAll(reason);
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

function accessOf({ name, role }: JsonObject): Access {
  return { name: String(name), role: String(role) };
}
