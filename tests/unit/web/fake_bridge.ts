// A bridge without a network: sockets that the test answers, and time that the test moves.
import type { FeedSocket, FeedTimers } from '../../../clients/web/src/feed/index.js';

export interface Request {
  action: string;
  id: string;
  [key: string]: unknown;
}

export class FakeSocket implements FeedSocket {
  onopen: FeedSocket['onopen'] = null;
  onmessage: FeedSocket['onmessage'] = null;
  onclose: FeedSocket['onclose'] = null;
  onerror: FeedSocket['onerror'] = null;
  readonly sent: Request[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Request);
  }

  close(): void {
    this.closed = true;
  }

  // What the bridge does.
  open(): void {
    this.onopen?.(undefined as never);
  }
  say(message: unknown): void {
    this.sayText(JSON.stringify(message));
  }
  sayText(text: string): void {
    this.onmessage?.({ data: text });
  }
  lose(code = 1006, reason = ''): void {
    this.onclose?.({ code, reason });
  }
  last(): Request {
    const request = this.sent[this.sent.length - 1];
    if (request === undefined) throw new Error('nothing was sent');
    return request;
  }
  reply(fields: object): void {
    const { action, id } = this.last();
    this.say({ action, id, ...fields });
  }
  // Opens, welcomes and registers.
  accept(epoch: string, seq: number, fields: object = {}): void {
    this.open();
    this.say({ type: 'system_status', data: { status: 'connected' }, timestamp: 1 });
    this.reply({ status: 'registered', epoch, seq, ...fields });
  }
}

export class FakeBridge implements FeedTimers {
  readonly sockets: FakeSocket[] = [];
  private now_ms = 0;
  private timers: { at: number; run: () => void }[] = [];

  readonly connect = (): FakeSocket => {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  };

  get socket(): FakeSocket {
    const socket = this.sockets[this.sockets.length - 1];
    if (socket === undefined) throw new Error('nobody has connected');
    return socket;
  }

  now(): number {
    return this.now_ms;
  }

  after(delay_ms: number, run: () => void): () => void {
    const timer = { at: this.now_ms + delay_ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  // Lets time pass, timer by timer.
  pass(duration_ms: number): void {
    const end = this.now_ms + duration_ms;
    for (;;) {
      const due = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.now_ms = due.at;
      this.timers = this.timers.filter((other) => other !== due);
      due.run();
    }
    this.now_ms = end;
  }

  // The same time passes, and each timer that was due has one turn at its end.
  late(duration_ms: number): void {
    this.now_ms += duration_ms;
    const due = this.timers.filter(({ at }) => at <= this.now_ms);
    this.timers = this.timers.filter((timer) => !due.includes(timer));
    for (const { run } of due) run();
  }
}

export function event(seq: number, fields: object = {}): object {
  return { type: 'trade_executed', data: {}, timestamp: seq, seq, ...fields };
}
