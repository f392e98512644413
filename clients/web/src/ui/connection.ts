// How true what is shown is just now: a word in the header, in the tab's title and its icon, and a line across
// the page where it matters.
import type { FeedState, WallSeconds } from '../feed/index.js';
import { h, setClass, setText } from './dom.js';
import { duration, full, time } from './format.js';

/** What it is made from. */
export interface Condition {
  feed: FeedState;
  /** It was live before. */
  wasLive: boolean;
  retryAt_s: WallSeconds;
  /** A live connection from which nothing has come since then. */
  silentSince_s: WallSeconds | undefined;
  /** All numbers are begun from an answer; `problem`: why not. */
  filled: boolean;
  problem: string;
  /** By how much what comes now is older than now. */
  behind_s: number;
  /** A person holds what is shown. */
  paused: boolean;
  /** A stretch of the past is shown: which. */
  past: string;
  now_s: WallSeconds;
}

export interface Standing {
  /** A class of badges. */
  kind: 'live' | 'busy' | 'stalled' | 'paused' | 'past' | 'bad';
  icon: '' | 'behind' | 'paused' | 'lost';
  word: string;
  /** Empty: none. */
  line: string;
}

const behindMin_s = 1;

export function standingOf(now: Condition): Standing {
  const { feed } = now;
  const why = feed.reason ? ` (${feed.reason})` : '';
  if (feed.status === 'refused') {
    return { kind: 'bad', icon: 'lost', word: '✕ refused', line: feed.wantsToken ? 'This bridge wants to know who looks at it.' : `The bridge refuses this page${why}.` };
  }
  if (feed.status !== 'live') {
    const word = now.wasLive ? '▲ connection lost' : '… connecting';
    return { kind: 'busy', icon: now.wasLive ? 'lost' : '', word, line: wayBack(now, why) };
  }
  if (now.silentSince_s !== undefined) {
    const since = `silent since ${time(now.silentSince_s)}`;
    const line = `The bridge has been ${since}. What is shown may be old.`;
    return { kind: 'stalled', icon: 'lost', word: `▲ bridge ${since}`, line };
  }
  if (!now.filled) {
    const line = now.problem === '' ? '' : `The bridge does not answer what was before (${now.problem}). Asked again.`;
    return { kind: 'busy', icon: line === '' ? '' : 'behind', word: '… asking', line };
  }
  if (now.past !== '') return { kind: 'past', icon: 'paused', word: `◷ ${now.past}`, line: '' };
  if (now.paused) return { kind: 'paused', icon: 'paused', word: '❚❚ paused', line: '' };
  if (now.behind_s >= behindMin_s) {
    const word = `▲ behind by ${duration(Math.round(now.behind_s))}`;
    return { kind: 'stalled', icon: 'behind', word, line: '' };
  }
  return { kind: 'live', icon: '', word: '● live', line: '' };
}

function wayBack({ feed, wasLive, retryAt_s, now_s }: Condition, why: string): string {
  const { position, status } = feed;
  const from = position === undefined ? '' : `, resuming from ${full(position.seq)}`;
  if (status !== 'waiting') return wasLive ? `Connection lost${from} …` : 'Connecting to the bridge …';
  const wait_s = Math.max(1, Math.ceil(retryAt_s - now_s));
  return `${wasLive ? 'Connection lost' : 'No connection yet'}${why}${from} in ${duration(wait_s)}`;
}

export class ConnectionLine {
  readonly badge = h('span', { role: 'status' });
  readonly line: HTMLElement;
  private readonly text = h('span');
  private readonly retry: HTMLButtonElement;
  private readonly icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  private readonly usualIcon = this.icon?.getAttribute('href') ?? '';

  constructor(retryNow: () => void) {
    this.retry = h('button', { onclick: retryNow }, 'Try now');
    this.line = h('div', { class: 'line', role: 'alert', hidden: true }, this.text, this.retry);
  }

  show(standing: Standing, title: string, mayRetry: boolean): void {
    setClass(this.badge, `badge ${standing.kind}`);
    setText(this.badge, standing.word);
    this.line.hidden = standing.line === '';
    this.retry.hidden = !mayRetry;
    setText(this.text, standing.line);
    const words = [standing.kind === 'live' ? '' : standing.word, title, 'PPO Bridge'];
    const wanted = words.filter(Boolean).join(' · ');
    if (document.title !== wanted) document.title = wanted;
    const icon = standing.icon === '' ? this.usualIcon : this.usualIcon.replace(/\.svg$/, `-${standing.icon}.svg`);
    if (this.icon !== null && this.icon.getAttribute('href') !== icon) this.icon.setAttribute('href', icon);
  }
}
