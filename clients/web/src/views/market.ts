// What can be earned on which item, and what the open one did: its price in candles, what was traded, its margin.
import { heldOrder, nextSort } from '../model/order.js';
import type { Item } from '../model/market.js';
import { sortItems, type SortKey } from '../model/market_order.js';
import { load, save } from '../storage.js';
import { h, setClass, setName, setQuantity, setText, setTitle, setValue } from '../ui/dom.js';
import { compact, dash, dateTime, duration, full, nameText, percent, visible } from '../ui/format.js';
import { Grid, type GridColumn } from '../ui/grid.js';
import { MarketPanes } from './market_panes.js';
import type { App, View } from './view.js';

const usualSort = '-margin';
const relist_ms = 1000;
const watchedMax = 500;
const watchKey = 'ppo-watch';

export class MarketView implements View {
  readonly name = 'market';
  readonly title = 'Market';
  readonly element = h('div', { class: 'view market' });
  private readonly grid: Grid<Item>;
  private readonly search: HTMLInputElement;
  private readonly note = h('span', { class: 'muted', role: 'status' });
  private readonly again: HTMLButtonElement;
  private readonly panes: MarketPanes;
  private watched = readWatched();
  private order: string[] = [];
  private rows: Item[] = [];
  private listedFor = '';
  private listed_ms = -Infinity;
  private usual = ''; // the key of what is open where nobody chose

  constructor(private readonly app: App) {
    this.search = h('input', { type: 'search', placeholder: 'item or source', 'aria-label': 'Search items',
                               oninput: () => app.go({ look: this.search.value }, 'replace') });
    this.again = h('button', { title: 'Rows keep their places while numbers change', onclick: () => {
      this.order = [];
      this.listedFor = '';
      app.repaint();
    } }, 'Sort again');
    this.grid = new Grid<Item>({
      label: 'Items',
      chooseName: 'Watch',
      id: ({ key }) => key,
      name: ({ name, source }) => `${nameText(name)} of ${nameText(source)}`,
      isChosen: (item) => this.watched.has(addressOf(item)),
      choose: (items, chosen) => this.watch(items, chosen),
      open: (item) => app.go({ item: addressOf(item), m0: undefined, m1: undefined }),
      isOpen: ({ key }) => key === this.openKey(),
      toggleGroup: () => {},
      sort: (id) => {
        const sort = nextSort(app.state.order || usualSort, id);
        app.go({ order: sort === usualSort ? '' : sort }, 'replace');
      },
      repaint: () => app.repaint(),
    });
    this.panes = new MarketPanes(app);
    addEventListener('storage', ({ key }) => {
      if (key === watchKey) this.watched = readWatched();
    });
    this.element.append(
      h('section', { class: 'card list' }, h('h2', {}, 'Margins after tax'),
        h('div', { class: 'bar' }, this.search, this.again, this.note), h('div', { class: 'rows-box' }, this.grid.element)),
      this.panes.element);
  }

  update(): void {
    const { state, store } = this.app;
    setValue(this.search, state.look);
    this.list();
    this.grid.update(this.rows.map((row) => ({ row })), columns(this.app.now_s()), state.order || usualSort,
      store.market.items.size === 0 ? 'No prices or margins yet. They come as price_update and margin_update.' : 'No item passes this search.');
    const key = this.openKey();
    const [source = '', name = ''] = key.split('\n', 2);
    this.panes.update(key === '' ? undefined : { source, name, item: store.market.items.get(key) });
  }

  onKey(event: KeyboardEvent): boolean {
    if (event.key !== '/') return false;
    this.search.focus();
    return true;
  }

  // In their order, which stays until somebody asks for another one. Where most of them are new there is none to keep.
  private list(): void {
    const { state, store: { market } } = this.app;
    const asked = `${state.look}\n${state.order}`;
    const now_ms = performance.now();
    if (asked === this.listedFor && now_ms - this.listed_ms < relist_ms) return;
    const wanted = state.look.trim().toLowerCase();
    const all = [...market.items.values()];
    const found = wanted === '' ? all : all.filter(({ name, source }) =>
      name.toLowerCase().includes(wanted) || source.toLowerCase().includes(wanted));
    const sort = state.order || usualSort;
    const sorted = sortItems(found, sort.replace(/^-/, '') as SortKey, sort.startsWith('-'), (item) => this.watched.has(addressOf(item)));
    const before = new Set(this.order);
    const kept = asked === this.listedFor && 2 * found.filter(({ key }) => before.has(key)).length > found.length;
    this.rows = kept ? heldOrder(this.order, sorted, ({ key }) => key) : sorted;
    this.order = this.rows.map(({ key }) => key);
    this.again.disabled = this.rows.every((row, i) => row === sorted[i]);
    this.listedFor = asked;
    this.listed_ms = now_ms;
    const parts = [`${full(found.length)} item${found.length === 1 ? '' : 's'}`];
    if (market.leftOut > 0) parts.push(`${full(market.leftOut)} that were heard of longest ago are left out: there is no room for them`);
    setText(this.note, parts.join(' · '));
  }

