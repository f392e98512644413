// To whom commands go: all agents that take any, those that are gone among them, with why.
import type { Target } from '../model/targets.js';
import { setBadge } from '../ui/badge.js';
import { h, named, setText, setTitle } from '../ui/dom.js';

const searchFrom = 12; // targets

interface Box {
  label: HTMLElement;
  input: HTMLInputElement;
  badge: HTMLElement;
}

export class ControlTargets {
  readonly element: HTMLElement;
  all: Target[] = [];
  private readonly list = h('div', { class: 'targets', role: 'group', 'aria-label': 'Trainers and agents' });
  private readonly search: HTMLInputElement;
  private readonly none = h('p', { class: 'empty' },
    'No trainer takes commands right now. ppo-trainer does, as soon as it runs.');
  private readonly summary = h('p', { class: 'muted', role: 'status' });
  private readonly every: HTMLInputElement;
  private readonly everyLabel: HTMLElement;
  private readonly boxes = new Map<string, Box>();
  private readonly chosen = new Set<string>();
  private missed = '';
  private keys = '';

  constructor(private readonly changed: () => void) {
    this.search = h('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search trainers and agents', hidden: true,
                               oninput: () => this.arrange() });
    this.every = h('input', { type: 'checkbox', class: 'every', onchange: () => {
      for (const { name } of this.seen()) {
        if (this.every.checked) this.chosen.add(name);
        else this.chosen.delete(name);
      }
      this.showChosen();
      this.changed();
    } });
    this.everyLabel = h('label', { class: 'target' }, this.every, h('strong', {}, 'all'));
    this.element = h('section', { class: 'card' }, h('h2', {}, 'To whom'), this.search, this.list, this.none, this.summary);
  }

  /** Those that were chosen and can be commanded. */
  get targets(): Target[] {
    return this.all.filter(({ name, dead }) => dead === '' && this.chosen.has(name));
  }

  update(all: Target[]): void {
    this.all = all;
    const keys = JSON.stringify(all.map(({ name }) => name));
    if (keys !== this.keys) {
      this.keys = keys;
      this.arrange();
    }
    for (const { name, state, dead } of all) {
      const box = this.boxes.get(name);
      if (box === undefined) continue;
      setBadge(box.badge, state);
      box.input.disabled = dead !== '';
      setTitle(box.label, dead === '' ? undefined : `It takes no commands: ${dead}.`);
    }
    this.none.hidden = all.length > 0;
    this.search.hidden = all.length < searchFrom;
    this.showChosen();
    const live = all.filter(({ dead }) => dead === '').length;
    const gone = all.length - live;
    const count = this.targets.length;
    setText(this.summary, all.length === 0 ? '' : (count > 0 ? `${count} of ${live} chosen`
      : this.missed || (live === 0 ? 'None of them is there just now' : 'Choose one or more')) +
      (gone > 0 ? `; ${gone} ${gone === 1 ? 'is' : 'are'} gone.` : '.'));
  }

  /** Says that something was asked of nobody. */
  miss(why: string): void {
    this.missed = why;
    if (this.targets.length === 0) this.list.querySelector<HTMLInputElement>('input:not(:disabled)')?.focus();
    this.changed();
  }

  private seen(): Target[] {
    const wanted = this.search.value.trim().toLowerCase();
    return this.all.filter(({ name, dead }) => dead === '' && name.toLowerCase().includes(wanted));
  }

  private arrange(): void {
    const wanted = this.search.value.trim().toLowerCase();
    const shown = this.all.filter(({ name }) => name.toLowerCase().includes(wanted));
    for (const name of this.boxes.keys()) if (!this.all.some((target) => target.name === name)) this.boxes.delete(name);
    this.list.replaceChildren(...(shown.length > 1 ? [this.everyLabel] : []), ...shown.map(({ name }) => this.boxOf(name).label));
  }

  private boxOf(name: string): Box {
    let box = this.boxes.get(name);
    if (box === undefined) {
      const badge = h('span');
      const input = h('input', { type: 'checkbox', 'aria-label': name, onchange: () => {
        if (input.checked) this.chosen.add(name);
        else this.chosen.delete(name);
        this.missed = '';
        this.showChosen();
        this.changed();
      } });
      box = { input, badge, label: h('label', { class: 'target' }, input, named(name, 48), badge) };
      this.boxes.set(name, box);
    }
    return box;
  }

  // At once where somebody clicks, not with the next repaint: until then a box would show what no longer holds.
  private showChosen(): void {
    for (const { name, dead } of this.all) {
      const box = this.boxes.get(name);
      if (box !== undefined) box.input.checked = dead === '' && this.chosen.has(name);
    }
    const seen = this.seen();
    const count = seen.filter(({ name }) => this.chosen.has(name)).length;
    this.every.checked = count > 0 && count === seen.length;
    this.every.indeterminate = count > 0 && count < seen.length;
    this.every.disabled = seen.length === 0;
  }
}
