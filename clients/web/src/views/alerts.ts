// Rules that a person writes, and what they found.
import type { Alert, WrittenRule } from '../model/alerts.js';
import { parseRule, RuleError } from '../model/rule.js';
import { h, setText } from '../ui/dom.js';
import { full, time } from '../ui/format.js';
import { eventSummary } from '../ui/summary.js';
import { Table, textColumn } from '../ui/table.js';
import type { App, View } from './view.js';

const examples = [
  'trade_executed where profit > 100k',
  'margin_update where margin_percent > 5% and item = "Abyssal whip"',
  'training_update where policy_loss = null',
  'source stalled',
  'source conflict',
  'gap',
];

export class AlertsView implements View {
  readonly name = 'alerts';
  readonly title = 'Alerts';
  readonly element = h('div', { class: 'view' });
  private readonly input: HTMLInputElement;
  private readonly problem = h('p', { class: 'bad-note', role: 'alert' });
  private readonly rules = h('ul', { class: 'rules' });
  private readonly found: Table<Alert>;
  private readonly permission: HTMLButtonElement;
  private readonly permissionNote = h('span', { class: 'muted' });
  private painted = -1;

  constructor(private readonly app: App) {
    this.input = h('input', { class: 'rule', placeholder: examples[0], 'aria-label': 'A new rule', spellcheck: 'false',
                              autocomplete: 'off', oninput: () => this.check(false) });
    this.permission = h('button', { onclick: () => this.askPermission() }, 'Notify me');
    const add = h('form', { class: 'bar', onsubmit: (event: Event) => {
      event.preventDefault();
      this.add(this.input.value);
    } }, this.input, h('button', { class: 'primary' }, 'Add'));
    this.found = new Table<Alert>({
      label: 'Alerts', empty: 'No rule has found anything yet.', rowsMax: 200,
      columns: [
        textColumn('Time', ({ time_s }) => time(time_s)),
        textColumn('Rule', ({ rule }) => rule, { kind: 'wide text' }),
        textColumn('Who', ({ event }) => [event?.source, event?.data.agent_id].filter(Boolean).join('/')),
        textColumn('What', describe, { kind: 'text' }),
      ],
    });
    this.element.append(
      h('section', { class: 'card' }, h('h2', {}, 'Rules'), add, this.problem, this.rules,
        h('p', { class: 'muted' }, 'For example:'),
        h('div', { class: 'chips' }, ...examples.map((text) =>
          h('button', { class: 'chip', type: 'button', onclick: () => {
            this.input.value = text;
            this.input.focus();
            this.check(false);
          } }, text))),
        h('div', { class: 'bar' }, this.permission, this.permissionNote)),
      h('section', { class: 'card' }, h('h2', {}, 'Alerts'), this.found.element));
  }

  update(): void {
    const { alerts } = this.app;
    this.updatePermission();
    if (alerts.version === this.painted) return;
    this.painted = alerts.version;
    this.updateRules(alerts.rules);
    this.found.update([...alerts.found.newestFirst()]);
  }

  private add(text: string): void {
    if (!this.check(true)) return;
    this.app.alerts.add(text);
    this.input.value = '';
    this.app.repaint();
  }

  // Says what is wrong; while one still writes, only of what cannot become right by going on.
  private check(whole: boolean): boolean {
    let problem = '';
    try {
      if (whole || this.input.value.trim() !== '') parseRule(this.input.value);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      problem = `At character ${error.at + 1}: ${error.message}.`;
      if (!whole && error.found === 'the end') problem = ''; // it may become right by going on
    }
    setText(this.problem, problem);
    return problem === '';
  }

  private readonly ruleRows = new Map<WrittenRule, { element: HTMLElement; count: HTMLElement }>();

  private updateRules(rules: WrittenRule[]): void {
    for (const [rule, { element }] of this.ruleRows) {
      if (rules.includes(rule)) continue;
      element.remove();
      this.ruleRows.delete(rule);
    }
    for (const rule of rules) {
      let row = this.ruleRows.get(rule);
      if (row === undefined) {
        row = this.newRule(rule);
        this.ruleRows.set(rule, row);
        this.rules.append(row.element);
      }
      setText(row.count, rule.found === 0 ? '' : `found ${full(rule.found)}`);
    }
  }

  private newRule(rule: WrittenRule) {
    const count = h('span', { class: 'muted' });
    const enabled = h('input', { type: 'checkbox', checked: rule.enabled, 'aria-label': `Enable ${rule.text}`,
                                 onchange: () => this.app.alerts.enable(rule, enabled.checked) });
    const remove = h('button', { class: 'plain', 'aria-label': `Remove ${rule.text}`, onclick: () => {
      this.app.alerts.remove(rule);
      this.app.repaint();
    } }, '✕');
    return { element: h('li', {}, h('label', {}, enabled, h('code', {}, rule.text)), count, remove), count };
  }

  private updatePermission(): void {
    const state = typeof Notification === 'undefined' ? 'denied' : Notification.permission;
    this.permission.hidden = state !== 'default';
    setText(this.permissionNote, state === 'granted' ? 'You are notified while this page is open.'
      : state === 'denied' ? 'This browser does not let the page notify; alerts are listed here.'
      : 'Also as notifications of the browser.');
  }

  private async askPermission(): Promise<void> {
    await Notification.requestPermission();
    this.app.repaint();
  }
}

export function describe({ event, gap }: Alert): string {
  if (gap !== undefined) return `${gap.reason}: events are missing`;
  return event === undefined ? '' : eventSummary(event);
}
