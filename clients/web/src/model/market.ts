// Prices, margins and trades of each item, as each source sees them.
import type { BridgeEvent, Json } from '../feed/index.js';
import { Ring } from './ring.js';
import { Series } from './series.js';
import { taxOf } from './tax.js';
import { BoundedMap, numberOf, textOf } from './values.js';

const itemsMax = 4096;
const pointsMax = 1200;
const tradesMax = 300;

export interface TradeMark {
  time_s: number;
  price: number;
  buy: boolean;
}

export interface Item {
  key: string;
  source: string;
  name: string;
  price: Json | undefined;
  buyPrice: number | undefined;
  sellPrice: number | undefined;
  /** Of one item bought and sold, after tax; gp. */
  netMargin: number | undefined;
  netPercent: number | undefined;
  prices: Series; // price
  margins: Series; // net margin
  trades: Ring<TradeMark>;
  updated_s: number;
}

export class Market {
  readonly items = new BoundedMap<Item>(itemsMax);
  version = 0;

  clear(): void {
    this.items.clear();
    ++this.version;
  }

  apply(event: BridgeEvent): void {
    const { type, data, timestamp } = event;
    if (type !== 'price_update' && type !== 'margin_update' && type !== 'trade_executed') return;
    const name = textOf(data.item);
    if (name === undefined) return;
    ++this.version;
    const item = this.get(event.source ?? '', name);
    item.updated_s = timestamp;
    const price = numberOf(data.price);
    if (type === 'price_update') {
      item.price = data.price;
      item.prices.push(timestamp, [price ?? null]);
    } else if (type === 'margin_update') {
      this.applyMargin(item, event);
    } else if (price !== undefined) {
      const buy = /^buy/i.test(String(data.action_type ?? ''));
      item.trades.push({ time_s: timestamp, price, buy });
    }
  }

  private applyMargin(item: Item, { data, timestamp }: BridgeEvent): void {
    const buy = numberOf(data.buy_price);
    const sell = numberOf(data.sell_price);
    item.buyPrice = buy;
    item.sellPrice = sell;
    item.netMargin = buy === undefined || sell === undefined
      ? undefined : sell - taxOf(item.name, sell) - buy;
    item.netPercent = item.netMargin === undefined || !buy ? undefined : item.netMargin / buy;
    item.margins.push(timestamp, [item.netMargin ?? null]);
  }

  private get(source: string, name: string): Item {
    const key = `${source}\n${name}`;
    let item = this.items.get(key);
    if (item === undefined) {
      item = {
        key, source, name, price: undefined, buyPrice: undefined, sellPrice: undefined,
        netMargin: undefined, netPercent: undefined, prices: new Series(1, pointsMax),
        margins: new Series(1, pointsMax), trades: new Ring(tradesMax), updated_s: 0,
      };
      this.items.set(key, item);
    }
    return item;
  }
}
