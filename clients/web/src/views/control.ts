// Steering trainers: what to whom, what they answered, and what everybody else asked of them.
import { FeedError, isObject, jsonText, parseJson, type Json, type JsonObject } from '../feed/index.js';
import { outcomeText, type CommandTold } from '../model/commands.js';
import { Ring } from '../model/ring.js';
import { addressesOf, targetsOf, type Target } from '../model/targets.js';
import { listOf, objectOf } from '../model/values.js';
import { fillBadge } from '../ui/badge.js';
import { ask } from '../ui/dialog.js';
import { h, setDenied, setName, setText, setTitle } from '../ui/dom.js';
import { dash, dateTime, duration, full, when } from '../ui/format.js';
import { Table, textColumn } from '../ui/table.js';
import { ControlOrders } from './control_orders.js';
import { ControlParameters } from './control_parameters.js';
import { ControlTargets } from './control_targets.js';
import type { App, View } from './view.js';

const answersMax = 200;
const historyMax = 1000; // rows
const deadline_ms = 10_000;

interface Answer {
  time_s: number;
  command: string;
  target: string;
  params: string;
  state: 'busy' | 'ok' | 'bad' | 'unknown';
  text: string;
  elapsed_ms?: number;
  /** Asks for the same answer once more: nothing is done a second time. */
  again?: () => void;
}

// Whatever changes what cannot be had back is asked about first, and so is whatever is not known.
// These end or begin a whole trainer, with all of its agents.
const ofProcess = new Set(['stop']);
const harmless = /^(pause|resume|set_hyperparameter|get_[a-z_]+|save_checkpoint|checkpoint|evaluate)$/;
// With a button of their own, in this order; `…`: one is asked first.
const buttons: [command: string, name: string, kind: string][] = [
  ['pause', 'Pause', 'primary'], ['resume', 'Resume', 'primary'], ['evaluate', 'Evaluate', ''],
  ['checkpoint', 'Checkpoint', ''], ['get_hyperparameters', 'Show parameters', ''], ['stop', 'Stop…', 'danger'],
];
const always = new Set(['pause', 'resume', 'stop']);

export class ControlView implements View {
  readonly name = 'control';
  readonly title = 'Control';
  readonly element = h('div', { class: 'view control' });
  private readonly targets = new ControlTargets(() => this.app.repaint());
  private readonly parameters = new ControlParameters(({ name, value, targets }) =>
    void this.sendTo('set_hyperparameter', { name, value }, targets));
  private readonly orders = new ControlOrders((command, params, target) => this.sendOne(command, params, target));
  private readonly buttons = new Map<string, HTMLButtonElement>();
  private readonly checkpointCard: HTMLElement;
  private readonly othersCard: HTMLElement;
  private readonly denied = h('p', { class: 'note', role: 'status', hidden: true });
  private readonly past = h('p', { class: 'note', role: 'status', hidden: true }, 'What is sent here goes to the trainers as they are now.');
  private readonly answers = new Ring<Answer>(answersMax);
  private readonly answersTable: Table<Answer>;
  private readonly historyTable: Table<CommandTold>;
  private readonly historySearch: HTMLInputElement;
  private readonly older: HTMLButtonElement;
  private readonly others = h('select', { 'aria-label': 'Command' });
  private otherKeys = '';
  private shownHistory = '';

  constructor(private readonly app: App) {
    this.answersTable = new Table<Answer>({
      label: 'Answers', empty: 'Nothing was asked yet.', rowsMax: 100,
      columns: [
        { name: 'Time', fill: (cell, { time_s }) => fillTime(cell, time_s) },
        textColumn('Command', ({ command, params }) => `${command}${params === '{}' ? '' : ` ${params}`}`, { kind: 'text' }),
        { name: 'To', fill: (cell, { target }) => setName(cell, target, 32) },
        { name: 'Answer', fill: (cell, { state }) => fillBadge(cell, state) },
        { name: 'What came of it', kind: 'text answer', fill: fillAnswer },
        textColumn('Took', ({ elapsed_ms }) => (elapsed_ms === undefined ? '' : duration(elapsed_ms / 1000)), { kind: 'num wide' }, tookText),
      ],
    });
    this.historyTable = new Table<CommandTold>({
      label: 'History', empty: 'No command is in the log.', rowsMax: historyMax,
      columns: [
        { name: 'Time', fill: (cell, { time_s }) => fillTime(cell, time_s) },
        textColumn('Who', ({ by }) => by || dash),
        textColumn('Command', ({ command, params, params_bytes }) => command + paramsText(params, params_bytes), { kind: 'text' }),
        { name: 'To', fill: (cell, { target, trainer }) => setName(cell, target === '' || target === '*' ? `${target} ${trainer}` : target, 32) },
        { name: 'Outcome', fill: (cell, { outcome, message }) => fillBadge(cell, outcomeText(outcome, message).state) },
        textColumn('What came of it', ({ outcome, message }) => outcomeText(outcome, message).text, { kind: 'text told' }),
        textColumn('Took', ({ elapsed_ms }) => (elapsed_ms === undefined ? '' : duration(elapsed_ms / 1000)), { kind: 'num wide' }, tookText),
      ],
    });
    this.historySearch = h('input', { type: 'search', placeholder: 'who, command or trainer', 'aria-label': 'Search the history',
                                      oninput: () => app.repaint() });
    this.older = h('button', { onclick: () => {
      void app.store.commands.lookOlder(app.ask).catch(() => {}).finally(() => app.repaint());
    } }, 'Older');
    this.checkpointCard = this.makeCheckpointCard();
    this.othersCard = this.makeOthersCard();
    this.element.append(this.denied, this.past, this.targets.element,
      h('div', { class: 'grid' }, h('div', { class: 'stack' }, this.trainingCard(), this.checkpointCard), this.parameters.element,
        h('div', { class: 'stack' }, this.orders.element, this.othersCard)),
      h('section', { class: 'card' }, h('h2', {}, 'Answers ', h('small', { class: 'muted' }, 'to what this page asked')), this.answersTable.element),
      h('section', { class: 'card' }, h('h2', {}, 'History ', h('small', { class: 'muted' }, 'of everybody’s commands, as the log has it')),
        h('div', { class: 'bar' }, this.historySearch), this.historyTable.element, h('div', { class: 'bar' }, this.older)));
  }

