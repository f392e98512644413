// Every event as it comes, and as far back as the bridge remembers.
import type { BridgeEvent } from '../feed/index.js';
import { eventText } from '../model/filter.js';
import { isMark, type Mark, type Row } from '../model/tape_rows.js';
import type { Tape } from '../model/tape.js';
import { listOf, objectOf, textOf } from '../model/values.js';
import { ColumnMenu } from '../ui/column_menu.js';
import { h, setClass, setText, setTitle } from '../ui/dom.js';
import { bytes, dateTime, full, when } from '../ui/format.js';
import { columnChoices, columnsOf, usualColumns, type TapeColumn } from './tape_columns.js';
import { TapeDetail } from './tape_detail.js';
import { TapeFilter } from './tape_filter.js';
import type { App, View } from './view.js';

const rowHeight = 26; // as in style.css
const rowsBeyond = 4;
const rowsAhead = 40; // are looked for before one gets there
const typesMax = 512;
const sampleEvery_ms = 2000;
const sampled = 300; // rows, for what fields there are

export class TapeView implements View {
  readonly name = 'tape';
  readonly title = 'Tape';
  readonly element = h('div', { class: 'view tape' });
  private readonly filter = new TapeFilter((filter) => this.app.go({ filter }, 'replace'));
  private readonly holdButton: HTMLButtonElement;
  private readonly count = h('span', { class: 'muted', role: 'status' });
  private readonly held = h('button', { class: 'held', hidden: true, onclick: () => this.hold(false) });
  private readonly head = h('div', { class: 'row head', role: 'row' });
  private readonly rows = h('div', { class: 'rows' });
  private readonly space = h('div', { class: 'space' });
  private readonly scroller: HTMLElement;
  private readonly grid: HTMLElement;
  private readonly empty = h('p', { class: 'empty' });
  private readonly tail = h('span');
  private readonly further: HTMLButtonElement;
  private readonly detail: TapeDetail;
  private readonly menu = new ColumnMenu((columns) => this.app.go({
    cols: columns.join() === usualColumns.join() ? [] : columns,
  }, 'replace'));
  private columns: TapeColumn[] = [];
  private columnsKey: string | undefined;
  private shownTypes = 0;
  private paused = false; // by a person
  private pointed = false; // the pointer is over the rows

  constructor(private readonly app: App) {
    this.holdButton = h('button', { class: 'primary', title: 'Key: space', onclick: () => this.hold(!this.paused) }, 'Hold');
    this.scroller = h('div', {
      class: 'scroller', tabindex: '0', role: 'rowgroup', onscroll: () => app.repaint(),
      onkeydown: (event: KeyboardEvent) => this.onRowKey(event),
    }, this.space, this.rows);
    // Only where the pointer moves: one that lies there while somebody types is over nothing.
    this.scroller.addEventListener('pointermove', (event) => this.point(event.pointerType !== 'touch'));
    this.scroller.addEventListener('pointerleave', () => this.point(false));
    this.grid = h('div', { class: 'events', role: 'grid', 'aria-label': 'Events, newest first' },
      h('div', { class: 'heads', role: 'rowgroup' }, this.head), this.scroller);
    this.further = h('button', { class: 'link', onclick: () => {
      this.tape.lookFurther();
      app.repaint();
    } });
    this.detail = new TapeDetail(app, () => this.app.go({ seq: undefined }));
    this.menu.element.addEventListener('toggle', () => {
      this.sampled_ms = -Infinity;
      app.repaint();
    });
    this.element.append(
      h('div', { class: 'bar' }, ...Object.values(this.filter.boxes), this.holdButton, this.menu.element,
        h('button', { title: 'Save what is shown as lines of JSON', onclick: () => this.save() }, 'Save'),
        this.count, this.filter.types),
      this.filter.element,
      h('div', { class: 'split' },
        h('section', { class: 'card list' }, this.grid, this.held, this.empty, h('p', { class: 'tail' }, this.tail, ' ', this.further)),
        this.detail.element));
  }

  update(): void {
    const { tape, types } = this.app.store;
    const { state } = this.app;
    const live = this.app.feed.state.status === 'live';
    if (live && tape.ask === undefined && tape.older === 'failed') tape.lookFurther();
    tape.ask = live ? this.app.ask : undefined;
    tape.onChange = () => this.app.repaint();
    if (live && !this.typesAsked) void this.askTypes();
    this.filter.show(state.filter);
    tape.show(this.filter.filter, state.from, state.to);
    if (types.size + this.oldTypes.length !== this.shownTypes) {
      this.shownTypes = types.size + this.oldTypes.length;
      const all = [...new Set([...types.keys(), ...this.oldTypes])].sort();
      this.filter.types.replaceChildren(...all.map((value) => h('option', { value })));
    }
    this.updateColumns(state.cols);
    this.updateMenu();
    const why = this.holding();
    if (why !== '' || !tape.follows) tape.follow(why === '');
    this.updateRows();
    this.updateTexts(why);
    this.detail.update(state.seq, state.epoch);
  }

  // There is another one for another moment of the past.
  private get tape(): Tape {
    return this.app.store.tape;
  }

