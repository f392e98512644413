export interface BackoffRange {
  first_ms: number;
  max_ms: number;
}

// How long to wait before trying to connect again: exponential with full jitter, so that a thousand
// pages that lost the same bridge do not come back in the same instant.
export class Backoff {
  private ceiling_ms: number;

  constructor(private readonly range: BackoffRange, private readonly random: () => number) {
    this.ceiling_ms = range.first_ms;
  }

  /** Uniform in 0..ceiling, which is `first_ms` at the first call and doubles up to `max_ms`. */
  next(): number {
    const wait_ms = this.random() * this.ceiling_ms;
    this.ceiling_ms = Math.min(this.range.max_ms, this.ceiling_ms * 2);
    return wait_ms;
  }

  reset(): void {
    this.ceiling_ms = this.range.first_ms;
  }
}