  update(): void {
    const { agents, market } = this.app.store;
    const all = targetsOf(this.app.status.sources, (source, agent) => {
      // What is looked at may be long ago; what is commanded is now.
      const known = this.app.state.to === undefined ? agents.all.get(`${source}\n${agent}`) : undefined;
      return known === undefined ? undefined : agents.state(known);
    });
    this.targets.update(all);
    const chosen = this.targets.targets;
    this.updateButtons(all, chosen);
    this.parameters.update(chosen);
    this.orders.update(all, chosen, [...new Set([...market.items.values()].map(({ name }) => name))].sort().slice(0, 5000));
    const may = (command: string) => this.app.whyNot(command) === '';
    this.checkpointCard.hidden = !may('save_checkpoint') || !all.some(({ commands }) => commands.some((command) => /^(save|load)_checkpoint$/.test(command)));
    this.parameters.element.hidden = !may('set_hyperparameter');
    this.othersCard.hidden = !may('pause');
    if (!may('place_order')) this.orders.element.hidden = true;
    this.denied.hidden = may('pause');
    this.past.hidden = this.app.state.to === undefined;
    setText(this.denied, this.app.whyNot('pause') && `${this.app.whyNot('pause')} What trainers are told here takes a token of the role operator.`);
    this.updateOthers();
    this.answersTable.update([...this.answers.newestFirst()]);
    this.updateHistory();
  }

  private trainingCard(): HTMLElement {
    for (const [command, name, kind] of buttons) {
      this.buttons.set(command, h('button', { class: kind, onclick: () => this.send(command, {}) }, name));
    }
    return h('section', { class: 'card' }, h('h2', {}, 'Training'), h('div', { class: 'bar' }, ...this.buttons.values()));
  }

  // Grey where nobody would take it, and then it says why.
  private updateButtons(all: readonly Target[], chosen: readonly Target[]): void {
    for (const [command, button] of this.buttons) {
      button.hidden = !always.has(command) && !all.some(({ commands }) => commands.includes(command));
      setDenied(button, this.whyNot(command, chosen));
    }
  }

  private whyNot(command: string, chosen: readonly Target[]): string {
    const denied = this.app.whyNot(command);
    if (denied !== '') return denied;
    if (chosen.length === 0) {
      const { all } = this.targets;
      return all.length > 0 && all.every(({ dead }) => dead !== '') ? 'None of the trainers is there any more.' : 'Choose to whom first.';
    }
    return chosen.some(({ commands }) => commands.includes(command)) ? ''
      : `${chosen.length === 1 ? chosen[0]!.name : 'None of the chosen ones'} has not declared ${command}.`;
  }

  private makeCheckpointCard(): HTMLElement {
    const path = h('input', { placeholder: 'best.ckpt', 'aria-label': 'File of the checkpoint', size: '14' });
    const params = (): JsonObject => (path.value.trim() === '' ? {} : { path: path.value.trim() });
    return h('section', { class: 'card' }, h('h2', {}, 'Checkpoint'),
      form(() => void this.send('save_checkpoint', params()), path, h('button', { class: 'primary' }, 'Save'),
        h('button', { type: 'button', class: 'danger', onclick: () => this.send('load_checkpoint', params()) }, 'Load…')));
  }

  private makeOthersCard(): HTMLElement {
    const params = h('input', { placeholder: '{"item":"Coal"}', 'aria-label': 'Parameters as JSON', spellcheck: 'false' });
    const run = () => {
      let value: unknown = {};
      try {
        value = params.value.trim() === '' ? {} : parseJson(params.value);
      } catch {
        value = undefined;
      }
      if (!isObject(value as JsonObject)) {
        params.setCustomValidity('a JSON object, such as {"item":"Coal"}');
        params.reportValidity();
        return;
      }
      void this.send(this.others.value, value as JsonObject);
    };
    params.addEventListener('input', () => params.setCustomValidity(''));
    return h('section', { class: 'card' }, h('h2', {}, 'Any other command'),
      form(run, this.others, params, h('button', { class: 'primary' }, 'Send…')));
  }

