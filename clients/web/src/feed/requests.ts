// Requests that wait for their replies, by the id that comes back with each.
import { jsonText, type JsonObject } from './json.js';
import { errorOf, FeedError, type Message } from './messages.js';
import type { FeedTimers } from './options.js';

interface Waiting {
  resolve(reply: Message): void;
  reject(error: FeedError): void;
  cancel(): void;
}

export class Requests {
  private readonly waiting = new Map<string, Waiting>();
  private lastId = 0;

  constructor(private readonly timers: FeedTimers) {}

  /** Without a deadline it waits until rejectAll(). `onReply` runs before whatever follows the reply. */
  send(write: (text: string) => void, action: string, fields: JsonObject, deadline_ms: number | undefined,
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
      write(jsonText({ action, id, ...fields }));
    });
  }

  /** A reply to what nobody asked, or that comes too late, is passed over. */
  onReply(reply: Message): void {
    const id = String(reply.id ?? '');
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    this.waiting.delete(id);
    waiting.cancel();
    if (reply.status === 'error') waiting.reject(errorOf(reply));
    else waiting.resolve(reply);
  }

  rejectAll(reason: string): void {
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { cancel, reject } of waiting) {
      cancel();
      reject(new FeedError('disconnected', reason));
    }
  }
}
