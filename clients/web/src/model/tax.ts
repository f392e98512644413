// The Grand Exchange's tax on sales.
const taxPercent = 2;
const taxFreeBelow = 50; // gp; cheaper items are not taxed
const taxPerItemMax = 5_000_000; // gp
const taxFreeItem = 'Old school bond';

/** Of ONE item sold at `price` gp, rounded down. */
export function taxOf(item: string, price: number): number {
  if (price < taxFreeBelow || item === taxFreeItem) return 0;
  return Math.min(Math.floor((price * taxPercent) / 100), taxPerItemMax);
}
