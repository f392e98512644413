// The newest of many, in bounded memory.
export class Ring<T> {
  private readonly slots: (T | undefined)[] = [];
  private head = 0; // slot of the oldest, once full
  private total = 0;

  constructor(readonly capacity: number) {}

  get length(): number {
    return this.slots.length;
  }

  /** How many were ever pushed. */
  get pushed(): number {
    return this.total;
  }

  /** What was pushed out is returned. */
  push(value: T): T | undefined {
    ++this.total;
    if (this.slots.length < this.capacity) {
      this.slots.push(value);
      return undefined;
    }
    const out = this.slots[this.head];
    this.slots[this.head] = value;
    this.head = (this.head + 1) % this.capacity;
    return out;
  }

  /** 0 is the oldest. */
  at(index: number): T | undefined {
    return this.slots[(this.head + index) % this.slots.length];
  }

  newest(): T | undefined {
    return this.at(this.length - 1);
  }

  /** By its number among all that were ever pushed, from 0; nothing where it is gone. */
  numbered(number: number): T | undefined {
    const index = number - (this.total - this.length);
    return index >= 0 && index < this.length ? this.at(index) : undefined;
  }

  clear(): void {
    this.slots.length = 0;
    this.head = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.length; ++i) yield this.at(i)!;
  }

  *newestFirst(): Generator<T> {
    for (let i = this.length - 1; i >= 0; --i) yield this.at(i)!;
  }
}
