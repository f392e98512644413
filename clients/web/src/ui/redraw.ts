// Says when charts are to be drawn again: at once where they show other things, else when there is
// something new and the last time is long enough ago. Drawing them is what costs most on this page.
const interval_ms = 500;

export class Redraw {
  private shape: string | undefined;
  private version = '';
  private drawn_ms = -Infinity;

  /** `shape`: what is shown. `version`: changes with what it holds. */
  due(shape: string, version: string): boolean {
    const now_ms = performance.now();
    if (shape === this.shape) {
      if (version === this.version || now_ms - this.drawn_ms < interval_ms) return false;
    }
    this.shape = shape;
    this.version = version;
    this.drawn_ms = now_ms;
    return true;
  }

  /** The next time is due. */
  reset(): void {
    this.shape = undefined;
  }
}
