// A table of many rows: only those that can be seen have elements, so ten thousand scroll as smoothly as ten. It is
// one tab stop; arrow keys go from row to row, the space bar chooses one, Enter opens it. Rows may stand in groups.
import { h, setClass, setText } from './dom.js';

export interface GridColumn<T> {
  id: string;
  name: string;
  title?: string;
  /** px; the least that it takes. */
  width: number;
  /** Its share of what is left. */
  grow?: number;
  num?: boolean;
  /** Left out where there is no room, the highest first; 0: never. */
  spare?: number;
  sortable?: boolean;
  fill(cell: HTMLElement, row: T): void;
}

export type GridItem<T> = { row: T } | { group: string; text: string; closed: boolean };

export interface GridOptions<T> {
  label: string;
  id(row: T): string;
  name(row: T): string;
  isChosen(row: T): boolean;
  /** What the box before a row does; left out: "Choose". */
  chooseName?: string;
  /** Rows are to be chosen or not; several where somebody held the shift key. */
  choose(rows: T[], chosen: boolean): void;
  open(row: T): void;
  isOpen(row: T): boolean;
  rowClass?(row: T): string;
  toggleGroup(group: string): void;
  sort(column: string): void;
  repaint(): void;
}

export const rowHeight = 30; // as in style.css
const rowsBeyond = 6;
const checkWidth = 34;
let grids = 0;

export class Grid<T> {
  readonly element: HTMLElement;
  private readonly scroller: HTMLElement;
  private readonly head = h('div', { role: 'row', class: 'grid-row head' });
  private readonly body = h('div', { role: 'rowgroup', class: 'grid-body' });
  private readonly rows = h('div', { role: 'presentation', class: 'rows' });
  private readonly all = h('input', { type: 'checkbox', onchange: () =>
    this.options.choose(this.items.flatMap((item) => ('row' in item ? [item.row] : [])), this.all.checked) });
  private readonly empty = h('p', { class: 'empty', hidden: true });
  private readonly name = `grid${++grids}`;
  private items: GridItem<T>[] = [];
  private columns: GridColumn<T>[] = [];
  private columnsAre = '';
  private first = 0;
  private active = ''; // the id of a row, or of a group
  private anchor = ''; // from where the shift key reaches
  private pointed = false;

  constructor(private readonly options: GridOptions<T>) {
    this.all.hidden = options.chooseName !== undefined;
    this.all.setAttribute('aria-label', `${options.chooseName ?? 'Choose'} all that are shown, or none`);
    this.body.append(this.rows);
    this.scroller = h('div', {
      role: 'grid', 'aria-label': options.label, 'aria-multiselectable': 'true', tabindex: '0', class: 'grid-scroller',
      onscroll: () => options.repaint(), onkeydown: (event: KeyboardEvent) => this.onKey(event),
      onfocus: () => options.repaint(), onblur: () => options.repaint(),
    }, h('div', { role: 'rowgroup', class: 'grid-head' }, this.head), this.body);
    this.body.addEventListener('click', (event) => this.onClick(event));
    this.body.addEventListener('pointermove', ({ pointerType }) => (this.pointed = pointerType !== 'touch'));
    this.body.addEventListener('pointerleave', () => {
      this.pointed = false;
      options.repaint();
    });
    this.element = h('div', { class: 'grid-box' }, this.scroller, this.empty);
    new ResizeObserver(() => options.repaint()).observe(this.element);
  }

  /** Somebody points at a row: it had better stay where it is. */
  get held(): boolean {
    return this.pointed && this.body.matches(':hover');
  }

  update(items: GridItem<T>[], columns: readonly GridColumn<T>[], sortedBy: string, emptyText: string): void {
    this.items = items;
    this.showColumns(this.fitting(columns), sortedBy);
    this.empty.hidden = items.length > 0;
    setText(this.empty, emptyText);
    this.all.checked = items.some((item) => 'row' in item && this.options.isChosen(item.row));
    // Only rows of a treegrid can be opened and closed.
    this.scroller.setAttribute('role', items.some((item) => 'group' in item) ? 'treegrid' : 'grid');
    this.scroller.setAttribute('aria-rowcount', String(items.length + 1));
    this.body.style.height = `${items.length * rowHeight}px`;
    this.paint();
  }

