// How the connection is: a word in the header, and a line across the page while it is not there.
import type { FeedState } from '../feed/index.js';
import { setBadge } from './badge.js';
import { h, setText } from './dom.js';
import { duration, full } from './format.js';

export class ConnectionLine {
  readonly badge = h('span', { role: 'status' });
  readonly line: HTMLElement;
  private readonly text = h('span');
  private readonly retry: HTMLButtonElement;
  private wasLive = false;
  private retryAt_ms = 0;

  constructor(retryNow: () => void) {
    this.retry = h('button', { onclick: retryNow }, 'Try now');
    this.line = h('div', { class: 'line', role: 'alert', hidden: true }, this.text, this.retry);
  }

  update(state: FeedState): void {
    if (state.status === 'waiting') this.retryAt_ms = Date.now() + (state.retryIn_ms ?? 0);
    if (state.status === 'live') this.wasLive = true;
    this.tick(state);
  }

  /** The wait counts down. */
  tick(state: FeedState): void {
    setBadge(this.badge, state.status === 'live' ? 'live' : state.status === 'refused' ? 'bad' : 'busy');
    const word = state.status === 'live' ? '● live' : state.status === 'refused' ? '✕ refused'
      : this.wasLive ? '▲ connection lost' : '… connecting';
    setText(this.badge, word);
    this.line.hidden = state.status === 'live';
    this.retry.hidden = state.status !== 'waiting';
    setText(this.text, this.sentence(state));
  }

  private sentence({ status, position, reason }: FeedState): string {
    const why = reason ? ` (${reason})` : '';
    if (status === 'refused') return `The bridge refuses this page${why}.`;
    const from = position === undefined ? '' : `, resuming from ${full(position.seq)}`;
    const begin = this.wasLive ? 'Connection lost' : 'No connection yet';
    if (status !== 'waiting') return this.wasLive ? `${begin}${from} …` : 'Connecting to the bridge …';
    const wait_s = Math.max(0, (this.retryAt_ms - Date.now()) / 1000);
    return `${begin}${why}${from} in ${duration(Math.max(1, Math.ceil(wait_s)))}`;
  }
}
