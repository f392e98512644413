// The stretch of time that is shown: what was before its beginning, so that only what was done in it counts.
import { FeedError, type WallSeconds } from '../feed/index.js';
import { Tallies } from '../model/tallies.js';
import type { Ask } from './ask.js';
import { pastAsOf } from './travel.js';
import { wordsOf } from '../model/values.js';

export class Stretch {
  /** As of the beginning; nothing where there is none, or before the answer. */
  before: Tallies | undefined;
  /** Why it is not to be had; then all counts from each run's beginning. */
  problem = '';
  private begin_s: WallSeconds | undefined;
  private asked = 0;

  constructor(private readonly ask: Ask, private readonly changed: () => void) {}

  /** From 1970 on is all there ever was. */
  async show(begin_s: WallSeconds | undefined): Promise<void> {
    const wanted = begin_s === 0 ? undefined : begin_s;
    if (wanted === this.begin_s) return;
    this.begin_s = wanted;
    await this.askAgain();
  }

  /** The same stretch, of another numbering perhaps. */
  async askAgain(): Promise<void> {
    const asked = ++this.asked;
    const { begin_s } = this;
    let before: Tallies | undefined;
    let problem = '';
    try {
      if (begin_s !== undefined) before = await Tallies.asOf(await pastAsOf(this.ask, begin_s), begin_s);
    } catch (error) {
      problem = wordsOf(error);
      // What the bridge does not have it will not have later either; else it is asked again soon.
      const never = error instanceof FeedError && error.errorType === 'bad_request';
      if (!never && asked === this.asked) this.begin_s = undefined;
    }
    if (asked !== this.asked) return;
    this.before = before;
    this.problem = problem;
    this.changed();
  }
}
