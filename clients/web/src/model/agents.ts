// What each agent has, did and decided last: a row for each agent of each source, of the newest of its runs.
import type { BridgeEvent, Json, Position } from '../feed/index.js';
import type { Part, Past } from '../past/backfill.js';
import { positionOf } from '../past/origin.js';
import { Series } from './series.js';
import { agentOf, runId, type Tallied, type Tallies } from './tallies.js';
import { BoundedMap, eventsOf, listOf, numberOf, objectOf, textOf } from './values.js';

const agentsMax = 2048;
const valuePointsMax = 400;
const valuesAtFirst = 4000; // portfolios, over all agents
const commandsAtFirst = 1000;
const runsAtFirst = 1000;
// What a trainer says once a second of how it is may be as old as this.
const announced_s = 3;

export type AgentStateName = 'live' | 'paused' | 'stalled' | 'gone';

export class Agent {
  values = new Series(1, valuePointsMax);
  lastTrade: BridgeEvent | undefined;
  decision: BridgeEvent | undefined;
  lastEvent_s = 0;
  paused = false;
  changed_s = 0; // when it was last paused or resumed
  /** As it came, so that every digit can be shown. */
  told: Json | undefined;

  constructor(private readonly tallies: Tallies, readonly source: string, readonly agent: string,
              /** The newest one. */
              public run: string) {}

  get run_id(): string {
    return runId(this.source, this.run, this.agent);
  }

  /** Nothing where this run has neither traded nor told its value. */
  get tally(): Tallied | undefined {
    return this.tallies.of(this.run_id);
  }

  get value(): Json | undefined {
    const added = this.tally?.value;
    return this.told !== undefined && Number(this.told) === Number(added) ? this.told : added ?? this.told;
  }

  /** Nothing where it is too large for a double. */
  get profit(): number | undefined {
    const { tally } = this;
    return tally === undefined ? 0 : tally.profit;
  }

  get volume(): number | undefined {
    const { tally } = this;
    return tally === undefined ? 0 : tally.volume;
  }

  get trades(): number {
    return this.tally?.trades ?? 0;
  }

  get closed(): number {
    return this.tally?.closed ?? 0;
  }

  get wins(): number {
    return this.tally?.wins ?? 0;
  }

  startRun(run: string): void {
    if (run === this.run) return;
    this.run = run;
    this.told = undefined;
    this.paused = false;
    this.decision = undefined;
    this.lastTrade = undefined;
  }
}

export interface SourceState {
  source: string;
  state: string;
  activity?: string | undefined;
  agents: string[];
}

export class Agents implements Part {
  readonly name = 'agents';
  all = new BoundedMap<Agent>(agentsMax);
  /** By source: what the bridge says of it. */
  private readonly sourceStates = new BoundedMap<AgentStateName>(agentsMax);
  private readonly activities = new BoundedMap<string>(agentsMax);
  /** Older runs, whose agents have no row. */
  runsLeftOut = 0;
  version = 0;

  constructor(readonly tallies: Tallies, private readonly now_s: () => number = () => Date.now() / 1000) {}

  // What it takes a search of the journal to tell comes later: paths to now, and pauses of long ago.
  async fill({ ask, asOf }: Past): Promise<Position> {
    const [snapshot, runs] = await Promise.all([
      ask('get_snapshot'), ask('get_runs', { sort: '-last', count: runsAtFirst }), this.tallies.filled]);
    const at = positionOf(snapshot);
    const before = { before_seq: at.seq + 1 };
    const past = [['portfolio_update', valuesAtFirst], [['system_status', 'command_executed'], commandsAtFirst]] as const;
    const taken = past.map(async ([type, count]) =>
      this.takePast(eventsOf(await ask('get_recent_events', { type: type as Json, count, ...before }))));
    this.all = new BoundedMap<Agent>(agentsMax);
    this.runsLeftOut = Math.max(0, (numberOf(runs.count) ?? 0) - listOf(runs.runs).length);
    // The one that was heard of last comes last, so that of too many it stays, and gives the row its run.
    for (const run of listOf(runs.runs).map(objectOf).reverse()) {
      const source = textOf(run.source) ?? '';
      this.sourceStates.set(source, run.state === 'running' ? 'live' : 'gone');
      const id = textOf(run.agent_id) ?? '';
      if (id === '' && !this.tallies.all.has(textOf(run.run_id) ?? '')) continue;
      this.get(source, id, textOf(run.run) ?? '').lastEvent_s = numberOf(run.last_event) ?? 0;
    }
    for (const event of eventsOf(snapshot)) this.apply(event);
    ++this.version;
    const all = Promise.all(taken);
    if (asOf !== undefined) await all;
    else all.catch(() => {}); // it does without
    return at;
  }

