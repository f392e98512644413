// Questions to the bridge: a few at a time, with time enough for an answer out of the journal, and asked
// again a little later where the bridge has no time just now. Searches of the journal, which may take seconds, hold up
// no other question: these have turns of their own.
import { FeedError, type CommandReply, type JsonObject } from '../feed/index.js';

/** What a command's `result` is. Rejects with a FeedError. */
export type Ask = (command: string, params?: JsonObject) => Promise<JsonObject>;

type Command = (command: string, options: { params?: JsonObject; deadline_ms: number }) => Promise<CommandReply>;
type Wait = (delay_ms: number) => Promise<void>;

export const askedAtOnceMax = 2; // of each kind
const deadline_ms = 15_000;
const triesMax = 6;
const firstWait_ms = 250;
// Over soon: the bridge says so.
const passing = new Set(['rate_limited', 'busy', 'timeout']);

interface Lane {
  asked: number;
  queue: (() => void)[];
}

export class Asker {
  private readonly searches: Lane = { asked: 0, queue: [] };
  private readonly others: Lane = { asked: 0, queue: [] };

  constructor(private readonly command: Command, private readonly wait: Wait = sleep) {}

  readonly ask: Ask = async (command, params) => {
    const lane = command === 'get_recent_events' ? this.searches : this.others;
    if (lane.asked >= askedAtOnceMax) await new Promise<void>((turn) => lane.queue.push(turn));
    else ++lane.asked;
    try {
      return await this.askUntilAnswered(command, params);
    } finally {
      const next = lane.queue.shift();
      if (next === undefined) --lane.asked;
      else next(); // it takes this one's place
    }
  };

  private async askUntilAnswered(command: string, params: JsonObject | undefined): Promise<JsonObject> {
    for (let tries = 1, wait_ms = firstWait_ms; ; ++tries, wait_ms *= 2) {
      try {
        return (await this.command(command, { ...(params && { params }), deadline_ms })).result ?? {};
      } catch (error) {
        if (!(error instanceof FeedError) || !passing.has(error.errorType) || tries === triesMax) throw error;
      }
      await this.wait(wait_ms);
    }
  }
}

function sleep(delay_ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, delay_ms));
}
