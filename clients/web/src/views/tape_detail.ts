// One event, whole, and where to go from it.
import type { BridgeEvent } from '../feed/index.js';
import { eventText, filterOfAgent } from '../model/filter.js';
import { runIdOf } from '../model/runs.js';
import { listOf, numberOf, objectOf, textOf, wordsOf } from '../model/values.js';
import type { UiState } from '../state/ui_state.js';
import { copyText } from '../ui/clipboard.js';
import { h, setName, setText } from '../ui/dom.js';
import { dateTime, full } from '../ui/format.js';
import type { App } from './view.js';

const around_s = 30;
const isCurve = new Set(['training_update', 'episode_end', 'scalar']);

export class TapeDetail {
  readonly element: HTMLElement;
  private readonly title = h('h2');
  private readonly time = h('p', { class: 'muted' });
  private readonly actions = h('div', { class: 'bar actions' });
  private readonly json = h('pre', { class: 'json', tabindex: '0', 'aria-label': 'The event as JSON' });
  private wanted: number | undefined;

  constructor(private readonly app: App, close: () => void) {
    this.element = h('aside', { class: 'card detail', hidden: true, 'aria-label': 'Event' },
      h('div', { class: 'bar' }, this.title, h('button', { class: 'plain', 'aria-label': 'Close', onclick: close }, '✕')),
      this.time, this.actions, this.json);
  }

  /** The event that the address names, however old it is. */
  update(seq: number | undefined, epoch: string): void {
    this.element.hidden = seq === undefined;
    if (seq === this.wanted) return;
    const now = epoch === '' || epoch === this.app.feed.epoch;
    const held = seq === undefined || !now ? undefined : this.app.store.tape.find(seq);
    // Until there is a connection nobody can be asked.
    if (seq !== undefined && held === undefined && this.app.feed.state.status !== 'live') return;
    this.wanted = seq;
    if (held !== undefined) this.fill(held);
    else if (seq !== undefined) void this.fetch(seq, now ? undefined : epoch);
  }

  // `epoch`: of an earlier numbering.
  private async fetch(seq: number, epoch: string | undefined): Promise<void> {
    this.say(seq, 'Asking the bridge for it …');
    try {
      if (epoch !== undefined && !(await this.goesOn(seq, epoch))) {
        if (this.wanted === seq) this.say(seq, 'This event is gone: the bridge has numbered its events anew since, and what has this number now is another one.');
        return;
      }
      const { events } = await this.app.ask('get_recent_events', { since_seq: seq - 1, before_seq: seq + 1, count: 1 });
      const event = listOf(events)[0] as unknown as BridgeEvent | undefined;
      if (this.wanted !== seq) return;
      if (event?.seq === seq) this.fill(event);
      else this.say(seq, 'Neither the bridge nor its journal has an event of this number any more.');
    } catch (error) {
      if (this.wanted === seq) this.say(seq, `The bridge did not answer: ${wordsOf(error)}`);
    }
  }

  // Whether numbers up to this one are the same in the numbering of now.
  private async goesOn(seq: number, epoch: string): Promise<boolean> {
    const { events, recovered } = await this.app.ask('get_recent_events', { epoch, since_seq: seq, count: 1 });
    return recovered !== false && (numberOf(objectOf(listOf(events)[0]).seq) ?? Infinity) > seq;
  }

  private say(seq: number, text: string): void {
    setText(this.title, `Event ${full(seq)}`);
    setText(this.time, text);
    setText(this.json, '');
    this.actions.replaceChildren();
  }

  private fill(event: BridgeEvent): void {
    const { type, seq, timestamp, source, run, data } = event;
    setName(this.title, `${type} ${full(seq)}`, 60);
    setText(this.time, dateTime(timestamp));
    setText(this.json, eventText(event, 2));
    const go = (name: string, change: Partial<UiState>, title?: string) =>
      h('button', { title, onclick: () => this.app.go(change) }, name);
    const copy = (name: string, text: () => string) => {
      const button = h('button', { onclick: async () => {
        setText(button, (await copyText(text())) ? 'Copied' : 'Not copied');
        setTimeout(() => setText(button, name), 2000);
      } }, name);
      return button;
    };
    const agent = textOf(data.agent_id) ?? '';
    const item = textOf(data.item);
    this.actions.replaceChildren(
      copy('Copy', () => eventText(event, 2)), copy('Copy link', () => location.href),
      ...(source || agent ? [go('Only this agent', { filter: filterOfAgent(source ?? '', agent) }, `${source ?? ''}/${agent}`)] : []),
      go('Only this type', { filter: type }),
      ...(isCurve.has(type) ? [go('Show in its curve', {
        view: 'training', runs: [runIdOf(source, run, data.agent_id)], tags: textOf(data.tag) ?? `${type}/`,
      })] : []),
      ...(item === undefined || !source ? [] : [go('Show in the market', { view: 'market', item: `${source}/${item}` })]),
      go('Around it', { from: Math.floor(timestamp - around_s), to: Math.ceil(timestamp + around_s), filter: '' },
         `All events of ${around_s} s before and after it`));
  }
}

