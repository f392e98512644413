// Things in the order of their `seq`, with how many bytes each takes; cheap to change at both ends.
const compactFrom = 4096;

export class ByteDeque<T extends { seq: number }> {
  private items: (T | undefined)[] = [];
  private sizes: number[] = [];
  private head = 0;
  private held = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  get bytes(): number {
    return this.held;
  }

  /** 0 is the lowest. */
  at(index: number): T | undefined {
    return index < 0 ? undefined : this.items[this.head + index];
  }

  push(item: T, bytes: number): void {
    this.items.push(item);
    this.sizes.push(bytes);
    this.held += bytes;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.items[this.head];
    this.held -= this.sizes[this.head]!;
    this.items[this.head++] = undefined;
    if (this.head >= compactFrom && this.head > this.length) {
      this.items = this.items.slice(this.head);
      this.sizes = this.sizes.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  pop(): T | undefined {
    if (this.length === 0) return undefined;
    this.held -= this.sizes.pop()!;
    return this.items.pop();
  }

  /** Puts lower ones in front, which are in order. */
  prepend(items: readonly T[], sizes: readonly number[]): void {
    this.items = [...items, ...this.items.slice(this.head)];
    this.sizes = [...sizes, ...this.sizes.slice(this.head)];
    this.head = 0;
    for (const size of sizes) this.held += size;
  }

  clear(): void {
    this.items = [];
    this.sizes = [];
    this.head = 0;
    this.held = 0;
  }

  /** Where the first stands that is not below `seq`; the length where all are. */
  firstFrom(seq: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle)!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