  // Those too that came before the page was opened.
  private async askTypes(): Promise<void> {
    this.typesAsked = true;
    const { event_types } = await this.app.ask('get_event_types').catch(() => ({ event_types: [] }));
    this.oldTypes = listOf(event_types).flatMap((entry) => textOf(objectOf(entry).type) ?? []).slice(0, typesMax);
    this.app.repaint();
  }
  private typesAsked = false;
  private oldTypes: string[] = [];

  onKey(event: KeyboardEvent): boolean {
    if (event.key === ' ') this.hold(!this.paused && this.tape.follows);
    else if (event.key === '/') this.filter.boxes.text.focus();
    else if (event.key === 'Escape') this.app.go({ seq: undefined });
    else if (event.key === 'j' || event.key === 'k') this.move(event.key === 'j' ? 1 : -1);
    else return false;
    return true;
  }

  private onRowKey(event: KeyboardEvent): void {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      this.move(event.key === 'ArrowDown' ? 1 : -1);
      event.preventDefault();
    } else if (event.key === 'Home') this.scroller.scrollTop = 0;
  }

  // Why the rows stand still.
  private holding(): string {
    if (this.paused) return 'held';
    if (this.tape.cut || this.scroller.scrollTop > rowHeight / 2) return 'held: scrolled';
    return this.pointed ? 'held: pointed at' : '';
  }

  private hold(on: boolean): void {
    this.paused = on;
    if (!on) {
      this.pointed = false;
      if (this.tape.cut) this.tape.restart();
      this.scroller.scrollTop = 0;
    }
    this.app.repaint();
  }

  private point(on: boolean): void {
    if (on === this.pointed) return;
    this.pointed = on;
    this.app.repaint();
  }

  private updateTexts(why: string): void {
    const { tape } = this;
    setText(this.holdButton, this.paused ? 'Follow' : 'Hold');
    this.holdButton.setAttribute('aria-pressed', String(this.paused));
    const closed = this.app.state.to !== undefined;
    setText(this.count, `${full(tape.events)} shown · ${full(tape.total)} seen` +
      (closed ? ' · a range' : why === '' ? ' · following' : ` · ${why}`));
    setTitle(this.count, `The newest ${full(tape.kept)} events are here (${bytes(tape.bytes)} of text); ` +
      `${full(tape.letGo)} older ones were let go of, and are asked of the bridge when one scrolls to them.`);
    this.held.hidden = tape.heldBack === 0;
    setText(this.held, `${full(tape.heldBack)} new · follow`);
    this.empty.hidden = tape.length > 0;
    setText(this.empty, tape.older === 'asking' || tape.older === 'more' ? 'Looking for events …'
      : tape.total === 0 && tape.older === 'end' ? 'Waiting for the first event.' : 'No event passes this filter.');
    const { looked } = tape;
    const far = looked === undefined ? '' : ` back to event ${full(looked.seq)}, ${when(looked.timestamp)}`;
    setText(this.tail, {
      more: 'Scroll down for what was before.', asking: `Looking${far} …`, paused: `Looked${far}.`, end: tape.olderText,
      failed: `The bridge did not tell what was before: ${tape.olderText}.`,
      'other epoch': 'The bridge was started anew: what was before it has other numbers.',
    }[tape.older]);
    setText(this.further, tape.older === 'paused' ? 'Look further' : tape.older === 'failed' ? 'Try again' : 'Ask it again');
    this.further.hidden = !['paused', 'failed', 'other epoch'].includes(tape.older);
  }

  // As `ppo-client tail --json` writes them: an event a line, oldest first.
  private save(): void {
    const { tape } = this;
    const lines: string[] = [];
    for (let i = tape.length - 1; i >= 0; --i) {
      const row = tape.row(i)!;
      if (!isMark(row)) lines.push(`${eventText(row)}\n`);
    }
    const url = URL.createObjectURL(new Blob(lines, { type: 'application/jsonl' }));
    h('a', { href: url, download: 'events.jsonl' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  private updateColumns(names: readonly string[]): void {
    const key = names.join('\n');
    if (key === this.columnsKey) return;
    this.columnsKey = key;
    this.columns = columnsOf(names);
    setClass(this.grid, names.length === 0 ? 'events usual' : 'events');
    const least = this.columns.reduce((sum, { width }) => sum + Number(/[0-9.]+/.exec(width)![0]) + 0.75, 1.6);
    this.grid.style.setProperty('--columns', names.length === 0 ? null : this.columns.map(({ width }) => width).join(' '));
    this.grid.style.setProperty('--least', names.length === 0 ? null : `${least}rem`);
    this.head.replaceChildren(...this.columns.map((column) =>
      h('span', { role: 'columnheader', class: classOf(column) }, column.title)));
    this.rows.replaceChildren();
    this.menu.update(names.length === 0 ? usualColumns : names);
  }

  // The fields that the newest rows have, for who wants to choose.
  private updateMenu(): void {
    const now_ms = performance.now();
    if (!this.menu.element.open || now_ms - this.sampled_ms < sampleEvery_ms) return;
    this.sampled_ms = now_ms;
    const { tape } = this;
    const events: BridgeEvent[] = [];
    for (let i = 0; i < Math.min(sampled, tape.length); ++i) {
      const row = tape.row(i)!;
      if (!isMark(row)) events.push(row);
    }
    this.menu.setKeys(columnChoices(events, this.app.state.cols));
  }
  private sampled_ms = -Infinity;

  // Only the rows that can be seen have elements.
  private updateRows(): void {
    const { tape } = this;
    const dropped = tape.takeDropped();
    this.space.style.height = `${tape.length * rowHeight}px`;
    if (dropped > 0) this.scroller.scrollTop -= dropped * rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / rowHeight) - rowsBeyond);
    const fit = Math.ceil(clientHeight / rowHeight) + 2 * rowsBeyond;
    const count = Math.max(0, Math.min(fit, tape.length - first));
    this.rows.style.transform = `translateY(${first * rowHeight}px)`;
    this.grid.setAttribute('aria-rowcount', String(tape.length + 1));
    while (this.rows.children.length > count) this.rows.lastElementChild!.remove();
    while (this.rows.children.length < count) this.rows.append(this.newRow());
    for (let i = 0; i < count; ++i) {
      const row = tape.row(first + i);
      if (row !== undefined) this.fillRow(this.rows.children[i] as HTMLElement, row, first + i);
    }
    if (clientHeight === 0) return;
    if (tape.length - first - fit < rowsAhead) {
      if (tape.lookOlder(scrollTop < rowHeight)) this.app.repaint();
    }
    if (tape.cut && first < rowsAhead) {
      void tape.lookNewer().then((found) => {
        if (found === 0) return;
        this.space.style.height = `${tape.length * rowHeight}px`;
        this.scroller.scrollTop += found * rowHeight;
      }).catch(() => {}); // asked again with the next picture
    }
  }

  private newRow(): HTMLElement {
    const row = h('div', { role: 'row' }, ...this.columns.map((column) =>
      h('span', { role: 'gridcell', class: classOf(column) })));
    row.addEventListener('click', () => {
      const shown = this.shownRows.get(row);
      if (shown !== undefined && !isMark(shown)) this.app.go({ seq: shown.seq }, this.app.state.seq === undefined ? 'push' : 'replace');
    });
    return row;
  }

  private readonly shownRows = new WeakMap<HTMLElement, Row>();

  private fillRow(element: HTMLElement, row: Row, index: number): void {
    const chosen = row.seq === this.app.state.seq;
    if (element.ariaRowIndex !== String(index + 2)) element.ariaRowIndex = String(index + 2);
    if (element.ariaSelected !== String(chosen)) element.ariaSelected = String(chosen);
    const older = isMark(row) ? '' : isReplayed(row) ? ' replayed' : this.tape.isOlder(row) ? ' older' : '';
    setClass(element, `row ${isMark(row) ? `mark ${row.mark}` : `kind-${kindOf(row.type)}`}${older}${chosen ? ' chosen' : ''}`);
    if (this.shownRows.get(element) === row) return;
    this.shownRows.set(element, row);
    if (isMark(row)) this.fillMark(element, row);
    else this.columns.forEach((column, i) => column.fill(element.children[i] as HTMLElement, row));
    setTitle(element, older === '' ? undefined : older === ' older' ? 'From before, as the bridge remembers it' : 'Replayed');
  }

  // One cell over the whole row; the others are not shown.
  private fillMark(element: HTMLElement, { text, timestamp }: Mark): void {
    [...element.children].forEach((cell, i) => {
      setText(cell, i === 0 ? `▲ ${when(timestamp)} · ${text}` : '');
      setTitle(cell as HTMLElement, i === 0 ? dateTime(timestamp) : undefined);
    });
  }

  // Up or down by one event; the rows are held, or they would run away.
  private move(by: number): void {
    const { tape } = this;
    this.paused = true;
    tape.follow(false);
    const { seq } = this.app.state;
    let index = seq === undefined ? -1 : tape.indexOf(seq);
    let next: Row | undefined;
    do next = tape.row(index = index + by);
    while (next !== undefined && isMark(next));
    if (next === undefined) return this.app.repaint();
    this.app.go({ seq: next.seq }, seq === undefined ? 'push' : 'replace');
    const top = index * rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + rowHeight > scrollTop + clientHeight) this.scroller.scrollTop = top + rowHeight - clientHeight;
  }
}

function classOf({ name, numeric }: TapeColumn): string {
  return /^[a-z_]+$/.test(name) ? `cell-${name}${numeric ? ' num' : ''}` : numeric ? 'num' : '';
}

function isReplayed(event: BridgeEvent): boolean {
  return (event as BridgeEvent & { replay?: boolean }).replay === true;
}

function kindOf(type: string): string {
  if (type === 'error') return 'error';
  if (type === 'trade_executed' || type.startsWith('order_')) return 'trade';
  if (type === 'system_status' || type === 'command_executed') return 'system';
  if (type === 'training_update' || type === 'episode_end') return 'training';
  return 'other';
}
