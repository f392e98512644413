// A curve in bounded memory: columns of numbers over x. When it is full, every other of its points
// goes, and from then on every other one that comes: it reaches from its beginning to the newest,
// evenly, only coarser.
export class Series {
  readonly x: number[] = [];
  readonly columns: (number | null)[][];
  version = 0;
  private stride = 1; // of so many points that come, one stays
  private skipped = 0;
  private passing = false; // the newest one goes when the next one comes

  constructor(columns: number, private readonly pointsMax: number) {
    this.columns = Array.from({ length: columns }, () => []);
  }

  get length(): number {
    return this.x.length;
  }

  /** An x that goes back begins anew from there, as a source does that goes back. */
  push(x: number, values: readonly (number | null)[]): void {
    ++this.version;
    if (this.passing) this.cut(this.x.length - 1);
    let keep = this.x.length;
    while (keep > 0 && this.x[keep - 1]! >= x) --keep;
    this.cut(keep);
    this.x.push(x);
    this.columns.forEach((column, i) => column.push(values[i] ?? null));
    // A hole is news that always stays.
    this.passing = ++this.skipped < this.stride && !values.includes(null);
    if (!this.passing) this.skipped = 0;
    if (this.x.length >= this.pointsMax) this.thin();
  }

  /** With those points of `later` that are behind it. */
  followedBy({ x, columns }: Series): this {
    const end = this.x[this.length - 1] ?? -Infinity;
    x.forEach((at, i) => {
      if (at > end) this.push(at, columns.map((column) => column[i]!));
    });
    return this;
  }

  private cut(length: number): void {
    this.x.length = length;
    for (const column of this.columns) column.length = length;
  }

  private thin(): void {
    const last = this.x.length - 1;
    const kept = [...this.x.keys()].filter((i) => i === 0 || (last - i) % 2 === 0);
    for (const column of [this.x, ...this.columns]) {
      kept.forEach((from, to) => {
        column[to] = column[from]!;
      });
    }
    this.cut(kept.length);
    this.stride *= 2;
  }
}
