// What the bridge says of itself, asked for regularly, and the rates that follow from it.
import type { CommandReply, Json, JsonObject } from '../feed/index.js';
import { Series } from './series.js';
import { parameterOf, type Parameter } from './targets.js';
import { listOf, numberOf, objectOf, textOf } from './values.js';

const ratePointsMax = 900;

export interface SourceInfo {
  source: string;
  run: string;
  /** As commands name it: the source, or each SOURCE@RUN where several live processes have that name. */
  targets: string[];
  agents: string[];
  commands: string[];
  parameters: Parameter[];
  events: number;
  events_per_s: number;
  lost: number;
  last_event: number | undefined;
  state: string;
  activity: string | undefined;
}

export interface ClientInfo {
  connection: number;
  name: string;
  type: string;
  remote: string;
  subscriptions: string;
  sent: number;
  lag: number;
  gaps: number;
}

type Ask = (command: string) => Promise<CommandReply>;

export class BridgeStatus {
  status: JsonObject = {};
  sources: SourceInfo[] = [];
  clients: ClientInfo[] = [];
  /** Events a second in and out. */
  readonly rates = new Series(2, ratePointsMax);
  bytesOutPerSecond: number | undefined;
  /** From /metrics: the journal's figures by name, empty where there is none. */
  journal: [name: string, value: number][] = [];
  /** /metrics was read: not everybody may. */
  metricsTold = false;
  /** What these mean, by name. */
  readonly meanings = new Map<string, string>();
  /** Of live events: how many the bridge handed on within so many seconds. */
  delays: { le_s: number; count: number }[] = [];
  /** Seconds within which the bridge handed on half of all live events, and 99 in 100 of them. */
  handedOn: { half: number; most: number } | undefined;
  version = 0;
  /** When the bridge was started, seconds since 1970. */
  get started_s(): number {
    return Date.now() / 1000 - (this.number('uptime_s') ?? 0);
  }

  private before: { time_s: number; in: number; out: number; bytes: number } | undefined;

  /** Rejects where the bridge does not answer. */
  async refresh(ask: Ask, withClients: boolean): Promise<void> {
    const [status, sources] = await Promise.all([ask('get_status'), ask('get_sources')]);
    this.takeStatus(objectOf(status.result));
    this.sources = listOf(sources.result?.sources).map(sourceOf);
    if (withClients) this.clients = listOf((await ask('get_clients')).result?.clients).map(clientOf);
    ++this.version;
  }

  /** The text of /metrics. */
  takeMetrics(text: string): void {
    this.metricsTold = true;
    this.journal = samples(text, /^ppo_bridge_journal_(\w+) (\S+)$/gm)
      .map(([name, value]) => [name.replaceAll('_', ' '), value]);
    for (const [, name, meaning] of text.matchAll(/^# HELP ppo_bridge_journal_(\w+) (.*)$/gm)) {
      this.meanings.set(name!.replaceAll('_', ' '), meaning!);
    }
    // Over all ways in which clients are served.
    const all = new Map<string, number>();
    for (const [le, count] of samples(text, /^ppo_bridge_receive_to_send_seconds_bucket\{(?:[^}]*,)?le="([^"]+)"\} (\S+)$/gm)) {
      all.set(le, (all.get(le) ?? 0) + count);
    }
    const buckets = [...all];
    this.delays = buckets.map(([le, count]) => ({ le_s: Number(le.replace('+Inf', 'Infinity')), count }));
    const within = (share: number) => Number(buckets.find(([, count]) =>
      count >= share * buckets[buckets.length - 1]![1])?.[0].replace('+Inf', 'Infinity'));
    const any = (buckets[buckets.length - 1]?.[1] ?? 0) > 0;
    this.handedOn = any ? { half: within(0.5), most: within(0.99) } : undefined;
    ++this.version;
  }

  /** Of the bridges that share a log with this one. */
  get pages(): string[] {
    return listOf(objectOf(this.status.cluster).pages).map((page) => textOf(page) ?? '').filter((page) => /^https?:\/\/[\w.:[\]-]+$/.test(page));
  }

  number(...path: string[]): number | undefined {
    let value: Json | undefined = this.status;
    for (const name of path) value = objectOf(value)[name];
    return numberOf(value);
  }

  private takeStatus(status: JsonObject): void {
    this.status = status;
    const now = {
      time_s: this.number('uptime_s') ?? 0,
      in: this.number('events', 'accepted') ?? 0,
      out: this.number('events', 'sent') ?? 0,
      bytes: this.number('events', 'bytes_sent') ?? 0,
    };
    const before = this.before;
    this.before = now;
    // Counters that went back are those of another start of the bridge.
    if (before === undefined || now.time_s <= before.time_s || now.out < before.out) return;
    const seconds = now.time_s - before.time_s;
    this.rates.push(Date.now() / 1000,
                    [(now.in - before.in) / seconds, (now.out - before.out) / seconds]);
    this.bytesOutPerSecond = (now.bytes - before.bytes) / seconds;
  }
}

function samples(text: string, pattern: RegExp): [string, number][] {
  return [...text.matchAll(pattern)].map(([, name, value]) => [name!, Number(value)]);
}

function sourceOf(entry: Json): SourceInfo {
  const o = objectOf(entry);
  const source = textOf(o.source) ?? '';
  const runs = listOf(o.runs).map((run) => textOf(objectOf(run).run) ?? '');
  return {
    source,
    run: textOf(o.run) ?? '',
    targets: runs.length > 1 ? runs.map((run) => `${source}@${run}`) : [source],
    agents: listOf(o.agents).map(String),
    commands: listOf(o.commands).map(String),
    parameters: listOf(o.parameters).flatMap((entry) => parameterOf(entry) ?? []),
    events: numberOf(o.events) ?? 0,
    events_per_s: numberOf(o.events_per_s) ?? 0,
    lost: numberOf(o.lost) ?? 0,
    last_event: numberOf(o.last_event),
    state: textOf(o.state) ?? '',
    activity: textOf(o.activity),
  };
}

function clientOf(entry: Json): ClientInfo {
  const o = objectOf(entry);
  return {
    connection: numberOf(o.connection) ?? 0,
    name: textOf(o.client_id) ?? '',
    type: textOf(o.client_type) ?? '',
    remote: textOf(o.remote) ?? '',
    subscriptions: listOf(o.subscriptions).map(String).join(', '),
    sent: numberOf(o.events_sent) ?? 0,
    lag: numberOf(o.lag) ?? 0,
    gaps: numberOf(o.gaps) ?? 0,
  };
}