  private fitting(columns: readonly GridColumn<T>[]): GridColumn<T>[] {
    const shown = [...columns];
    const room = this.scroller.clientWidth - checkWidth;
    const spare = [...columns].filter(({ spare: s = 0 }) => s > 0).sort((a, b) => a.spare! - b.spare!);
    while (spare.length > 0 && shown.reduce((sum, { width }) => sum + width, 0) > room) {
      shown.splice(shown.indexOf(spare.pop()!), 1);
    }
    // Another cell may say what these would have said.
    this.element.dataset.without = columns.filter((column) => !shown.includes(column)).map(({ id }) => id).join(' ');
    return shown;
  }

  private showColumns(columns: GridColumn<T>[], sortedBy: string): void {
    const are = columns.map(({ id, name, width }) => `${id} ${name} ${width}`).join('\n');
    if (are !== this.columnsAre) {
      this.columnsAre = are;
      const template = [`${checkWidth}px`, ...columns.map(({ width, grow }) =>
        (grow === undefined ? `${width}px` : `minmax(${width}px, ${grow}fr)`))].join(' ');
      this.element.style.setProperty('--columns', template);
      this.element.style.setProperty('--least', `${columns.reduce((sum, { width }) => sum + width, checkWidth)}px`);
      this.head.replaceChildren(h('span', { role: 'columnheader', class: 'check-cell' }, this.all,
        this.options.chooseName === undefined ? undefined : h('span', { class: 'hidden' }, this.options.chooseName)), ...columns.map((column) => h('span',
        { role: 'columnheader', class: column.num ? 'num' : undefined, title: column.title ?? column.name },
        column.sortable === false ? column.name
          : h('button', { class: 'sort', onclick: () => this.options.sort(column.id) }, column.name))));
      this.rows.replaceChildren();
    }
    this.columns = columns;
    const down = sortedBy.startsWith('-');
    columns.forEach(({ id }, i) => {
      const cell = this.head.children[i + 1]!;
      if (sortedBy.slice(down ? 1 : 0) !== id) cell.removeAttribute('aria-sort');
      else cell.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    });
  }

  private paint(): void {
    const { scroller, items } = this;
    const fit = Math.ceil(scroller.clientHeight / rowHeight) + 2 * rowsBeyond;
    // Where there are fewer now than it was scrolled by, the last of them.
    this.first = Math.max(0, Math.min(Math.floor(scroller.scrollTop / rowHeight) - rowsBeyond, items.length - fit));
    const count = Math.max(0, Math.min(fit, items.length - this.first));
    this.rows.style.transform = `translateY(${this.first * rowHeight}px)`;
    while (this.rows.children.length > count) this.rows.lastElementChild!.remove();
    while (this.rows.children.length < count) this.rows.append(this.newRow());
    for (let i = 0; i < count; ++i) this.fill(this.rows.children[i] as HTMLElement, this.first + i);
    const at = this.indexOf(this.active);
    if (at >= this.first && at < this.first + count) this.scroller.setAttribute('aria-activedescendant', `${this.name}-${at}`);
    else this.scroller.removeAttribute('aria-activedescendant');
  }

  private newRow(): HTMLElement {
    return h('div', { role: 'row', class: 'grid-row' },
      h('span', { role: 'gridcell', class: 'check-cell' }, h('input', { type: 'checkbox', tabindex: '-1' })),
      ...this.columns.map(({ num }) => h('span', { role: 'gridcell', class: num ? 'num' : undefined })));
  }

