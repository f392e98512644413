// Whether a connection is heard of. Silence is a ping that is not answered. Timers alone tell nothing: a browser
// runs those of a hidden page once a minute, and a machine that was suspended runs them before what has come
// meanwhile. So a turn that comes late judges only where the one before was late, too.
import type { FeedTimers } from './options.js';
import type { SteadyMs } from './time.js';

export interface SilenceOptions {
  /** It is pinged after the first, reported where the pong takes the second, and lost where it takes the third. */
  ping_ms: number;
  told_ms: number;
  max_ms(): number;
  ping(): void;
  /** It has become silent, or (true) is heard of again. */
  onHeard(heard: boolean): void;
  onLost(reason: string): void;
}

export class Silence {
  private lastHeard_ms: SteadyMs = 0;
  private pinged_ms: SteadyMs | undefined; // and not heard of since
  private heardOf = true;
  private cancel: () => void = () => {};

  constructor(private readonly timers: FeedTimers, private readonly options: SilenceOptions) {}

  /** How long nothing has been heard. */
  get ms(): number {
    return this.timers.now() - this.lastHeard_ms;
  }

  heard(): void {
    this.lastHeard_ms = this.timers.now();
    this.pinged_ms = undefined;
    if (this.heardOf) return;
    this.heardOf = true;
    this.options.onHeard(true);
  }

  stop(): void {
    this.cancel();
  }

  watch(lateBefore = false): void {
    const { ping_ms, told_ms } = this.options;
    const wait_ms = Math.min(ping_ms, told_ms) / 2;
    const due_ms = this.timers.now() + wait_ms;
    this.cancel();
    this.cancel = this.timers.after(wait_ms, () => {
      const now_ms = this.timers.now();
      const late = now_ms - due_ms >= wait_ms && this.pinged_ms !== undefined;
      if (this.pinged_ms === undefined) {
        if (now_ms - this.lastHeard_ms >= ping_ms) {
          this.pinged_ms = now_ms;
          this.options.ping();
        }
      } else if (!late || lateBefore) {
        const waited_ms = now_ms - this.pinged_ms;
        if (waited_ms >= this.options.max_ms()) return this.options.onLost(`silent for ${Math.round(this.ms / 1000)} s`);
        if (waited_ms >= told_ms && this.heardOf) {
          this.heardOf = false;
          this.options.onHeard(false);
        }
      }
      this.watch(late);
    });
  }
}
