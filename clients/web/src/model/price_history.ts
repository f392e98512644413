// What one item did in a stretch of time: its prices and margins in candles, what was traded, each trade. Asked of
// the bridge page by page, the newest first, and continued with the events behind the answer's `seq`.
import type { BridgeEvent, Json } from '../feed/index.js';
import type { Asking } from './asking.js';
import { beginOf, Candles, candleLengths_s, type CandleLength } from './candles.js';
import { marginOf } from './market.js';
import { eventsOf, numberOf, textOf, wordsOf } from './values.js';

export interface Shown {
  source: string;
  item: string;
  candle: CandleLength;
  from_s: number;
  /** Left out: up to now, and on. */
  to_s?: number;
}

export interface Trade {
  time_s: number;
  price: number;
  quantity: number | undefined;
  buy: boolean;
}

const types = ['price_update', 'margin_update', 'trade_executed'];
const pageEvents = 4000; // read in a moment, so that the page answers a hand meanwhile
export const pagesMax = 50;
export const candlesMax = 5000;
const tradesMax = 5000;
const waitingMax = 20_000;
const again_ms = 2000;

export class PriceHistory {
  prices = new Candles(60);
  margins = new Candles(60);
  volumes = new Candles(60);
  trades: Trade[] = [];
  /** Trades of this stretch that are counted, but not kept one by one. */
  tradesLeftOut = 0;
  /** From where on all events are in; candles that begin earlier are partly known, or not at all. */
  known_s = Infinity;
  /** Why that is not the beginning of the stretch; empty: it is. */
  cut = '';
  /** Events of this time, of any type, that nobody has any more. */
  missed = 0;
  loading = false;
  problem = '';
  version = 0;
  private shown: Shown | undefined;
  private asked = 0;
  private seq = Infinity; // events up to it are in the answers
  private waiting: BridgeEvent[] = [];
  private retry_ms = 0;
  private stale = false;

  constructor(private readonly options: Asking) {}

  /** Asks where what is shown is another one, or longer. */
  show(wanted: Shown): void {
    const { shown } = this;
    const same = shown !== undefined && shown.source === wanted.source && shown.item === wanted.item &&
      shown.candle === wanted.candle && shown.to_s === wanted.to_s && shown.from_s <= wanted.from_s;
    if (same && (this.loading || !this.stale || this.options.now_ms() < this.retry_ms)) return;
    void this.fill(wanted);
  }

  refill(): void {
    this.stale = true;
    this.retry_ms = 0;
    this.seq = Infinity;
  }

  apply(events: readonly BridgeEvent[]): void {
    const { shown } = this;
    if (shown === undefined || shown.to_s !== undefined) return;
    for (const event of events) {
      if (event.data.item !== shown.item || (event.source ?? '') !== shown.source || !types.includes(event.type)) continue;
      if (this.loading && this.seq === Infinity) {
        if (this.waiting.length < waitingMax) this.waiting.push(event);
        else this.stale = true; // asked once more
      } else if (event.seq > this.seq) {
        this.seq = event.seq;
        this.add(event);
        this.trim();
      }
    }
  }

  private async fill(shown: Shown): Promise<void> {
    const asked = ++this.asked;
    const length_s = candleLengths_s[shown.candle];
    const from_s = beginOf(shown.from_s, length_s);
    const before = this.shown;
    if (before?.source !== shown.source || before.item !== shown.item || before.candle !== shown.candle) this.begin(length_s);
    this.shown = { ...shown, from_s };
    this.stale = false;
    this.loading = true;
    this.seq = Infinity;
    this.waiting = [];
    const question = {
      type: types, item: shown.item, ...(shown.source !== '' && { source: shown.source }), count: pageEvents,
      from_time: from_s, ...(shown.to_s !== undefined && { to_time: shown.to_s }),
    };
    try {
      let before_seq: number | undefined;
      let oldest_s = Infinity;
      for (let page = 0; ; ++page) {
        const answer = await this.options.ask('get_recent_events', before_seq === undefined ? question : { ...question, before_seq });
        if (asked !== this.asked) return;
        if (page === 0) this.begin(length_s);
        const events = eventsOf(answer);
        for (const event of events) if ((event.source ?? '') === shown.source) this.add(event);
        before_seq = events[0]?.seq;
        oldest_s = events[0]?.timestamp ?? oldest_s;
        const done = answer.more !== true || before_seq === undefined;
        this.missed = numberOf(answer.missed) ?? 0;
        this.known_s = done && this.missed === 0 ? from_s : oldest_s;
        this.cut = !done ? 'more than there is room for' : this.missed > 0 ? 'nobody has older events any more' : '';
        if (page === 0) this.goOn(numberOf(answer.seq) ?? 0);
        this.trim();
        if (done || page + 1 === pagesMax) break;
        this.options.changed();
      }
      this.problem = '';
    } catch (error) {
      if (asked !== this.asked) return;
      this.problem = wordsOf(error);
      this.stale = true;
      this.retry_ms = this.options.now_ms() + again_ms;
      this.options.after(again_ms, () => this.options.changed());
    }
    this.loading = false;
    ++this.version;
    this.options.changed();
  }

  private begin(length_s: number): void {
    this.prices = new Candles(length_s);
    this.margins = new Candles(length_s);
    this.volumes = new Candles(length_s);
    this.trades = [];
    this.tradesLeftOut = 0;
  }

  // What came while it was asked.
  private goOn(seq: number): void {
    this.seq = seq;
    const { waiting } = this;
    this.waiting = [];
    this.apply(waiting);
  }

  private add({ type, data, timestamp, seq }: BridgeEvent): void {
    ++this.version;
    const price = numberOf(data.price);
    if (type === 'price_update') {
      if (price !== undefined) this.prices.add(timestamp, price, seq);
    } else if (type === 'margin_update') {
      const margin = marginOf(data);
      if (margin !== undefined) this.margins.add(timestamp, margin, seq);
    } else {
      const quantity = numberOf(data.quantity);
      if (quantity !== undefined) this.volumes.add(timestamp, quantity, seq);
      if (price !== undefined) this.trades.push({ time_s: timestamp, price, quantity, buy: isBuy(data.action_type) });
    }
  }

  private trim(): void {
    let gone = 0;
    for (const candles of [this.prices, this.margins, this.volumes]) gone += candles.trim(candlesMax);
    if (gone > 0) {
      this.known_s = Math.max(this.known_s, this.prices.all[0]?.begin_s ?? 0);
      this.cut = 'more than there is room for';
    }
    if (this.trades.length <= tradesMax * 1.25) return;
    this.trades.sort((a, b) => a.time_s - b.time_s);
    this.tradesLeftOut += this.trades.length - tradesMax;
    this.trades.splice(0, this.trades.length - tradesMax);
  }
}

export function isBuy(action: Json | undefined): boolean {
  return /^buy/i.test(textOf(action) ?? '');
}
