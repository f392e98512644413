import { h } from './dom.js';

/** A cell with a bar that fills `share` of it, 0..1. */
export function setBar(cell: HTMLElement, share: number, bad = false): void {
  if (cell.firstElementChild === null) cell.append(h('div', { class: 'meter', 'aria-hidden': 'true' }, h('div')));
  const bar = cell.firstElementChild!.firstElementChild as HTMLElement;
  bar.style.width = `${Math.min(1, Math.max(0, share)) * 100}%`;
  bar.classList.toggle('bad', bad);
}
