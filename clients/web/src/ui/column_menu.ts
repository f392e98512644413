// Which further columns a table shows: a list to tick, with a search for when there are many.
import { h, setText } from './dom.js';
import { full } from './format.js';

export interface ColumnChoice {
  id: string;
  name: string;
  what: string;
  /** How many rows have it. */
  count: number;
}

const shownMax = 100;
const chosenMax = 24;

export class ColumnMenu {
  readonly element: HTMLDetailsElement;
  private readonly search: HTMLInputElement;
  private readonly list = h('div', { class: 'menu-list' });
  private readonly more = h('p', { class: 'muted' });
  private keys: ColumnChoice[] = [];
  private chosen: readonly string[] = [];

  constructor(private readonly choose: (columns: string[]) => void) {
    this.search = h('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search columns', oninput: () => this.show() });
    this.element = h('details', { class: 'menu', ontoggle: () => this.show(), onkeydown: (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      this.element.open = false;
      (this.element.firstElementChild as HTMLElement).focus();
    } }, h('summary', {}, 'Columns'), h('div', { class: 'menu-box card' }, this.search, this.list, this.more));
    document.addEventListener('pointerdown', ({ target }) => {
      if (!this.element.contains(target as Node)) this.element.open = false;
    });
  }

  setKeys(keys: ColumnChoice[]): void {
    this.keys = keys;
    this.show();
  }

  update(chosen: readonly string[]): void {
    if (chosen === this.chosen) return;
    this.chosen = chosen;
    this.show();
  }

  private show(): void {
    if (!this.element.open) return;
    const wanted = this.search.value.toLowerCase();
    const found = this.keys.filter(({ id, name }) => name.toLowerCase().includes(wanted) || this.chosen.includes(id));
    found.sort((a, b) => Number(this.chosen.includes(b.id)) - Number(this.chosen.includes(a.id)));
    // Kept where it is the same, so that the one that has the focus keeps it.
    const shape = JSON.stringify(found.slice(0, shownMax).map(({ id, count }) => [id, count]));
    if (this.list.dataset.shape !== shape) {
      this.list.dataset.shape = shape;
      const focused = (document.activeElement as HTMLInputElement | null)?.value;
      this.list.replaceChildren(...found.slice(0, shownMax).map(({ id, name, what, count }) => h('label', { class: 'check' },
        h('input', { type: 'checkbox', value: id, onchange: () => this.toggle(id) }),
        h('span', { class: 'menu-name' }, name), h('small', {}, `${what}, ${full(count)}`))));
      for (const box of this.list.querySelectorAll('input')) if (box.value === focused) box.focus();
    }
    for (const box of this.list.querySelectorAll('input')) box.checked = this.chosen.includes(box.value);
    setText(this.more, found.length > shownMax ? `${full(found.length - shownMax)} more: search for them`
      : found.length === 0 ? 'Nothing like that was seen.' : '');
  }

  private toggle(id: string): void {
    const left = this.chosen.filter((other) => other !== id);
    this.choose((left.length < this.chosen.length ? left : [...left, id]).slice(-chosenMax));
  }
}