  private fill(element: HTMLElement, index: number): void {
    const item = this.items[index]!;
    element.id = `${this.name}-${index}`;
    element.setAttribute('aria-rowindex', String(index + 2));
    const active = keyOf(item, this.options) === this.active && document.activeElement === this.scroller ? ' active' : '';
    const check = element.firstElementChild!.firstElementChild as HTMLInputElement;
    if ('group' in item) {
      setClass(element, `grid-row group${active}`);
      element.setAttribute('aria-expanded', String(!item.closed));
      element.removeAttribute('aria-selected');
      check.hidden = true;
      const cells = [...element.children].slice(1);
      cells.forEach((cell, i) => {
        if (i > 0) cell.replaceChildren();
        else if (cell.childElementCount !== 1 || !cell.firstElementChild!.classList.contains('group-name')) {
          cell.replaceChildren(h('span', { class: 'group-name' }));
        }
        cell.removeAttribute('title');
      });
      setText(cells[0]!.firstElementChild!, `${item.closed ? '▸' : '▾'} ${item.text}`);
      return;
    }
    const { row } = item;
    const chosen = this.options.isChosen(row);
    if (element.classList.contains('group')) [...element.children].slice(1).forEach((cell) => cell.replaceChildren());
    setClass(element, `grid-row${chosen ? ' picked' : ''}${this.options.isOpen(row) ? ' chosen' : ''}${active} ${this.options.rowClass?.(row) ?? ''}`.trim());
    element.removeAttribute('aria-expanded');
    element.setAttribute('aria-selected', String(chosen));
    check.hidden = false;
    check.checked = chosen;
    const label = `${this.options.chooseName ?? 'Choose'} ${this.options.name(row)}`;
    if (check.getAttribute('aria-label') !== label) check.setAttribute('aria-label', label);
    this.columns.forEach((column, i) => column.fill(element.children[i + 1] as HTMLElement, row));
  }

  private onClick(event: MouseEvent): void {
    const target = event.target as HTMLElement;
    const element = target.closest('.grid-row');
    const item = element === null ? undefined : this.items[this.first + [...this.rows.children].indexOf(element)];
    if (item === undefined || target.closest('a') !== null) return;
    const before = this.anchor;
    this.active = this.anchor = keyOf(item, this.options);
    if ('group' in item) this.options.toggleGroup(item.group);
    else if (target.closest('.check-cell') !== null || event.shiftKey) this.chooseTo(item.row, event.shiftKey ? before : '', !this.options.isChosen(item.row));
    else if (event.ctrlKey || event.metaKey) this.options.choose([item.row], !this.options.isChosen(item.row));
    else this.options.open(item.row);
    this.options.repaint();
  }

  // From the row of `from`, where there is one, up to this one.
  private chooseTo(row: T, from: string, chosen: boolean): void {
    const end = this.indexOf(this.options.id(row));
    const begin = from === '' ? end : this.indexOf(from);
    const [low, high] = begin < 0 ? [end, end] : [Math.min(begin, end), Math.max(begin, end)];
    this.options.choose(this.items.slice(low, high + 1).flatMap((item) => ('row' in item ? [item.row] : [])), chosen);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.target !== this.scroller || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = Math.max(0, this.indexOf(this.active));
    const item = this.items[at];
    if (item === undefined) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / rowHeight) - 2);
    const moves: { [key: string]: number } = {
      ArrowDown: at + (this.active === '' ? 0 : 1), ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.items.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) this.move(at, Math.max(0, Math.min(to, this.items.length - 1)), event.shiftKey);
    else if ('group' in item) {
      const wanted = { ArrowLeft: !item.closed, ArrowRight: item.closed, Enter: true, ' ': true }[event.key];
      if (wanted === undefined) return;
      if (wanted) this.options.toggleGroup(item.group);
    } else if (event.key === 'Enter') this.options.open(item.row);
    else if (event.key === ' ') {
      this.anchor = this.active = this.options.id(item.row);
      this.options.choose([item.row], !this.options.isChosen(item.row));
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.options.repaint();
  }

  private move(from: number, to: number, choose: boolean): void {
    const item = this.items[to]!;
    this.active = keyOf(item, this.options);
    if (choose) {
      const rows = this.items.slice(Math.min(from, to), Math.max(from, to) + 1);
      this.options.choose(rows.flatMap((one) => ('row' in one ? [one.row] : [])), true);
    } else {
      this.anchor = this.active;
    }
    const top = to * rowHeight;
    const height = this.scroller.clientHeight - rowHeight; // less the head
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + rowHeight > this.scroller.scrollTop + height) this.scroller.scrollTop = top + rowHeight - height;
  }

  private indexOf(key: string): number {
    return key === '' ? -1 : this.items.findIndex((item) => keyOf(item, this.options) === key);
  }
}

function keyOf<T>(item: GridItem<T>, options: GridOptions<T>): string {
  return 'group' in item ? `\n${item.group}` : options.id(item.row);
}
