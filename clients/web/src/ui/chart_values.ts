// The table beside the crosshair: what each curve is there, the highest first. One for all charts.
import { h, setText } from './dom.js';
import { runSwatch } from './run_colours.js';

export interface ValueRow {
  label: string;
  colour: string;
  dash: readonly number[];
  /** NaN: no number. */
  value: number;
  /** Each as a text: the value, what it is smoothed to, where it is. */
  texts: readonly string[];
}

const rowsMax = 16;

const title = h('div', { class: 'at' });
const happened = h('div', { class: 'happened' });
const rows = h('tbody');
const more = h('div', { class: 'muted' });
const table = h('div', { class: 'values', role: 'status', 'aria-live': 'off', hidden: true }, title, happened, h('table', {}, rows), more);

export function hideValues(): void {
  table.hidden = true;
}

/** `head`: texts of the columns. `beside`: where the crosshair is, of which `host` is part. */
export function showValues(host: Element, place: string, head: readonly string[], values: readonly ValueRow[],
                           happenings: readonly string[], beside: { x: number; y: number }): void {
  // A dialog lies over all that is not in it.
  const ground = host.closest('dialog') ?? document.body;
  if (table.parentElement !== ground) ground.append(table);
  // Announced only where a person moves the crosshair by keys: a mouse would never be silent.
  table.setAttribute('aria-live', document.activeElement === host && host.matches(':focus-visible') ? 'polite' : 'off');
  setText(title, place);
  setText(happened, happenings.join('\n'));
  happened.hidden = happenings.length === 0;
  const sorted = [...values].sort((a, b) =>
    Number(Number.isNaN(a.value)) - Number(Number.isNaN(b.value)) || b.value - a.value || (a.label < b.label ? -1 : 1));
  rows.replaceChildren(
    h('tr', {}, h('th'), h('th', {}, 'curve'), ...head.map((text) => h('th', { class: 'num' }, text))),
    ...sorted.slice(0, rowsMax).map(({ label, colour, dash, texts }) => {
      const swatch = runSwatch();
      const line = swatch.firstElementChild as SVGLineElement;
      line.style.stroke = colour;
      line.setAttribute('stroke-dasharray', dash.join(' '));
      return h('tr', {}, h('td', {}, swatch), h('td', { class: 'label' }, label), ...texts.map((text) => h('td', { class: 'num' }, text)));
    }));
  more.hidden = sorted.length <= rowsMax;
  setText(more, `and ${sorted.length - rowsMax} more`);
  table.hidden = false;
  const { width, height } = table.getBoundingClientRect();
  const left = beside.x + 16 + width < innerWidth ? beside.x + 16 : Math.max(4, beside.x - 16 - width);
  table.style.left = `${left}px`;
  table.style.top = `${Math.max(4, Math.min(beside.y, innerHeight - height - 4))}px`;
}
