// Every event as it comes.
import type { BridgeEvent } from '../feed/index.js';
import { eventText, type TapeFilter } from '../model/tape.js';
import { h, setClass, setText } from '../ui/dom.js';
import { compact, full, timeWithMillis } from '../ui/format.js';
import { eventSummary } from '../ui/summary.js';
import type { App, View } from './view.js';

const rowHeight = 26; // as in style.css
const rowsBeyond = 4;

export class TapeView implements View {
  readonly name = 'tape';
  readonly title = 'Tape';
  readonly element = h('div', { class: 'view tape' });
  private readonly inputs: Record<keyof TapeFilter, HTMLInputElement>;
  private readonly types = h('datalist', { id: 'types' });
  private readonly pauseButton: HTMLButtonElement;
  private readonly count = h('span', { class: 'muted', role: 'status' });
  private readonly rows = h('div', { class: 'rows', role: 'list' });
  private readonly space = h('div', { class: 'space' });
  private readonly scroller: HTMLElement;
  private readonly empty = h('p', { class: 'empty' });
  private readonly json = h('pre', { class: 'json', tabindex: '0' });
  private readonly jsonTitle = h('h2');
  private readonly detail: HTMLElement;
  private selected: BridgeEvent | undefined;
  private shownTypes = 0;
  private shownFilter: TapeFilter | undefined;

  constructor(private readonly app: App) {
    const input = (name: keyof TapeFilter, placeholder: string) => h('input', {
      type: 'search', placeholder, 'aria-label': `Filter by ${name}`, spellcheck: 'false',
      list: name === 'type' ? 'types' : undefined, oninput: () => this.applyFilter(),
    });
    this.inputs = {
      type: input('type', 'type, or order_*'), agent: input('agent', 'agent or source'),
      item: input('item', 'item'), text: input('text', 'any text'),
    };
    this.pauseButton = h('button', { class: 'primary', onclick: () => this.togglePause() }, 'Pause');
    this.scroller = h('div', { class: 'scroller', tabindex: '0', 'aria-label': 'Events, newest first',
      onscroll: () => app.repaint() }, this.space, this.rows);
    const close = h('button', { class: 'plain', 'aria-label': 'Close', onclick: () => this.select(undefined) }, '✕');
    this.detail = h('aside', { class: 'card detail', hidden: true },
      h('div', { class: 'bar' }, this.jsonTitle, close), this.json);
    this.element.append(
      h('div', { class: 'bar' }, ...Object.values(this.inputs), this.pauseButton,
        h('button', { title: 'Save what is shown as lines of JSON', onclick: () => this.save() }, 'Save'),
        this.count, this.types),
      h('div', { class: 'split' }, h('section', { class: 'card list' }, this.scroller, this.empty), this.detail));
  }

  update(): void {
    const { tape } = this.app.store;
    if (tape.scan()) this.app.repaint();
    this.showFilter();
    this.updateTypes();
    setText(this.pauseButton, tape.paused ? 'Resume' : 'Pause');
    this.pauseButton.setAttribute('aria-pressed', String(tape.paused));
    setText(this.count, tape.paused
      ? `paused · ${full(tape.heldBack)} new`
      : `${full(tape.length)} shown · ${full(tape.total)} seen`);
    this.count.title = `The tape keeps the newest ${compact(tape.kept)} events`;
    this.empty.hidden = tape.length > 0;
    setText(this.empty, tape.total === 0 ? 'Waiting for the first event.' : 'No event passes this filter.');
    this.updateRows();
  }

  onKey(event: KeyboardEvent): boolean {
    if (event.key === ' ') this.togglePause();
    else if (event.key === '/') this.inputs.text.focus();
    else if (event.key === 'Escape') this.select(undefined);
    else if (event.key === 'j' || event.key === 'k') this.move(event.key === 'j' ? 1 : -1);
    else return false;
    return true;
  }

  private togglePause(): void {
    const { tape } = this.app.store;
    tape.pause(!tape.paused);
    if (!tape.paused) this.scroller.scrollTop = 0;
    this.app.repaint();
  }

