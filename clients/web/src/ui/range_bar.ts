// Which stretch of time all views show, and a replay of it.
import type { WallSeconds } from '../feed/index.js';
import { speeds, type Travel } from '../past/travel.js';
import type { UiState } from '../state/ui_state.js';
import { h, setText } from './dom.js';
import { duration } from './format.js';
import { momentText } from './origin.js';

export interface RangeBarOptions {
  state(): UiState;
  go(change: Partial<UiState>, how?: 'push' | 'replace'): void;
  travel: Travel;
  /** The first event that the bridge knows of. */
  first_s(): WallSeconds | undefined;
  now_s(): WallSeconds;
  /** What of the stretch is not to be had, and why. */
  problem(): string;
}

const stretches: [name: string, seconds: number][] = [
  ['Last 5 minutes', 300], ['Last hour', 3600], ['Last 24 hours', 86_400], ['Last 7 days', 604_800],
];
const scrubSteps = 1000;
const none = { from: undefined, to: undefined, last: undefined, at: undefined };

export class RangeBar {
  readonly element: HTMLElement;
  private readonly choice: HTMLSelectElement;
  private readonly text = h('span', { class: 'muted' });
  private readonly problem = h('span', { class: 'bad-note', role: 'alert' });
  private readonly own: HTMLFormElement;
  private readonly from = moment('From');
  private readonly to = moment('To');
  private readonly scrubber: HTMLInputElement;
  private readonly play: HTMLButtonElement;
  private readonly speed: HTMLSelectElement;
  private readonly back: HTMLButtonElement;
  private readonly travelling: HTMLElement;
  private scrubbing = false;
  private wasPlaying = false;
  private writing = false; // a stretch of one's own, that is not shown yet

  constructor(private readonly options: RangeBarOptions) {
    this.choice = h('select', { 'aria-label': 'Range of time', onchange: () => this.choose() },
      h('option', { value: 'live' }, 'Live'),
      ...stretches.map(([name, seconds]) => h('option', { value: String(seconds) }, name)),
      h('option', { value: 'all' }, 'All time'), h('option', { value: 'own' }, 'From … to …'));
    this.own = h('form', { class: 'bar', hidden: true, onsubmit: (event: Event) => this.chooseOwn(event) },
      h('label', {}, 'from ', this.from), h('label', {}, 'to ', this.to), h('button', {}, 'Show'));
    this.scrubber = h('input', { type: 'range', min: '0', max: String(scrubSteps), 'aria-label': 'Moment',
      oninput: () => this.scrub(), onchange: () => this.scrubbed() });
    this.play = h('button', { onclick: () => this.togglePlay() }, '▶ Replay');
    this.speed = h('select', { 'aria-label': 'Speed of the replay', onchange: () => this.changeSpeed() },
      ...speeds.map((times) => h('option', { value: String(times), selected: times === 10 }, `${times}×`)));
    this.back = h('button', { class: 'primary', onclick: () => options.go(none) }, 'Back to live');
    this.travelling = h('div', { class: 'bar scrub', role: 'group', 'aria-label': 'Replay' },
      this.play, this.speed, this.scrubber);
    this.element = h('section', { class: 'range', 'aria-label': 'Time' },
      this.choice, this.own, this.text, this.travelling, this.back, this.problem);
  }

  update(): void {
    const { travel } = this.options;
    if (this.wasPlaying && !travel.playing && !travel.loading) this.options.go({ at: travel.moment_s }, 'replace');
    this.wasPlaying = travel.playing;
    const state = this.options.state();
    const chosen = chosenOf(state);
    this.choice.value = this.writing ? 'own' : chosen;
    const own = this.choice.value === 'own';
    if (own && this.own.hidden) {
      this.from.value = localText(this.begin_s());
      this.to.value = localText(this.end_s());
    }
    this.own.hidden = !own;
    const live = chosen === 'live' && state.at === undefined;
    this.travelling.hidden = live;
    this.back.hidden = live;
    setText(this.problem, this.options.problem());
    setText(this.play, travel.playing ? '❚❚ Pause' : '▶ Replay');
    this.play.disabled = travel.loading;
    const at = travel.playing ? travel.position_s() : state.at;
    if (!this.scrubbing) {
      const share = ((at ?? this.end_s()) - this.begin_s()) / (this.end_s() - this.begin_s());
      this.scrubber.value = String(Math.round(Math.max(0, Math.min(1, share)) * scrubSteps));
    }
    this.scrubber.setAttribute('aria-valuetext', momentText(at ?? this.end_s()));
    setText(this.text, live ? '' : this.sentence(at));
  }

