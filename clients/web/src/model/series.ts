// A curve in bounded memory: columns of numbers over x. When it is full, every other of its
// points goes: it still reaches from the beginning to the newest, only coarser.
export class Series {
  readonly x: number[] = [];
  readonly columns: (number | null)[][];
  version = 0;

  constructor(columns: number, private readonly pointsMax: number) {
    this.columns = Array.from({ length: columns }, () => []);
  }

  get length(): number {
    return this.x.length;
  }

  /** An x that goes back begins anew from there, as a source does that goes back. */
  push(x: number, values: readonly (number | null)[]): void {
    ++this.version;
    const last = this.x.length - 1;
    if (last >= 0 && x <= this.x[last]!) this.cutFrom(x);
    this.x.push(x);
    this.columns.forEach((column, i) => column.push(values[i] ?? null));
    if (this.x.length >= this.pointsMax) this.thin();
  }

  private cutFrom(x: number): void {
    let keep = this.x.length;
    while (keep > 0 && this.x[keep - 1]! >= x) --keep;
    this.x.length = keep;
    for (const column of this.columns) column.length = keep;
  }

  private thin(): void {
    const last = this.x.length - 1;
    const kept = [...this.x.keys()].filter((i) => i === 0 || (last - i) % 2 === 0);
    for (const column of [this.x, ...this.columns]) {
      kept.forEach((from, to) => {
        column[to] = column[from]!;
      });
      column.length = kept.length;
    }
  }
}
