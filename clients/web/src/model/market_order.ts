// In which order items stand.
import type { Item } from './market.js';
import { compareValues, rank, type CellValue } from './order.js';
import { numberOf } from './values.js';

const keys = {
  name: ({ name }: Item): CellValue => name,
  margin: ({ netMargin }: Item): CellValue => netMargin,
  percent: ({ netPercent }: Item): CellValue => netPercent,
  buy: ({ buyPrice }: Item): CellValue => buyPrice,
  sell: ({ sellPrice }: Item): CellValue => sellPrice,
  price: ({ price }: Item): CellValue => numberOf(price),
  // The longer ago, the more.
  heard: ({ updated_s }: Item): CellValue => -updated_s,
};
export type SortKey = keyof typeof keys;

/** Those that are watched first, then by what is asked for (nothing is last either way), then by name. */
export function sortItems(items: readonly Item[], by: SortKey, descending: boolean, isWatched: (item: Item) => boolean): Item[] {
  const key = keys[Object.hasOwn(keys, by) ? by : 'margin'];
  const sign = descending ? -1 : 1;
  return items.map((item) => ({ item, key: key(item), watched: Number(isWatched(item)) })).sort((a, b) =>
    b.watched - a.watched || rank(a.key) - rank(b.key) || compareValues(a.key, b.key) * sign ||
    compareValues(a.item.name, b.item.name) || compareValues(a.item.source, b.item.source)).map(({ item }) => item);
}
