// Which curves the chosen runs have (get_tags). A tag that comes live is added at once, and put in its place once
// somebody looks: a trainer may make up thousands.
import type { BridgeEvent } from '../feed/index.js';
import type { Asking } from './asking.js';
import { Question } from './question.js';
import { runIdOfEvent, samplesOf } from './samples.js';
import { listOf, numberOf, objectOf } from './values.js';

export interface Tag {
  tag: string;
  /** How many of the runs have it. */
  runs: number;
}

const runsMax = 256; // of a question
const tagsMax = 20_000;
const tagsOfRunMax = 1000; // the bridge keeps no more curves of one (PROTOCOL, section 8)
const byName = new Intl.Collator('en', { numeric: true });

export class Tags {
  version = 0;
  loaded = false;
  /** Not all are here. */
  cut = false;
  private known = new Map<string, Tag>();
  private inOrder: Tag[] = [];
  private sorted = true;
  private runIds: readonly string[] = [];
  private runs = new Set<string>();
  private readonly question: Question;

  constructor(private readonly world: Asking) {
    this.question = new Question(world, () => this.ask());
  }

  get problem(): string {
    return this.question.problem;
  }

  /** Says which runs; asks where that is due. In order of their names, trainer-2 before trainer-10. */
  of(runIds: readonly string[]): Tag[] {
    if (runIds !== this.runIds && runIds.join('\n') !== this.runIds.join('\n')) {
      this.runs = new Set(runIds);
      this.known = new Map(); // what is shown stays until there is an answer
      this.question.restart();
    }
    this.runIds = runIds;
    this.question.look();
    if (!this.sorted) {
      this.inOrder = [...this.known.values()].sort((a, b) => byName.compare(a.tag, b.tag));
      this.sorted = true;
    }
    return this.inOrder;
  }

  refill(): void {
    this.question.restart();
  }

  apply(events: readonly BridgeEvent[]): void {
    for (const event of events) {
      if (event.type !== 'scalar' && event.type !== 'training_update' && event.type !== 'episode_end') continue;
      const runId = runIdOfEvent(event);
      if (runId === undefined || !this.runs.has(runId)) continue;
      for (const { tag } of samplesOf(event)) {
        if (this.known.has(tag)) continue;
        if (this.known.size >= Math.min(tagsMax, tagsOfRunMax * this.runs.size)) {
          this.cut = true;
          break;
        }
        this.known.set(tag, { tag, runs: 1 });
        this.changed();
      }
    }
  }

  private async ask(): Promise<void> {
    const { runIds } = this;
    const found = new Map<string, Tag>();
    let cut = false;
    for (let i = 0; i < runIds.length; i += runsMax) {
      const result = await this.world.ask('get_tags', { run_ids: runIds.slice(i, i + runsMax) });
      cut ||= result.complete === false;
      for (const entry of listOf(result.tags).map(objectOf)) {
        const tag = String(entry.tag);
        if (found.size >= tagsMax && !found.has(tag)) cut = true;
        else found.set(tag, { tag, runs: (found.get(tag)?.runs ?? 0) + (numberOf(entry.runs) ?? 1) });
      }
    }
    // What came live meanwhile stays, as long as the runs are the same.
    if (runIds === this.runIds) for (const [tag, one] of this.known) if (!found.has(tag)) found.set(tag, one);
    this.known = found;
    this.cut = cut;
    this.loaded = true;
    this.changed();
  }

  private changed(): void {
    this.sorted = false;
    ++this.version;
  }
}