  // To each that was chosen and takes it.
  private async send(command: string, params: JsonObject): Promise<void> {
    const chosen = this.targets.targets;
    const why = this.whyNot(command, chosen);
    if (why !== '') return this.targets.miss(why);
    await this.sendTo(command, params, chosen.filter(({ commands }) => commands.includes(command)));
  }

  private async sendTo(command: string, params: JsonObject, targets: readonly Target[]): Promise<void> {
    const addresses = addressesOf(targets, this.targets.all, ofProcess.has(command));
    if (!harmless.test(command)) {
      const what = Object.keys(params).length === 0 ? command : `${command} ${jsonText(params)}`;
      const agents = ofProcess.has(command) ? ', with all of its agents' : '';
      const sure = await ask(`${what}?`, `This goes to ${addresses.join(', ')}${agents}. It cannot be undone.`, command);
      if (!sure) return;
    }
    await Promise.all(addresses.map((target) => this.sendOne(command, params, target)));
  }

  private async sendOne(command: string, params: JsonObject, target: string, key: string = newKey()): Promise<Json | undefined> {
    const answer: Answer = { time_s: Date.now() / 1000, command, target, params: jsonText(params), state: 'busy', text: '' };
    this.answers.push(answer);
    this.app.repaint();
    try {
      const reply = await this.app.feed.command(command, { params, target, deadline_ms, idempotencyKey: key });
      answer.state = 'ok';
      answer.text = jsonText(reply.result ?? listOf(reply.results));
      if (reply.elapsed_ms !== undefined) answer.elapsed_ms = reply.elapsed_ms;
      return reply.result;
    } catch (error) {
      const known = error instanceof FeedError ? error : new FeedError('error', String(error));
      Object.assign(answer, outcomeText(known.errorType, known.message));
      const reply = objectOf(known.reply);
      if (typeof reply.elapsed_ms === 'number') answer.elapsed_ms = reply.elapsed_ms;
      // The bridge keeps the answer to a key: asked again it tells it, and the trainer is asked once.
      if (known.errorType === 'disconnected') answer.again = () => void this.sendOne(command, params, target, key);
      return undefined;
    } finally {
      this.app.repaint();
    }
  }

  private updateOthers(): void {
    const names = [...new Set(this.app.status.sources.flatMap(({ commands }) => commands))].sort();
    if (names.join() === this.otherKeys) return;
    this.otherKeys = names.join();
    const before = this.others.value;
    this.others.replaceChildren(...names.map((name) => h('option', { value: name }, name)));
    if (names.includes(before)) this.others.value = before;
  }

  private updateHistory(): void {
    const { commands } = this.app.store;
    commands.look(this.app.ask, () => this.app.repaint());
    const { from, to } = this.app.state;
    const wanted = this.historySearch.value.trim().toLowerCase();
    const version = `${commands.version} ${from} ${to} ${wanted}`;
    if (version === this.shownHistory) return;
    this.shownHistory = version;
    this.historyTable.update(commands.told.filter(({ time_s, by, command, target, trainer, outcome }) =>
      (from === undefined || time_s >= from) && (to === undefined || time_s <= to) &&
      `${by}\n${command}\n${target}\n${trainer}\n${outcome}`.toLowerCase().includes(wanted)));
    this.older.hidden = !commands.more;
    setTitle(this.older, `${full(commands.told.length)} are here`);
  }
}

function newKey(): string {
  return `page-${[...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('')}`;
}

function paramsText(params: Json | undefined, bytes: number | undefined): string {
  if (bytes !== undefined) return ` (params of ${full(bytes)} bytes)`;
  return params === undefined || jsonText(params) === '{}' ? '' : ` ${jsonText(params)}`;
}

const tookText = ({ elapsed_ms }: { elapsed_ms?: number | undefined }) =>
  (elapsed_ms === undefined ? '' : `${full(elapsed_ms)} ms from the command to its answer, as the bridge measured`);

function fillTime(cell: HTMLElement, time_s: number): void {
  setText(cell, when(time_s));
  setTitle(cell, dateTime(time_s));
}

function fillAnswer(cell: HTMLElement, { text, again }: Answer): void {
  if (cell.firstElementChild === null) cell.append(h('span'), h('button', { hidden: true }, 'Ask again'));
  setText(cell.children[0]!, text);
  const button = cell.children[1] as HTMLButtonElement;
  button.hidden = again === undefined;
  button.onclick = again ?? null;
}

function form(submit: () => void, ...children: Node[]): HTMLFormElement {
  return h('form', { class: 'bar', novalidate: true, onsubmit: (event: Event) => {
    event.preventDefault();
    submit();
  } }, ...children);
}
