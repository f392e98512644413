import { h, setText, setTitle } from './dom.js';

/** A row of figures with their names. */
export class Tiles {
  readonly element = h('dl', { class: 'tiles' });
  private readonly values = new Map<string, HTMLElement>();

  constructor(names: readonly string[]) {
    for (const name of names) {
      const value = h('dd', {}, '–');
      this.values.set(name, value);
      this.element.append(h('div', { class: 'tile' }, h('dt', {}, name), value));
    }
  }

  set(name: string, text: string, title?: string): void {
    const value = this.values.get(name)!;
    setText(value, text);
    setTitle(value, title);
  }
}