  // Events from before, in order; what is known by now of the same is newer.
  private takePast(events: readonly BridgeEvent[]): void {
    const past = new Agents(this.tallies, this.now_s);
    for (const { source, agent, run } of this.all.values()) past.get(source, agent, run);
    for (const event of events) past.apply(event);
    for (const then of past.all.values()) {
      const now = this.get(then.source, then.agent, undefined);
      if (then.changed_s > now.changed_s) [now.paused, now.changed_s] = [then.paused, then.changed_s];
      if (then.values.length > 0) now.values = then.values.followedBy(now.values);
      if (now.run === '') now.startRun(then.run);
      now.told ??= then.told;
      now.lastEvent_s ||= then.lastEvent_s;
    }
    ++this.version;
  }

  apply(event: BridgeEvent): void {
    if (event.type === 'system_status') return this.applyStatus(event);
    if (event.type === 'command_executed' && event.source === 'ppo-bridge') return this.applyCommand(event);
    if (event.source === 'ppo-bridge') return; // an alert names the agent that raised it
    const id = agentOf(event.data);
    // A run as a whole has a row only where it trades.
    const trades = event.type === 'portfolio_update' || event.type === 'trade_executed';
    if (id === '' && !trades) return;
    ++this.version;
    const agent = this.get(event.source ?? '', id, event.run ?? '');
    agent.lastEvent_s = event.timestamp;
    if (event.type === 'portfolio_update') {
      const value = numberOf(event.data.total_value);
      if (value !== undefined) agent.told = event.data.total_value;
      agent.values.push(event.timestamp, [value ?? null]);
    } else if (event.type === 'trade_executed') {
      agent.lastTrade = event;
    } else if (event.type === 'agent_decision') {
      agent.decision = event;
    }
  }

  /** What get_sources says. Agents that have published nothing yet appear, too. */
  applySources(sources: readonly SourceState[]): void {
    ++this.version;
    for (const { source, state, activity, agents } of sources) {
      this.setSourceState(source, state);
      this.activities.set(source, activity ?? '');
      for (const id of agents) {
        const agent = this.get(source, id, undefined);
        // With several agents "running" means that not all of them are paused.
        const old = this.now_s() - agent.changed_s > announced_s;
        if (activity === 'running' && agents.length === 1 && old) agent.paused = false;
      }
    }
  }

  state(agent: Agent): AgentStateName {
    const source = this.sourceStates.get(agent.source) ?? 'live';
    const paused = agent.paused || this.activities.get(agent.source) === 'paused';
    return source === 'live' && paused ? 'paused' : source;
  }

  // Without `run` as it is.
  private get(source: string, id: string, run: string | undefined): Agent {
    const key = `${source}\n${id}`;
    let agent = this.all.get(key);
    if (agent === undefined) {
      agent = new Agent(this.tallies, source, id, run ?? '');
      this.all.set(key, agent);
    }
    if (run !== undefined) agent.startRun(run);
    return agent;
  }

  private applyStatus(event: BridgeEvent): void {
    const status = String(event.data.status ?? '');
    ++this.version;
    if (event.source === 'ppo-bridge') {
      const source = textOf(event.data.source);
      const known = /^source_(connected|stalled|gone)$/.exec(status)?.[1];
      if (source !== undefined && known !== undefined) this.setSourceState(source, known);
      return;
    }
    // Trainers say "agent_0 paused at step 12".
    if (status !== 'paused' && status !== 'resumed') return;
    const id = String(event.data.message ?? '').split(' ')[0]!;
    this.setPaused(event, event.source ?? '', id, status === 'paused');
  }

  // Trainers in other languages do not say so themselves.
  private applyCommand(event: BridgeEvent): void {
    const { command, outcome, target, trainer } = event.data;
    if ((command !== 'pause' && command !== 'resume') || outcome !== 'success') return;
    const source = textOf(trainer) ?? '';
    const named = textOf(target) ?? '';
    ++this.version;
    const whole = named === source || named === '*' || (named.startsWith(`${source}@`) && !named.includes('/'));
    const id = named.startsWith(`${source}/`) || named.startsWith(`${source}@`)
      ? named.slice(named.indexOf('/') + 1) : named;
    this.setPaused(event, source, whole ? undefined : id, command === 'pause');
  }

  private setPaused({ timestamp }: BridgeEvent, source: string, id: string | undefined, paused: boolean): void {
    for (const agent of this.all.values()) {
      if (agent.source !== source || (id !== undefined && agent.agent !== id)) continue;
      agent.paused = paused;
      agent.changed_s = timestamp;
    }
  }

  private setSourceState(source: string, state: string): void {
    const before = this.sourceStates.get(source);
    const now = state === 'stalled' || state === 'gone' ? state : 'live';
    this.sourceStates.set(source, now);
    if (before !== 'gone' || now === 'gone') return;
    // A process that started again is not paused.
    for (const agent of this.all.values()) if (agent.source === source) agent.paused = false;
  }
}
