// The bridge's alerts: written, seen, acknowledged and deleted, for everybody; and what they told.
import type { BridgeEvent } from '../feed/index.js';
import { waitingOf, type Alert, type Raised } from '../model/alerts.js';
import { heldOrder } from '../model/order.js';
import { runIdOf } from '../model/runs.js';
import { numberOf, textOf, wordsOf } from '../model/values.js';
import type { UiState } from '../state/ui_state.js';
import { fillBadge, setBadge } from '../ui/badge.js';
import { ask } from '../ui/dialog.js';
import { h, setName, setText, setTitle } from '../ui/dom.js';
import { dateTime, full, nameText, shortDate, when } from '../ui/format.js';
import { reasonText, valueText, whoText } from '../ui/summary.js';
import { Table, textColumn } from '../ui/table.js';
import { AlertForm } from './alert_form.js';
import type { App, View } from './view.js';

const examples = [
  'trade_executed where profit > 100k and item = "Abyssal whip"',
  'training_update where policy_loss is NaN',
  'training_update where avg(approx_kl, 5m) > 0.05 for 30s',
  'count(error) per 1m > 10',
  'source stalled for 30s',
  'run crashed',
  'gap',
];
const raisedShown = 10; // of one alert

interface Entry {
  element: HTMLElement;
  badge: HTMLElement;
  acknowledge: HTMLButtonElement;
  remove: HTMLButtonElement;
  told: HTMLElement;
  raised: HTMLElement;
  shown: string;
  alert: Alert;
}

export class AlertsView implements View {
  readonly name = 'alerts';
  readonly title = 'Alerts';
  readonly element = h('div', { class: 'view alerts' });
  private readonly form: AlertForm;
  private readonly making: HTMLElement;
  private readonly denied = h('p', { class: 'note', hidden: true });
  private readonly problem = h('p', { class: 'bad-note', role: 'alert' });
  private readonly list = h('ul', { class: 'rules', 'aria-label': 'Alerts' });
  private readonly note = h('p', { class: 'muted', role: 'status' });
  private readonly onTape = h('a', {}, 'all of it on the tape');
  private readonly history: Table<BridgeEvent>;
  private readonly permission: HTMLButtonElement;
  private readonly permissionNote = h('span', { class: 'muted' });
  private readonly entries = new Map<number, Entry>();
  private painted = '';

  constructor(private readonly app: App) {
    this.form = new AlertForm(examples[0]!, (made) => this.app.alerts.create(made));
    this.permission = h('button', { onclick: () => this.askPermission() }, 'Notify me');
    this.history = new Table<BridgeEvent>({
      label: 'What alerts told', empty: 'No alert was raised in this time.', rowsMax: 200,
      onRow: ({ seq }) => app.go({ view: 'tape', seq, filter: '' }),
      columns: [
        { name: 'Time', fill: (cell, { seq, timestamp }) =>
          this.link(cell, when(timestamp), { view: 'tape', seq, filter: '' }, `${dateTime(timestamp)}, on the tape`) },
        { name: 'What', fill: (cell, { type }) => fillBadge(cell, type.slice('alert_'.length)) },
        textColumn('Alert', ({ data }) => textOf(data.name) ?? textOf(data.rule) ?? '', { kind: 'text' }),
        { name: 'Who', fill: (cell, { data }) => this.linkRun(cell, whoText(data), runIdOf(textOf(data.source), textOf(data.run), data.agent_id)) },
        textColumn('Value, or why', ({ data }) => [valueText(data.value, data.rule), reasonText(data), data.action, data.outcome, textOf(data.message)].filter(Boolean).join(': '),
          { kind: 'text' }, ({ timestamp }) => `As the alert found it, told on ${dateTime(timestamp)}`),
        { name: 'Event', kind: 'num wide', fill: (cell, { data }) => this.linkEvent(cell, numberOf(data.seq)) },
      ],
    });
    this.making = h('section', { class: 'card' }, h('h2', {}, 'A new alert'), this.form.element,
      h('p', { class: 'muted' }, 'The bridge watches, also while no page is open. For example:'),
      h('div', { class: 'chips' }, ...examples.map((text) =>
        h('button', { class: 'chip', type: 'button', onclick: () => this.form.propose(text) }, text))));
    this.element.append(
      this.denied, this.making,
      h('section', { class: 'card now' }, h('h2', {}, 'Alerts ', h('small', { class: 'muted' }, 'as they are now')), this.note, this.problem, this.list,
        h('div', { class: 'bar' }, this.permission, this.permissionNote)),
      h('section', { class: 'card told' }, h('h2', {}, 'What they told ', h('small', { class: 'muted' }, 'in the stretch of time that is chosen above: the newest; ', this.onTape)),
        this.history.element));
  }

  update(): void {
    const { alerts } = this.app;
    this.updatePermission();
    this.form.update(this.app.status.sources);
    const denied = this.app.whyNot('create_alert');
    this.making.hidden = denied !== '';
    this.denied.hidden = denied === '';
    setText(this.denied, denied && `${denied} Alerts can be read, but not written, acknowledged or deleted.`);
    this.onTape.href = this.app.address({ view: 'tape', filter: 'alert_*' });
    const painted = `${alerts.version} ${denied}`;
    if (painted === this.painted) return;
    this.painted = painted;
    setText(this.note, alerts.problem !== '' ? `The bridge does not answer: ${alerts.problem}` : !alerts.loaded ? 'Asking the bridge …'
      : alerts.all.length === 0 ? 'No alerts yet.' : alerts.complete ? '' : `The first ${full(alerts.all.length)}: there are too many for one answer.`);
    this.note.hidden = this.note.textContent === '';
    this.updateList(alerts.all);
    this.history.update(alerts.history);
  }