  private sentence(at: WallSeconds | undefined): string {
    const { travel } = this.options;
    if (travel.loading) return 'Asking the bridge for that moment …';
    if (travel.playing) return `Replay: ${momentText(at!)}`;
    if (at !== undefined) return `As of ${momentText(at)}`;
    const { to } = this.options.state();
    const length = duration(this.end_s() - this.begin_s());
    return `${momentText(this.begin_s())} to ${to === undefined ? 'now, live' : momentText(to)} (${length})`;
  }

  // The ends of the scrubber.
  private begin_s(): WallSeconds {
    const { from } = this.options.state();
    const first_s = this.options.first_s() ?? this.end_s() - 3600;
    return Math.min(Math.max(from ?? 0, first_s), this.end_s() - 1);
  }

  private end_s(): WallSeconds {
    return this.options.state().to ?? this.options.now_s();
  }

  private choose(): void {
    const { value } = this.choice;
    this.writing = value === 'own';
    if (this.writing) this.update();
    else if (value === 'live') this.options.go(none);
    else if (value === 'all') this.options.go({ ...none, from: 0 });
    else this.options.go({ ...none, last: Number(value) });
  }

  private chooseOwn(event: Event): void {
    event.preventDefault();
    const ends = [this.from, this.to].map(({ value }) => new Date(value).getTime() / 1000);
    const [from, to] = ends as [number, number];
    this.to.setCustomValidity(from < to ? '' : 'must be later than the beginning');
    if (!this.own.reportValidity()) return;
    this.writing = false;
    this.options.go({ ...none, from, to });
  }

  private scrub(): void {
    this.scrubbing = true;
    setText(this.text, momentText(this.scrubbedTo_s()));
    this.scrubber.setAttribute('aria-valuetext', momentText(this.scrubbedTo_s()));
  }

  private scrubbed(): void {
    const at = Math.round(this.scrubbedTo_s() * 1000) / 1000;
    const { playing } = this.options.travel;
    this.scrubbing = false;
    void this.options.travel.show(at).then(() => {
      if (playing) void this.start();
    });
    this.options.go({ at }, 'replace');
  }

  private scrubbedTo_s(): WallSeconds {
    const share = Number(this.scrubber.value) / scrubSteps;
    return this.begin_s() + share * (this.end_s() - this.begin_s());
  }

  private async togglePlay(): Promise<void> {
    const { travel, go, state } = this.options;
    if (travel.playing) {
      await travel.pause();
      go({ at: travel.moment_s }, 'replace');
      return;
    }
    // From the beginning, where it stands at the end or nowhere.
    const { at } = state();
    const begin = at === undefined || at >= this.end_s() - 0.001 ? this.begin_s() : at;
    await travel.show(begin);
    go({ at: begin }, 'replace');
    await this.start();
  }

  private start(): Promise<void> {
    return this.options.travel.play(this.end_s(), Number(this.speed.value));
  }

  private changeSpeed(): void {
    if (this.options.travel.playing) void this.start();
  }
}

function chosenOf({ last, from, to }: UiState): string {
  if (last !== undefined) return stretches.some(([, seconds]) => seconds === last) ? String(last) : 'own';
  if (from === undefined && to === undefined) return 'live';
  return from === 0 && to === undefined ? 'all' : 'own';
}

function moment(label: string): HTMLInputElement {
  return h('input', { type: 'datetime-local', step: '1', required: true, 'aria-label': label });
}

/** As the browser's own field for a moment wants it: local time. */
function localText(seconds: WallSeconds): string {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