  private openKey(): string {
    const { state, store: { market: { items } } } = this.app;
    if (state.item === '') {
      // Chosen once, so that the charts do not jump about.
      if (!items.has(this.usual)) this.usual = this.best()?.key ?? '';
      return this.usual;
    }
    // A source's name may have a slash, too.
    for (let at = state.item.indexOf('/'); at >= 0; at = state.item.indexOf('/', at + 1)) {
      const key = `${state.item.slice(0, at)}\n${state.item.slice(at + 1)}`;
      if (items.has(key)) return key;
    }
    const slash = state.item.indexOf('/');
    return `${state.item.slice(0, Math.max(0, slash))}\n${state.item.slice(slash + 1)}`;
  }

  // Watched ones before others, then those that were traded, then by margin.
  private best(): Item | undefined {
    const rank = (item: Item) => Number(this.watched.has(addressOf(item))) * 2 + Number(item.traded_s !== undefined);
    return this.rows.reduce<Item | undefined>((best, item) => (best === undefined || rank(item) > rank(best) ? item : best), undefined);
  }

  // As other tabs left it, with the change.
  private watch(items: readonly Item[], chosen: boolean): void {
    const watched = readWatched();
    for (const item of items) {
      watched.delete(addressOf(item));
      if (chosen) watched.add(addressOf(item));
    }
    this.watched = new Set([...watched].slice(-watchedMax));
    save(watchKey, this.watched.size === 0 ? null : JSON.stringify([...this.watched]));
    this.listed_ms = -Infinity;
    this.app.repaint();
  }
}

function addressOf({ source, name }: Item): string {
  return `${source}/${name}`;
}

function readWatched(): Set<string> {
  try {
    const read: unknown = JSON.parse(load(watchKey) ?? '[]');
    return new Set(Array.isArray(read) ? read.filter((one): one is string => typeof one === 'string').slice(-watchedMax) : []);
  } catch {
    return new Set(); // something else wrote there
  }
}

function columns(now_s: number): GridColumn<Item>[] {
  return [
    { id: 'name', name: 'Item', width: 175, grow: 2, fill: fillName },
    { id: 'margin', name: 'Margin', title: 'Of one item bought and sold, after tax; gp', width: 70, num: true, fill: fillMargin },
    { id: 'percent', name: '%', title: 'Of the buying price', width: 80, num: true, spare: 2, fill: (cell, item) => {
      setText(cell, percent(item.netPercent, 2));
      setTitle(cell, item.netPercent === undefined ? undefined : toldBy(item));
    } },
    { id: 'buy', name: 'Buy', width: 62, num: true, spare: 3, fill: (cell, item) => setQuantity(cell, item.buyPrice, toldBy(item)) },
    { id: 'sell', name: 'Sell', width: 62, num: true, spare: 4, fill: (cell, item) => setQuantity(cell, item.sellPrice, toldBy(item)) },
    { id: 'price', name: 'Price', width: 62, num: true, spare: 1, fill: (cell, item) => setQuantity(cell, item.price, toldBy(item)) },
    { id: 'heard', name: 'Heard', title: 'How long ago anything was told of it', width: 66, num: true, spare: 5, fill: (cell, { updated_s }) => {
      setText(cell, updated_s === 0 ? dash : duration(Math.max(0, now_s - updated_s)));
      setTitle(cell, dateTime(updated_s));
    } },
  ];
}

const toldBy = ({ source, updated_s }: Item) => `The last that ${nameText(visible(source), 40)} told, up to ${dateTime(updated_s)}.`;

function fillName(cell: HTMLElement, { name, source }: Item): void {
  if (cell.firstChild === null) cell.append(h('strong'), ' ', h('small', { class: 'muted' }));
  setName(cell.children[0] as HTMLElement, name);
  setName(cell.children[1] as HTMLElement, source, 20);
  setTitle(cell, `${name}\n${source}`);
}

function fillMargin(cell: HTMLElement, item: Item): void {
  const { netMargin, buyPrice, sellPrice, marginTold } = item;
  setText(cell, netMargin === undefined ? dash : compact(netMargin));
  setClass(cell, netMargin === undefined || netMargin === 0 ? 'num' : netMargin > 0 ? 'num gain' : 'num loss');
  if (netMargin === undefined) return setTitle(cell, undefined);
  const tax = (sellPrice ?? 0) - (buyPrice ?? 0) - netMargin;
  setTitle(cell, marginTold || buyPrice === undefined || sellPrice === undefined ? `${full(netMargin)}. ${toldBy(item)}`
    : `${full(sellPrice)} − ${full(tax)} tax − ${full(buyPrice)} = ${full(netMargin)}. ${toldBy(item)}`);
}
