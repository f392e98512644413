// What each item costs and earns just now, as each source sees it. The past of one of them: price_history.ts.
import type { BridgeEvent, Json, JsonObject } from '../feed/index.js';
import { taxOf } from './tax.js';
import { numberOf, textOf } from './values.js';

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
  /** The source told the margin after tax; else it was computed here. */
  marginTold: boolean;
  traded_s: number | undefined;
  updated_s: number;
}

const bytesOfItem = 512; // with its place in the map
const goneMax = 1_000_000; // 8 bytes each, and the set's own

export class Market {
  /** The one that was heard of longest ago first. */
  readonly items = new Map<string, Item>();
  version = 0;
  bytes = 0;
  /** Of those that there was no room for, by number; each is told once. */
  private readonly gone = new Set<number>();

  constructor(private readonly bytesMax = 16 << 20) {}

  /** How many items are not in `items`: there was no room for them. */
  get leftOut(): number {
    return this.gone.size;
  }

  clear(): void {
    this.items.clear();
    this.gone.clear();
    this.bytes = 0;
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
    if (type === 'price_update') item.price = data.price;
    else if (type === 'margin_update') applyMargin(item, data);
    else item.traded_s = timestamp;
  }

  private get(source: string, name: string): Item {
    const key = `${source}\n${name}`;
    let item = this.items.get(key);
    if (item === undefined) {
      item = {
        key, source, name, price: undefined, buyPrice: undefined, sellPrice: undefined, netMargin: undefined,
        netPercent: undefined, marginTold: false, traded_s: undefined, updated_s: 0,
      };
      this.bytes += bytesOf(key);
      if (this.gone.size > 0) this.gone.delete(numberOfText(key));
    }
    this.items.delete(key);
    this.items.set(key, item);
    for (const oldest of this.items.keys()) {
      if (this.bytes <= this.bytesMax || oldest === key) break;
      this.items.delete(oldest);
      this.bytes -= bytesOf(oldest);
      if (this.gone.size < goneMax) this.gone.add(numberOfText(oldest));
    }
    return item;
  }
}

function applyMargin(item: Item, data: JsonObject): void {
  item.buyPrice = numberOf(data.buy_price);
  item.sellPrice = numberOf(data.sell_price);
  item.marginTold = numberOf(data.margin_after_tax) !== undefined;
  item.netMargin = marginOf(data);
  item.netPercent = item.netMargin === undefined || !item.buyPrice ? undefined : item.netMargin / item.buyPrice;
}

/** What one item earns after tax: as the source tells it, else from its prices. */
export function marginOf(data: JsonObject): number | undefined {
  const told = numberOf(data.margin_after_tax);
  const buy = numberOf(data.buy_price);
  const sell = numberOf(data.sell_price);
  if (told !== undefined) return told;
  return buy === undefined || sell === undefined ? undefined : sell - taxOf(textOf(data.item) ?? '', sell) - buy;
}

function bytesOf(key: string): number {
  return bytesOfItem + 4 * key.length; // as the key, and in its two parts
}

// 53 bits of a text (cyrb53, public domain): enough to tell a million apart.
function numberOfText(text: string): number {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; ++i) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}
