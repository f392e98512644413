// A table that keeps its rows' elements and changes only what changed. Where its rows can be opened it is one tab
// stop: arrow keys go from row to row. While somebody points at a row the rows keep their order.
import { compareValues, heldOrder, rank } from '../model/order.js';
import { h, setClass, setText, setTitle } from './dom.js';

export interface Column<T> {
  name: string;
  /** What it means, for whoever points at its head. */
  title?: string;
  /** Class of head and cells: `num` is right-aligned, `wide` is left out on narrow screens. */
  kind?: string;
  /** Fills a cell. `cell` is empty the first time and what it was made before, later. */
  fill(cell: HTMLTableCellElement, row: T): void;
  /** By what it can be sorted; nothing comes last. */
  sort?(row: T): number | string | undefined;
}

export interface TableOptions<T> {
  label: string;
  columns: Column<T>[];
  rowsMax?: number;
  empty: string;
  sortedBy?: { column: number; descending: boolean };
  onRow?(row: T): void;
  /** Names a row; with it rows keep their places under the pointer. */
  id?(row: T): string;
  rowClass?(row: T): string;
}

export class Table<T> {
  readonly element: HTMLElement;
  private readonly body = h('tbody');
  private readonly heads: HTMLTableCellElement[];
  private readonly emptyNote: HTMLElement;
  private readonly table: HTMLTableElement;
  private shown: T[] = [];
  private pointed = false;
  private stop = 0; // the row that is the tab stop
  private sortedBy: { column: number; descending: boolean } | undefined;
  /** Called when a person sorts: fill the table again. */
  onSort: () => void = () => {};

  constructor(private readonly options: TableOptions<T>) {
    this.sortedBy = options.sortedBy;
    this.heads = options.columns.map((column, i) => h('th', { class: column.kind, scope: 'col', title: column.title },
      column.sort === undefined
        ? column.name
        : h('button', { class: 'sort', onclick: () => this.sortBy(i) }, column.name)));
    this.emptyNote = h('p', { class: 'empty' }, options.empty);
    this.table = h('table', { 'aria-label': options.label },
      h('thead', { hidden: options.columns.every(({ name }) => name === '') },
        h('tr', {}, ...this.heads)), this.body);
    this.element = h('div', { class: 'table' }, this.table, this.emptyNote);
    // The head, too: what grows above the table may push the rows on from under the pointer.
    this.element.addEventListener('pointermove', ({ pointerType }) => (this.pointed = pointerType !== 'touch'));
    this.element.addEventListener('pointerleave', () => (this.pointed = false));
    this.markSorted();
  }

  update(rows: readonly T[]): void {
    const sorted = this.held(this.sorted(rows)).slice(0, this.options.rowsMax ?? 500);
    this.emptyNote.hidden = sorted.length > 0;
    this.table.hidden = sorted.length === 0;
    while (this.body.rows.length > sorted.length) this.body.deleteRow(-1);
    sorted.forEach((row, i) => this.fillRow(this.body.rows[i] ?? this.addRow(i), row));
    this.shown = sorted;
    if (this.options.onRow !== undefined && sorted.length > 0) this.moveStop(Math.min(this.stop, sorted.length - 1));
  }

  private held(rows: T[]): T[] {
    const { id } = this.options;
    if (id === undefined || !this.pointed || !this.element.matches(':hover')) return rows;
    return heldOrder(this.shown.map(id), rows, id);
  }

  private moveStop(to: number): void {
    const before = this.body.rows[this.stop];
    if (before !== undefined && this.stop !== to) before.tabIndex = -1;
    this.stop = to;
    const row = this.body.rows[to];
    if (row !== undefined && row.tabIndex !== 0) row.tabIndex = 0;
  }

  private fillRow(element: HTMLTableRowElement, row: T): void {
    setClass(element, this.options.rowClass?.(row) ?? '');
    this.options.columns.forEach((column, i) => column.fill(element.cells[i]!, row));
  }

  private addRow(index: number): HTMLTableRowElement {
    const element = h('tr', {}, ...this.options.columns.map(({ kind }) => h('td', { class: kind })));
    const { onRow } = this.options;
    if (onRow !== undefined) {
      element.tabIndex = -1;
      const choose = () => {
        const row = this.shown[index];
        if (row !== undefined) onRow(row);
      };
      element.addEventListener('click', choose);
      element.addEventListener('keydown', (event) => {
        if (event.target !== element) return;
        const last = this.shown.length - 1;
        const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: last }[event.key];
        if (event.key === 'Enter' || event.key === ' ') choose();
        else if (to === undefined) return;
        else if (to >= 0 && to <= last) {
          this.moveStop(to);
          this.body.rows[to]!.focus();
        }
        event.preventDefault();
      });
    }
    this.body.append(element);
    return element;
  }

  private sorted(rows: readonly T[]): T[] {
    const by = this.sortedBy;
    const key = by && this.options.columns[by.column]?.sort;
    if (by === undefined || key === undefined) return [...rows];
    const sign = by.descending ? -1 : 1;
    return rows.map((row) => ({ row, key: key(row) })).sort((a, b) => {
      const order = rank(a.key) - rank(b.key); // nothing is last either way
      return order !== 0 ? order : compareValues(a.key, b.key) * sign;
    }).map(({ row }) => row);
  }

  private sortBy(column: number): void {
    const descending = this.sortedBy?.column === column ? !this.sortedBy.descending : true;
    this.sortedBy = { column, descending };
    this.shown = []; // no order to be kept
    this.markSorted();
    this.onSort();
  }

  private markSorted(): void {
    this.heads.forEach((head, i) => {
      if (this.sortedBy?.column !== i) head.removeAttribute('aria-sort');
      else head.setAttribute('aria-sort', this.sortedBy.descending ? 'descending' : 'ascending');
    });
  }
}

/** A column of plain text. */
export function textColumn<T>(name: string, text: (row: T) => string,
                              more: Partial<Column<T>> = {}, title?: (row: T) => string): Column<T> {
  return { name, fill: (cell, row) => {
    setText(cell, text(row));
    if (title !== undefined) setTitle(cell, title(row));
  }, ...more };
}