  private async attempt(change: () => Promise<void>): Promise<void> {
    try {
      await change();
      setText(this.problem, '');
    } catch (error) {
      setText(this.problem, `The bridge refused: ${wordsOf(error)}`);
    }
    this.app.repaint();
  }

  // Those that wait for somebody come first; under the pointer all keep their places.
  private updateList(alerts: readonly Alert[]): void {
    for (const [id, { element }] of this.entries) {
      if (alerts.some((alert) => alert.id === id)) continue;
      element.remove();
      this.entries.delete(id);
    }
    const id = (alert: Alert) => String(alert.id);
    const ordered = [...alerts].sort((a, b) => Number(waitingOf(b) > 0) - Number(waitingOf(a) > 0) || a.id - b.id);
    const before = [...this.entries.keys()].map(String);
    (this.list.matches(':hover') ? heldOrder(before, ordered, id) : ordered).forEach((alert, i) => {
      const entry = this.entries.get(alert.id) ?? this.newEntry(alert);
      this.entries.delete(alert.id); // the map has them in the order of the list
      this.entries.set(alert.id, entry);
      if (this.list.children[i] !== entry.element) this.list.insertBefore(entry.element, this.list.children[i] ?? null);
      this.fill(entry, alert);
    });
  }

  private newEntry(alert: Alert): Entry {
    const { title, rule, action } = alert;
    const acknowledge = h('button', { 'aria-label': `Acknowledge ${title}`, onclick: () =>
      void this.attempt(() => this.app.alerts.acknowledge(entry.alert)) }, 'Acknowledge');
    const remove = h('button', { class: 'plain', 'aria-label': `Delete ${title}`, onclick: async () => {
      if (await ask('Delete this alert?', `${title}: for everybody. What it has raised is cleared.`, 'Delete')) {
        await this.attempt(() => this.app.alerts.remove(entry.alert));
      }
    } }, '✕');
    const entry: Entry = {
      alert, acknowledge, remove, shown: '', badge: h('span'), told: h('small', { class: 'muted' }), raised: h('ul'),
      element: h('li', { 'aria-label': title }),
    };
    entry.element.append(h('div', { class: 'bar' }, entry.badge, h('div', { class: 'alert-rule' },
      title === rule ? undefined : h('strong', {}, title), h('code', {}, rule), action ? h('small', {}, action) : undefined, entry.told), acknowledge, remove),
      entry.raised);
    return entry;
  }

  private fill(entry: Entry, alert: Alert): void {
    const denied = this.app.whyNot('acknowledge_alert');
    const shown = JSON.stringify([alert, denied]);
    if (entry.shown === shown) return;
    entry.shown = shown;
    entry.alert = alert;
    const waiting = waitingOf(alert);
    setBadge(entry.badge, waiting > 0 ? 'raised' : alert.raised.length > 0 ? 'acknowledged' : 'quiet');
    entry.acknowledge.hidden = waiting === 0 || denied !== '';
    entry.remove.hidden = this.app.whyNot('delete_alert') !== '';
    setText(entry.told, [
      alert.times > 0 && `raised ${full(alert.times)} time${alert.times === 1 ? '' : 's'}`,
      alert.suppressed > 0 && `${full(alert.suppressed)} more not told`,
      alert.lastAction && `last action: ${alert.lastAction}`].filter(Boolean).join(' · '));
    const beyond = alert.raised.length - raisedShown;
    entry.raised.replaceChildren(...alert.raised.slice(0, raisedShown).map((raised) => this.raisedItem(raised, alert.rule)),
      ...(beyond > 0 ? [h('li', { class: 'muted' }, `and ${full(beyond)} more`)] : []));
  }

  private raisedItem({ seq, since, source, run, agent, value, acknowledged, by }: Raised, rule: string): HTMLElement {
    const who = h('span');
    const event = h('span');
    this.linkRun(who, whoText({ source, agent_id: agent }), runIdOf(source, run, agent || null));
    this.linkEvent(event, seq);
    return h('li', {}, who, h('strong', {}, nameText(valueText(value, rule), 60)),
      h('span', { class: 'muted', title: dateTime(since) }, `since ${shortDate(since)}`),
      event, acknowledged ? h('span', { class: 'muted' }, `✓ acknowledged${by === '' ? '' : ` by ${by}`}`) : undefined);
  }

  private link(parent: HTMLElement, text: string, to: Partial<UiState>, title: string): void {
    let link = parent.querySelector('a');
    if (link === null) parent.replaceChildren(link = h('a'));
    if (parent instanceof HTMLTableCellElement) link.tabIndex = -1; // the row is the tab stop
    link.onclick = (event) => event.stopPropagation(); // it is not the row that is meant
    setName(link, text);
    setTitle(link, title);
    const address = this.app.address(to);
    if (link.getAttribute('href') !== address) link.href = address;
  }

  private linkRun(parent: HTMLElement, who: string, run: string): void {
    if (who === '') setText(parent, '');
    else this.link(parent, who, { view: 'runs', run }, `Run ${run}`);
  }

  private linkEvent(parent: HTMLElement, seq: number | undefined): void {
    if (seq === undefined) setText(parent, '');
    else this.link(parent, `event ${full(seq)}`, { view: 'tape', seq, filter: '' }, 'What raised it, on the tape');
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
