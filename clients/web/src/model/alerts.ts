// Rules that a person wrote, and what they found.
import type { BridgeEvent, Gap } from '../feed/index.js';
import { Ring } from './ring.js';
import { eventTest } from './filter.js';
import { parseRule, type EventTest } from './rule.js';

const alertsMax = 500;
const rulesMax = 100;
// A rule speaks up at most so often; what is found between is counted.
const quiet_ms = 5000;

export interface WrittenRule {
  text: string;
  enabled: boolean;
  /** Nothing: it is about gaps. */
  matches: EventTest | undefined;
  found: number;
  heldBack: number; // found since it last spoke up
  spoke_ms: number;
}

export interface Alert {
  rule: string;
  time_s: number;
  event?: BridgeEvent;
  gap?: Gap;
}

export interface RuleStore {
  load(): string | null;
  save(text: string): void;
}

export class Alerts {
  rules: WrittenRule[] = [];
  readonly found = new Ring<Alert>(alertsMax);
  version = 0;
  /** Something to notify of; `more` were found besides and kept quiet. */
  onAlert: (alert: Alert, more: number) => void = () => {};

  constructor(private readonly store: RuleStore, private readonly now_ms: () => number) {
    try {
      for (const { text, enabled } of JSON.parse(store.load() ?? '[]') as WrittenRule[]) {
        this.rules.push(written(text, enabled !== false));
      }
    } catch {
      // What cannot be read is left out: another version's, or edited by hand.
    }
  }

  /** Throws a RuleError where the text is no rule. */
  add(text: string): void {
    const rule = written(text.trim(), true);
    this.rules = [...this.rules.filter((other) => other.text !== rule.text), rule].slice(-rulesMax);
    this.save();
  }

  remove(rule: WrittenRule): void {
    this.rules = this.rules.filter((other) => other !== rule);
    this.save();
  }

  enable(rule: WrittenRule, enabled: boolean): void {
    rule.enabled = enabled;
    this.save();
  }

  apply(event: BridgeEvent): void {
    for (const written of this.rules) {
      if (written.enabled && written.matches?.(event)) {
        this.note(written, { rule: written.text, time_s: event.timestamp, event });
      }
    }
  }

  applyGap(gap: Gap): void {
    for (const written of this.rules) {
      if (!written.enabled || written.matches !== undefined) continue;
      this.note(written, { rule: written.text, time_s: this.now_ms() / 1000, gap });
    }
  }

  private note(written: WrittenRule, alert: Alert): void {
    ++this.version;
    ++written.found;
    this.found.push(alert);
    const now = this.now_ms();
    if (now - written.spoke_ms < quiet_ms) {
      ++written.heldBack;
      return;
    }
    const more = written.heldBack;
    written.heldBack = 0;
    written.spoke_ms = now;
    this.onAlert(alert, more);
  }

  private save(): void {
    ++this.version;
    this.store.save(JSON.stringify(this.rules.map(({ text, enabled }) => ({ text, enabled }))));
  }
}

function written(text: string, enabled: boolean): WrittenRule {
  const rule = parseRule(text);
  const matches = rule.what === 'gap' ? undefined : eventTest(rule, text);
  return { text, enabled, matches, found: 0, heldBack: 0, spoke_ms: -Infinity };
}
