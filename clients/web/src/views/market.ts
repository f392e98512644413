// What can be earned on which item, and what was bought and sold at what price.
import type { Item } from '../model/market.js';
import { numberOf } from '../model/values.js';
import { Chart } from '../ui/chart.js';
import { h, setClass, setQuantity, setText, setTitle } from '../ui/dom.js';
import { compact, full, percent, time } from '../ui/format.js';
import { Redraw } from '../ui/redraw.js';
import { Table, textColumn } from '../ui/table.js';
import type { App, View } from './view.js';

const chosenMax = 4;
const chosenAtFirst = 2;
const rowsMax = 200;

interface Panel {
  element: HTMLElement;
  title: HTMLElement;
  source: HTMLElement;
  figures: HTMLElement;
  price: Chart;
  margin: Chart;
  redraw: Redraw;
}

export class MarketView implements View {
  readonly name = 'market';
  readonly title = 'Market';
  readonly element = h('div', { class: 'view market' });
  private readonly table: Table<Item>;
  private readonly panels: Panel[] = [];
  private readonly charts = h('div', { class: 'grid' }, h('p', { class: 'card empty' },
    'Choose an item to see its price, its margin and what was bought and sold.'));
  private readonly search: HTMLInputElement;
  private readonly note: HTMLElement;
  private chosen: string[] = [];
  private choseHere = false;

  constructor(private readonly app: App) {
    this.search = h('input', { type: 'search', placeholder: 'item or source', 'aria-label': 'Search items',
                               oninput: () => app.repaint() });
    this.note = h('span', { class: 'muted' });
    this.table = new Table<Item>({
      label: 'Margins after tax',
      empty: 'No prices or margins yet. They come as price_update and margin_update.',
      rowsMax,
      sortedBy: { column: 1, descending: true },
      onRow: (item) => this.choose(item),
      rowClass: ({ key }) => (this.chosen.includes(key) ? 'chosen' : ''),
      columns: [
        { name: 'Item', kind: 'name', sort: ({ name }) => name, fill: (cell, item) => this.fillName(cell, item) },
        { name: 'Margin', kind: 'num', sort: ({ netMargin }) => netMargin, fill: fillMargin },
        textColumn('%', ({ netPercent }) => percent(netPercent, 2), { kind: 'num', sort: ({ netPercent }) => netPercent }),
        { name: 'Buy', kind: 'num', sort: ({ buyPrice }) => buyPrice, fill: (cell, { buyPrice }) => setQuantity(cell, buyPrice) },
        { name: 'Sell', kind: 'num', sort: ({ sellPrice }) => sellPrice, fill: (cell, { sellPrice }) => setQuantity(cell, sellPrice) },
        { name: 'Price', kind: 'num wide', sort: ({ price }) => numberOf(price), fill: (cell, { price }) => setQuantity(cell, price) },
      ],
    });
    this.table.onSort = () => app.repaint();
    this.element.append(
      h('section', { class: 'card list' }, h('h2', {}, 'Margins after tax'),
        h('div', { class: 'bar' }, this.search, this.note), this.table.element),
      this.charts);
  }

  update(): void {
    const { items } = this.app.store.market;
    const wanted = this.search.value.trim().toLowerCase();
    const all = [...items.values()];
    const found = wanted === '' ? all : all.filter(({ name, source }) =>
      name.toLowerCase().includes(wanted) || source.toLowerCase().includes(wanted));
    this.chosen = this.chosen.filter((key) => items.has(key));
    // Chosen once, so that the charts do not jump about.
    if (!this.choseHere && this.chosen.length < chosenAtFirst) this.chosen = best(all);
    this.table.update(found);
    setText(this.note, `${compact(found.length)} items · choose up to ${chosenMax} to draw them`);
    const chosen = this.chosen.map((key) => items.get(key)!);
    while (this.panels.length < chosen.length) this.panels.push(this.newPanel());
    (this.charts.firstElementChild as HTMLElement).hidden = chosen.length > 0;
    this.panels.forEach((panel, i) => this.updatePanel(panel, chosen[i]));
  }

  private choose({ key }: Item): void {
    if (!this.choseHere) this.chosen = [];
    this.choseHere = true;
    this.chosen = this.chosen.includes(key)
      ? this.chosen.filter((other) => other !== key)
      : [...this.chosen, key].slice(-chosenMax);
    this.app.repaint();
  }

  private fillName(cell: HTMLTableCellElement, { name, source, updated_s }: Item): void {
    if (cell.firstChild === null) cell.append(h('strong'), h('small'));
    setText(cell.children[0]!, name);
    setText(cell.children[1]!, source);
    setTitle(cell, `last heard of at ${time(updated_s)}`);
  }

  private newPanel(): Panel {
    const title = h('span');
    const source = h('small', { class: 'muted' });
    const figures = h('span', { class: 'figures' });
    const price = new Chart({ label: 'Price, with buys and sells', height: 210, x: 'time', y: 'gold' });
    const margin = new Chart({ label: 'Margin after tax', height: 120, x: 'time', y: 'gold' });
    const element = h('section', { class: 'card' },
      h('h2', {}, title, ' ', source, figures), price.element,
      h('p', { class: 'key' }, h('span', { class: 'buy' }, '▲ buy'), h('span', { class: 'sell' }, '▼ sell'),
        h('span', {}, 'below: margin after tax')),
      margin.element);
    this.charts.append(element);
    return { element, title, source, figures, price, margin, redraw: new Redraw() };
  }

  private updatePanel(panel: Panel, item: Item | undefined): void {
    panel.element.hidden = item === undefined;
    if (item === undefined) {
      panel.redraw.reset();
      return;
    }
    const version = `${item.prices.version} ${item.margins.version} ${item.trades.pushed}`;
    if (!panel.redraw.due(item.key, version)) return;
    setText(panel.title, item.name);
    setText(panel.source, item.source);
    setText(panel.figures, item.netMargin === undefined ? '' : `margin ${compact(item.netMargin)}`);
    const from = item.prices.x[0] ?? 0;
    panel.price.update({
      lines: [{ label: 'price', colour: 0 }],
      curves: [{ x: item.prices.x, y: item.prices.columns[0]! }],
      marks: [...item.trades].filter(({ time_s }) => time_s >= from)
        .map(({ time_s, price, buy }) => ({ x: time_s, y: price, shape: buy ? 'up' as const : 'down' as const })),
    });
    panel.margin.update({
      lines: [{ label: 'margin after tax', colour: 1 }],
      curves: [{ x: item.margins.x, y: item.margins.columns[0]! }],
      marks: [],
    });
  }
}

// Those that say most at first: traded ones before others, then by margin.
function best(items: Item[]): string[] {
  return items.filter(({ prices }) => prices.length > 1)
    .sort((a, b) => b.trades.length - a.trades.length || (b.netMargin ?? 0) - (a.netMargin ?? 0))
    .slice(0, chosenAtFirst).map(({ key }) => key);
}

function fillMargin(cell: HTMLTableCellElement, { netMargin, buyPrice, sellPrice }: Item): void {
  setQuantity(cell, netMargin);
  setClass(cell, netMargin === undefined ? 'num' : netMargin > 0 ? 'num gain' : 'num loss');
  if (netMargin === undefined || buyPrice === undefined || sellPrice === undefined) return;
  const tax = sellPrice - buyPrice - netMargin;
  cell.title = `${full(sellPrice)} − ${full(tax)} tax − ${full(buyPrice)} = ${full(netMargin)}`;
}
