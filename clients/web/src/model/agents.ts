// What each agent has, did and decided last.
import type { BridgeEvent, Json } from '../feed/index.js';
import { Series } from './series.js';
import { BoundedMap, numberOf, textOf } from './values.js';

const agentsMax = 2048;
const valuePointsMax = 400;

export type AgentStateName = 'live' | 'paused' | 'stalled' | 'gone';

export interface Agent {
  source: string;
  agent: string;
  /** As it came, so that every digit can be shown. */
  value: Json | undefined;
  values: Series;
  profit: number;
  trades: number;
  closed: number; // trades that realised a profit or a loss
  wins: number;
  lastTrade?: BridgeEvent;
  decision?: BridgeEvent;
  lastEvent_s: number;
  paused: boolean;
}

export class Agents {
  readonly all = new BoundedMap<Agent>(agentsMax);
  /** By source: what the bridge says of it. */
  private readonly sourceStates = new BoundedMap<AgentStateName>(agentsMax);
  version = 0;

  apply(event: BridgeEvent): void {
    if (event.type === 'system_status') {
      this.applyStatus(event);
      return;
    }
    const id = textOf(event.data.agent_id);
    if (id === undefined) return;
    ++this.version;
    const agent = this.get(event.source ?? '', id);
    agent.lastEvent_s = event.timestamp;
    switch (event.type) {
      case 'portfolio_update':
        agent.value = event.data.total_value;
        agent.values.push(event.timestamp, [numberOf(event.data.total_value) ?? null]);
        return;
      case 'trade_executed':
        this.applyTrade(agent, event);
        return;
      case 'agent_decision':
        agent.decision = event;
        return;
    }
  }

  /** What get_sources says. Agents that have published nothing yet appear, too. */
  applySources(sources: readonly { source: string; state: string; activity?: string; agents: string[] }[]): void {
    ++this.version;
    for (const { source, state, activity, agents } of sources) {
      this.setSourceState(source, state);
      for (const id of agents) {
        const agent = this.get(source, id);
        if (activity === 'paused') agent.paused = true;
      }
    }
  }

  state(agent: Agent): AgentStateName {
    const source = this.sourceStates.get(agent.source) ?? 'live';
    return source === 'live' && agent.paused ? 'paused' : source;
  }

  private get(source: string, id: string): Agent {
    const key = `${source}\n${id}`;
    let agent = this.all.get(key);
    if (agent === undefined) {
      agent = {
        source, agent: id, value: undefined, values: new Series(1, valuePointsMax), profit: 0,
        trades: 0, closed: 0, wins: 0, lastEvent_s: 0, paused: false,
      };
      this.all.set(key, agent);
    }
    return agent;
  }

  private applyTrade(agent: Agent, event: BridgeEvent): void {
    ++agent.trades;
    agent.lastTrade = event;
    const profit = numberOf(event.data.profit) ?? 0;
    agent.profit += profit;
    // A buy realises nothing; a sale that breaks even is a sale all the same.
    if (profit !== 0 || /^sell/i.test(String(event.data.action_type ?? ''))) {
      ++agent.closed;
      if (profit > 0) ++agent.wins;
    }
  }

  private applyStatus(event: BridgeEvent): void {
    const status = String(event.data.status ?? '');
    ++this.version;
    if (event.source === 'ppo-bridge') {
      const source = textOf(event.data.source);
      const known = /^source_(connected|stalled|gone)$/.exec(status)?.[1];
      if (source === undefined || known === undefined) return;
      this.setSourceState(source, known);
      return;
    }
    // Trainers say "agent_0 paused at step 12".
    if (status !== 'paused' && status !== 'resumed') return;
    const id = String(event.data.message ?? '').split(' ')[0]!;
    const agent = this.all.get(`${event.source ?? ''}\n${id}`);
    if (agent !== undefined) agent.paused = status === 'paused';
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
