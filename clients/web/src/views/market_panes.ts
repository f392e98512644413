// The open item: price, volume and margin over one time axis, with what was bought and sold on the axis of prices.
import { beginOf, candleLengths_s, type Candle, type Candles, type CandleLength } from '../model/candles.js';
import type { Item } from '../model/market.js';
import { Chart, type Line } from '../ui/chart.js';
import { ChartMenu } from '../ui/chart_menu.js';
import { download } from '../ui/chart_export.js';
import { ChartGroup, type Range } from '../ui/chart_group.js';
import { h, setName, setText } from '../ui/dom.js';
import { compact, dateTime, full } from '../ui/format.js';
import { Redraw } from '../ui/redraw.js';
import { colour } from '../ui/theme.js';
import type { App } from './view.js';

const candlesAtFirst = 120;
const candlesAtLeast = 15; // fewer would be too wide to be read
// px; a high window gives its height to the prices.
const priceHeight = 270;
const priceHeightMax = 640;
const otherHeights = 610;

export interface Opened {
  source: string;
  name: string;
  item: Item | undefined;
}

export class MarketPanes {
  readonly element: HTMLElement;
  private readonly empty = h('p', { class: 'empty' }, 'Choose an item to see its price, its margin and what was bought and sold.');
  private readonly body: HTMLElement;
  private readonly name = h('span');
  private readonly source = h('small', { class: 'muted' });
  private readonly figures = h('span', { class: 'figures' });
  private readonly note = h('p', { class: 'note', role: 'status' });
  private readonly lengths: HTMLElement;
  private readonly priceMenu: ChartMenu;
  private readonly price: Chart;
  private readonly volume: Chart;
  private readonly margin: Chart;
  private readonly traded = h('span');
  private readonly margins = h('span');
  private readonly redraw = new Redraw();

  constructor(private readonly app: App) {
    const group = new ChartGroup();
    const onZoom = (range: Range | undefined) => app.go({ m0: range?.[0], m1: range?.[1] }, 'replace');
    const chart = (label: string, height: number, minAtZero = false) =>
      new Chart({ label, height, x: 'time', y: 'gold', minAtZero, group, onZoom });
    this.price = chart('Price in candles, with buys and sells', priceHeight);
    this.volume = chart('How many were traded', 90, true);
    this.margin = chart('Margin after tax', 110);
    this.lengths = h('div', { class: 'bar', role: 'group', 'aria-label': 'Length of a candle' },
      ...(Object.keys(candleLengths_s) as CandleLength[]).map((length) => h('button', {
        title: length === '1d' ? 'Days of UTC' : undefined, onclick: () => app.go({ candle: length, m0: undefined, m1: undefined }),
      }, length)),
      h('button', { class: 'plain', title: 'What is shown, as a table in a file', onclick: () => this.saveCsv() }, 'CSV'));
    const menu = (chart: Chart, what: string) =>
      new ChartMenu({ name: () => `${this.name.title || this.name.textContent} ${what}`, label: what, chart: () => chart });
    this.priceMenu = menu(this.price, 'price');
    this.body = h('div', {},
      h('h2', {}, this.name, ' ', this.source, this.figures), this.lengths, this.price.element,
      h('p', { class: 'key' }, h('span', {}, 'price: hollow rises, filled falls'), h('span', { class: 'buy' }, '▲ buy'), h('span', { class: 'sell' }, '▼ sell'), this.priceMenu.element),
      this.volume.element, h('p', { class: 'key' }, this.traded, menu(this.volume, 'traded').element),
      this.margin.element, h('p', { class: 'key' }, this.margins, menu(this.margin, 'margin').element), this.note);
    this.element = h('section', { class: 'card panes', 'aria-label': 'The open item' }, this.empty, this.body);
  }

  update(opened: Opened | undefined): void {
    this.empty.hidden = opened !== undefined;
    this.body.hidden = opened === undefined;
    if (opened === undefined) return this.redraw.reset();
    const { state, prices: history } = this.app;
    const length_s = candleLengths_s[state.candle];
    const end_s = this.end_s();
    // In steps of a candle, so that what is asked for stays.
    const from_s = beginOf(state.from ?? end_s - candlesAtFirst * length_s, length_s);
    history.show({
      source: opened.source, item: opened.name, candle: state.candle, from_s: Math.min(from_s, state.m0 ?? Infinity),
      ...(state.to !== undefined && { to_s: state.to }),
    });
    setName(this.name, opened.name);
    setName(this.source, opened.source);
    const margin = opened.item?.netMargin;
    setText(this.figures, margin === undefined ? '' : `margin ${compact(margin)}`);
    this.lengths.querySelectorAll('button:not(.plain)').forEach((button) =>
      button.setAttribute('aria-pressed', String(button.textContent === state.candle)));
    const range = this.range(from_s, end_s);
    if (!this.priceMenu.open) this.price.resizeTo(Math.min(priceHeightMax, Math.max(priceHeight, innerHeight - otherHeights)));
    if (!this.redraw.due(`${opened.source}\n${opened.name}`, [history.version, history.known_s, history.loading, history.problem, ...range].join())) return;
    this.draw(range, end_s);
    setText(this.note, this.words(range));
    setText(this.traded, history.volumes.all.length > 0 ? 'traded: quantities of all trades added up' : 'traded: nothing in this time');
    setText(this.margins, `margin after tax${history.margins.all.length > 0 ? ', of one item' : ': none told in this time'}`);
  }