  // As `ppo-client tail --json` writes them: an event a line, oldest first.
  private save(): void {
    const { tape } = this.app.store;
    const lines: string[] = [];
    for (let i = tape.length - 1; i >= 0; --i) lines.push(`${eventText(tape.row(i)!)}\n`);
    const url = URL.createObjectURL(new Blob(lines, { type: 'application/jsonl' }));
    h('a', { href: url, download: 'events.jsonl' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  private applyFilter(): void {
    const { type, agent, item, text } = this.inputs;
    const filter = { type: type.value, agent: agent.value, item: item.value, text: text.value };
    this.app.store.tape.setFilter(filter);
    this.shownFilter = this.app.store.tape.currentFilter;
    this.scroller.scrollTop = 0;
    this.app.repaint();
  }

  // Another view may have set it.
  private showFilter(): void {
    const filter = this.app.store.tape.currentFilter;
    if (filter === this.shownFilter) return;
    this.shownFilter = filter;
    for (const name of ['type', 'agent', 'item', 'text'] as const) this.inputs[name].value = filter[name];
  }

  private updateTypes(): void {
    const { types } = this.app.store;
    if (types.size === this.shownTypes) return;
    this.shownTypes = types.size;
    this.types.replaceChildren(...[...types.keys()].sort().map((value) => h('option', { value })));
  }

  // Only the rows that can be seen have elements.
  private updateRows(): void {
    const { tape } = this.app.store;
    this.space.style.height = `${tape.length * rowHeight}px`;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / rowHeight) - rowsBeyond);
    const fit = Math.ceil(this.scroller.clientHeight / rowHeight) + 2 * rowsBeyond;
    const count = Math.max(0, Math.min(fit, tape.length - first));
    this.rows.style.transform = `translateY(${first * rowHeight}px)`;
    while (this.rows.children.length > count) this.rows.lastElementChild!.remove();
    while (this.rows.children.length < count) this.rows.append(this.newRow());
    for (let i = 0; i < count; ++i) {
      const event = tape.row(first + i);
      if (event !== undefined) this.fillRow(this.rows.children[i] as HTMLElement, event);
    }
  }

  private newRow(): HTMLElement {
    const row = h('div', { role: 'listitem' }, ...['seq', 'time', 'type', 'who', 'what'].map((name) =>
      h('span', { class: name })));
    row.addEventListener('click', () => this.select(this.eventOf(row)));
    return row;
  }

  private readonly rowEvents = new WeakMap<HTMLElement, BridgeEvent>();

  private eventOf(row: HTMLElement): BridgeEvent | undefined {
    return this.rowEvents.get(row);
  }

  private fillRow(row: HTMLElement, event: BridgeEvent): void {
    setClass(row, `row kind-${kindOf(event.type)}${event === this.selected ? ' chosen' : ''}`);
    if (this.rowEvents.get(row) === event) return;
    this.rowEvents.set(row, event);
    const [seq, time, type, who, what] = row.children;
    setText(seq!, full(event.seq));
    setText(time!, timeWithMillis(event.timestamp));
    setText(type!, event.type);
    const agent = event.data.agent_id;
    setText(who!, [event.source, typeof agent === 'string' ? agent : undefined].filter(Boolean).join('/'));
    setText(what!, eventSummary(event));
  }

  // Up or down by one; the tape is paused, or the rows would run away.
  private move(by: number): void {
    const { tape } = this.app.store;
    tape.pause(true);
    let index = -1;
    for (let i = 0; i < tape.length && index < 0; ++i) if (tape.row(i) === this.selected) index = i;
    const next = tape.row(Math.max(0, index + by));
    this.select(next);
    const top = Math.max(0, index + by) * rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + rowHeight > scrollTop + clientHeight) this.scroller.scrollTop = top + rowHeight - clientHeight;
  }

  private select(event: BridgeEvent | undefined): void {
    this.selected = event;
    this.detail.hidden = event === undefined;
    if (event !== undefined) {
      setText(this.jsonTitle, `${event.type} ${full(event.seq)}`);
      setText(this.json, eventText(event, 2));
    }
    this.app.repaint();
  }
}

function kindOf(type: string): string {
  if (type === 'error') return 'error';
  if (type === 'trade_executed' || type.startsWith('order_')) return 'trade';
  if (type === 'system_status' || type === 'command_executed') return 'system';
  if (type === 'training_update' || type === 'episode_end') return 'training';
  return 'other';
}
