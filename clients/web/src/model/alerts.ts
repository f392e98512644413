// The bridge's alerts, as it tells them (bridge/PROTOCOL.md section 9): rules, what is raised now, and what was.
// Asked for again after each event of them, and now and then: acknowledging one need not be an event.
import type { BridgeEvent, Json, JsonObject, WallSeconds } from '../feed/index.js';
import { paramsText, whoDid } from './commands.js';
import { compareValues } from './order.js';
import { eventsOf, listOf, numberOf, objectOf, textOf, wordsOf } from './values.js';

export interface Raised {
  /** The event with which it began. */
  seq: number;
  since: WallSeconds;
  source: string;
  run: string;
  agent: string;
  /** What raised it; nothing where the rule asks for none. */
  value: Json | undefined;
  acknowledged: boolean;
  /** Who did that. */
  by: string;
}

export interface Alert {
  id: number;
  /** Its name, or else its rule. */
  title: string;
  rule: string;
  /** Nothing: the bridge only tells of it. */
  action: string;
  /** What came of the last one. */
  lastAction: string;
  times: number;
  suppressed: number;
  raised: Raised[];
}

/** What a person writes down; what is not wanted is left out. */
export interface NewAlert {
  rule: string;
  name?: string;
  action?: { command?: string; target?: string; params?: JsonObject; webhook?: string };
}

export interface AlertsOptions {
  ask(command: string, params?: JsonObject): Promise<JsonObject>;
  now_ms(): number;
  changed(): void;
  /** Nobody looks otherwise. */
  visible(): boolean;
  /** The stretch of time whose history is shown. */
  between(): { from: WallSeconds | undefined; to: WallSeconds | undefined };
}

/** Of the events of alerts. */
export const alertTypes = ['alert_raised', 'alert_cleared', 'alert_action'];
const historyMax = 200;
const soon_ms = 1000;
const askEvery_ms = 5000;

export class Alerts {
  all: readonly Alert[] = [];
  /** False where the bridge did not tell all of them. */
  complete = true;
  /** Events of alerts, the newest first. */
  history: readonly BridgeEvent[] = [];
  /** Why there is no newer answer. */
  problem = '';
  loaded = false;
  version = 0;
  /** One was raised just now. */
  onRaised: (event: BridgeEvent) => void = () => {};
  private epoch: string | undefined;
  private toldTo = 0;
  private asking = false;
  private asked_ms = -Infinity;
  private stale = true;
  private historyOf: string | undefined; // nothing: it is to be asked for

  constructor(private readonly options: AlertsOptions) {}

  /** How many are raised and not acknowledged. */
  get waiting(): number {
    return this.all.reduce((sum, alert) => sum + waitingOf(alert), 0);
  }

  /** A connection is there; `seq` is the newest event. What was raised before the first one of a numbering is not told. */
  onLive(epoch: string, seq: number): void {
    if (epoch !== this.epoch) this.toldTo = seq;
    this.epoch = epoch;
    this.refill();
    void this.tick();
  }

  apply(events: readonly BridgeEvent[]): void {
    for (const event of events) {
      if (event.source !== 'ppo-bridge' || !alertTypes.includes(event.type)) continue;
      this.stale = true;
      if (this.options.between().to === undefined && event.seq > (this.history[0]?.seq ?? 0)) {
        this.history = [event, ...this.history.slice(0, historyMax - 1)];
        ++this.version;
      }
      if (event.seq <= this.toldTo) continue;
      this.toldTo = event.seq;
      if (event.type === 'alert_raised') this.onRaised(event);
    }
  }

  refill(): void {
    this.stale = true;
    this.historyOf = undefined;
  }

  /** Call about once a second while there is a connection. */
  async tick(): Promise<void> {
    const { ask, now_ms, visible, between, changed } = this.options;
    const { from, to } = between();
    const stretch = JSON.stringify([from, to]);
    const due_ms = this.asked_ms + (this.stale || stretch !== this.historyOf ? soon_ms : askEvery_ms);
    if (this.asking || !visible() || (now_ms() < due_ms && this.loaded)) return;
    this.asking = true;
    this.asked_ms = now_ms();
    this.stale = false;
    const again = stretch !== this.historyOf;
    this.historyOf = stretch;
    try {
      const list = await ask('list_alerts');
      this.all = listOf(list.alerts).map((alert) => alertOf(objectOf(alert)));
      this.complete = list.complete !== false;
      this.loaded = true;
      this.problem = '';
      if (again) void this.askHistory(from, to);
    } catch (error) {
      this.refill();
      this.problem = wordsOf(error);
    }
    this.asking = false;
    ++this.version;
    changed();
  }

  // A search of the journal: those that come are added to it.
  private async askHistory(from: number | undefined, to: number | undefined): Promise<void> {
    const asked = this.historyOf;
    try {
      const answer = await this.options.ask('get_recent_events', {
        type: alertTypes, source: 'ppo-bridge', count: historyMax,
        ...(from !== undefined && { from_time: from }), ...(to !== undefined && { to_time: to }),
      });
      if (asked !== this.historyOf) return;
      const events = eventsOf(answer).reverse();
      const newer = to === undefined ? this.history.filter(({ seq }) => seq > (numberOf(answer.seq) ?? Infinity)) : [];
      this.history = [...newer, ...events].slice(0, historyMax);
      ++this.version;
      this.options.changed();
    } catch {
      if (asked === this.historyOf) this.historyOf = undefined; // with the next tick
    }
  }

  /** Rejects with a FeedError where the bridge refuses it. */
  create(alert: NewAlert): Promise<void> {
    return this.change('create_alert', alert as unknown as JsonObject);
  }

  acknowledge({ id }: Alert): Promise<void> {
    return this.change('acknowledge_alert', { alert_id: id });
  }

  remove({ id }: Alert): Promise<void> {
    return this.change('delete_alert', { alert_id: id });
  }

  private async change(command: string, params: JsonObject): Promise<void> {
    await this.options.ask(command, params);
    this.refill();
    this.asked_ms = -Infinity;
    await this.tick();
  }
}

export function waitingOf({ raised }: Alert): number {
  return raised.filter(({ acknowledged }) => !acknowledged).length;
}

function alertOf(o: JsonObject): Alert {
  const rule = textOf(o.rule) ?? '';
  const { command, target, params, webhook } = objectOf(o.action);
  const last = objectOf(o.last_action);
  return {
    id: numberOf(o.alert_id) ?? 0, title: textOf(o.name) ?? rule, rule,
    action: [command && `${[command, paramsText(objectOf(params))].filter(Boolean).join(' ')} → ${textOf(target) ?? 'whatever raised it'}`,
             webhook && `POST ${String(webhook)}`].filter(Boolean).join(', '),
    lastAction: [textOf(last.outcome), textOf(last.message)].filter(Boolean).join(': '),
    times: numberOf(o.times) ?? 0, suppressed: numberOf(o.suppressed) ?? 0,
    raised: listOf(o.raised).map(objectOf).map((one) => ({
      seq: numberOf(one.seq) ?? 0, since: numberOf(one.since) ?? 0, source: textOf(one.source) ?? '', run: textOf(one.run) ?? '',
      agent: textOf(one.agent_id) ?? '', value: one.value, acknowledged: one.acknowledged === true, by: whoDid(objectOf(one.acknowledged_by)),
    })).sort((a, b) => Number(a.acknowledged) - Number(b.acknowledged) || compareValues(a.source, b.source) || compareValues(a.agent, b.agent) || b.seq - a.seq),
  };
}
