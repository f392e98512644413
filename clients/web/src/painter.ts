// Repaints at most once an animation frame, and leaves the page most of its time: what took 20 ms to
// paint, layout and all, is not painted again for 80. A person's own doing is painted in the next frame.
const idleShare = 4;
const interval_ms = 60;

export class Painter {
  private frame = 0;
  private timer = 0;
  private lastEnd_ms = 0;
  private lastCost_ms = 0;
  private readonly rendered = new MessageChannel();
  private begin_ms = 0;
  paints = 0;

  constructor(private readonly paint: () => void) {
    // A message that a frame sends itself comes when it has been laid out, drawn and handed over.
    this.rendered.port1.onmessage = () => {
      this.lastEnd_ms = performance.now();
      this.lastCost_ms = this.lastEnd_ms - this.begin_ms;
    };
  }

  /** New data: paint when it is time. */
  later(): void {
    if (this.frame !== 0 || this.timer !== 0) return;
    const due_ms = this.lastEnd_ms + Math.max(interval_ms, idleShare * this.lastCost_ms);
    const wait_ms = due_ms - performance.now();
    if (wait_ms <= 0) this.soon();
    else this.timer = window.setTimeout(() => this.soon(), wait_ms);
  }

  /** A person did something. */
  soon(): void {
    window.clearTimeout(this.timer);
    this.timer = 0;
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.run());
  }

  private run(): void {
    this.frame = 0;
    this.begin_ms = performance.now();
    this.paint();
    this.lastEnd_ms = performance.now();
    this.lastCost_ms = this.lastEnd_ms - this.begin_ms;
    this.rendered.port2.postMessage(null);
    ++this.paints;
  }
}
