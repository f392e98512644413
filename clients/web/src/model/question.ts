// A question to the bridge whose answer is looked at again and again: asked where it is due, one at a time, and not more
// often than it pays.
import type { Asking } from './asking.js';
import { wordsOf } from './values.js';

const again_ms = 2000;

export class Question {
  /** Why there is no newer answer; empty: there is. */
  problem = '';
  private stale = true;
  private asking = false;
  private due_ms = -Infinity;

  /** `ask` puts the question and takes the answer; where it rejects it is asked again. */
  constructor(private readonly world: Asking, private readonly ask: () => Promise<void>) {}

  /** There is a newer answer by now. */
  expire(): void {
    this.stale = true;
  }

  /** It is another question now, or the answer is not true any more: asked at once. */
  restart(): void {
    this.stale = true;
    this.due_ms = -Infinity;
  }

  /** Call as long as the answer is looked at. */
  look(): void {
    if (this.stale && !this.asking && this.world.now_ms() >= this.due_ms) void this.put();
  }

  private async put(): Promise<void> {
    this.asking = true;
    this.stale = false;
    this.due_ms = this.world.now_ms() + again_ms;
    try {
      await this.ask();
      this.problem = '';
    } catch (error) {
      this.problem = wordsOf(error);
      this.stale = true; // the connection went, or the bridge is busy
      this.due_ms = Math.max(this.due_ms, this.world.now_ms() + again_ms);
    }
    this.asking = false;
    if (this.stale) this.world.after(Math.max(0, this.due_ms - this.world.now_ms()), () => this.world.changed());
    this.world.changed();
  }
}
