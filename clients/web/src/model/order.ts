// In which order rows stand.

export type CellValue = number | string | undefined;

export const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** `trainer-10` after `trainer-2`; nothing, and what is no number, last. */
export function compareValues(a: CellValue, b: CellValue): number {
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === 'string' && typeof b === 'string') return collator.compare(a, b);
  return rank(a) === 0 ? Number(a) - Number(b) : 0;
}

/** Numbers, then texts, then nothing; NaN is nothing. */
export function rank(value: CellValue): number {
  return typeof value === 'string' ? 1 : value === undefined || Number.isNaN(value) ? 2 : 0;
}

/**
 * The order in which rows stay while somebody points at them: as they were, without those that went and with
 * those that came at the end.
 */
export function heldOrder<T>(before: readonly string[], now: readonly T[], id: (row: T) => string): T[] {
  const place = new Map(before.map((name, i) => [name, i]));
  return [...now].sort((a, b) => (place.get(id(a)) ?? Infinity) - (place.get(id(b)) ?? Infinity) || 0);
}

/** The order that a click on a column's head asks for: downward first, upward where it was so. */
export function nextSort(now: string, column: string): string {
  return now === `-${column}` ? column : `-${column}`;
}