  private draw(range: Range, end_s: number): void {
    const { prices: history } = this.app;
    const known = (x: number) => x - history.prices.length_s / 2 < history.known_s;
    const line = (label: string, of: string, bars?: 'bar' | 'candle'): Line => ({
      label, colour: colour(of),
      ...(bars !== undefined && { bars: { kind: bars, width: history.prices.length_s, falling: colour('--bad'), partly: known } }),
    });
    const keep = this.keep(end_s);
    this.price.update({
      lines: [line('price', '--good', 'candle')], curves: [history.prices.points(keep)], range,
      marks: history.trades.filter(({ time_s }) => time_s >= range[0] && time_s <= Math.min(end_s, range[1]))
        .map(({ time_s, price, buy }) => ({ x: time_s, y: price, shape: buy ? 'up' as const : 'down' as const })),
    });
    this.volume.update({ lines: [line('traded', '--curve-4', 'bar')], curves: [history.volumes.sums(keep)], range, marks: [] });
    this.margin.update({ lines: [line('margin after tax', '--curve-1')], curves: [history.margins.points(keep)], range, marks: [] });
  }

  private end_s(): number {
    return Math.min(this.app.now_s(), this.app.state.to ?? Infinity);
  }

  // While the past is played again, of candles only those that are over by then.
  private keep(end_s: number): (candle: Candle) => boolean {
    const { state, prices } = this.app;
    const playing = state.at !== undefined && state.to !== state.at;
    return playing ? ({ begin_s }) => begin_s + prices.prices.length_s <= end_s : () => true;
  }

  private range(from_s: number, end_s: number): Range {
    const { state, prices: { prices, margins, volumes } } = this.app;
    if (state.m0 !== undefined && state.m1 !== undefined && state.m0 < state.m1) return [state.m0, state.m1];
    const { length_s } = prices;
    const end = beginOf(end_s, length_s) + length_s;
    const first = Math.min(...[prices, margins, volumes].map(({ all }) => all[0]?.begin_s ?? Infinity));
    return [Math.max(from_s, Math.min(first, end - candlesAtLeast * length_s)), end];
  }

  private words(range: Range): string {
    const { prices: history } = this.app;
    const { loading, problem, known_s, cut, missed, tradesLeftOut, prices } = history;
    const shown = prices.all.filter(({ begin_s }) => begin_s >= range[0] && begin_s < range[1]);
    const parts = [loading ? 'Asking the bridge …'
      : prices.all.length + history.volumes.all.length + history.margins.all.length === 0 ? 'Nothing was told of it in this time.'
        : `${full(shown.reduce((sum, { count }) => sum + count, 0))} prices in ${full(shown.length)} candle${shown.length === 1 ? '' : 's'}.`];
    if (cut !== '' && Number.isFinite(known_s)) {
      parts.push(`Before ${dateTime(known_s)} only a part is known (drawn faintly), or nothing: ${cut}${missed > 0 ? `; ${full(missed)} events are missing` : ''}.`);
    }
    if (tradesLeftOut > 0) parts.push(`${full(tradesLeftOut)} older trades have no mark of their own; what was traded counts them.`);
    if (problem !== '') parts.push(`The bridge does not answer: ${problem}`);
    return parts.join(' ');
  }

  private saveCsv(): void {
    const { prices: history } = this.app;
    const { prices, volumes, margins, known_s } = history;
    const keep = this.keep(this.end_s());
    const byBegin = (candles: Candles) => new Map(candles.all.filter(keep).map((candle) => [candle.begin_s, candle]));
    const [p, v, m] = [prices, volumes, margins].map(byBegin) as [Map<number, Candle>, Map<number, Candle>, Map<number, Candle>];
    const begins = [...new Set([...p.keys(), ...v.keys(), ...m.keys()])].sort((a, b) => a - b);
    const rows = begins.map((begin_s) => {
      const price = p.get(begin_s);
      return [begin_s, price?.open, price?.high, price?.low, price?.close, price?.count, v.get(begin_s)?.sum, v.get(begin_s)?.count,
              m.get(begin_s)?.close, Number(begin_s < known_s)].map((value) => value ?? '').join(',');
    });
    download('candles.csv', ['begin,open,high,low,close,prices,volume,trades,margin,partly_known', ...rows, ''].join('\n'), 'text/csv');
  }
}
