// Steering trainers: what to whom, and what they answered.
import { FeedError, jsonText, parseJson, type JsonObject } from '../feed/index.js';
import { isObject } from '../feed/index.js';
import { Ring } from '../model/ring.js';
import { listOf, objectOf } from '../model/values.js';
import { setBadge } from '../ui/badge.js';
import { ask } from '../ui/dialog.js';
import { h, setText } from '../ui/dom.js';
import { duration, time } from '../ui/format.js';
import { Table, textColumn } from '../ui/table.js';
import type { App, View } from './view.js';

const answersMax = 200;
const deadline_ms = 10_000;

interface Answer {
  time_s: number;
  command: string;
  target: string;
  state: 'busy' | 'ok' | 'bad';
  text: string;
  elapsed_ms?: number;
}

interface Target {
  name: string; // as the bridge takes it
  source: string;
  agent: string;
  state: string;
}

// Whatever changes what cannot be had back is asked about first, and so is whatever is not known.
// These end or begin a whole trainer, with all of its agents.
const ofProcess = new Set(['stop']);
const harmless = /^(pause|resume|set_hyperparameter|get_[a-z_]+|save_checkpoint)$/;

export class ControlView implements View {
  readonly name = 'control';
  readonly title = 'Control';
  readonly element = h('div', { class: 'view control' });
  private readonly targets = h('div', { class: 'targets', role: 'group', 'aria-label': 'Trainers and agents' });
  private readonly noTargets = h('p', { class: 'empty' },
    'No trainer takes commands right now. ppo-trainer does, as soon as it runs.');
  private readonly chosen = new Set<string>();
  private readonly summary = h('p', { class: 'muted', role: 'status' });
  private readonly answers = new Ring<Answer>(answersMax);
  private readonly table: Table<Answer>;
  private readonly others = h('select', { 'aria-label': 'Command' });
  private targetKeys = '';
  private otherKeys = '';
  private all: Target[] = [];
  private missed = false; // something was asked of nobody

  constructor(private readonly app: App) {
    this.table = new Table<Answer>({
      label: 'Answers', empty: 'Nothing was asked yet.', rowsMax: 100,
      columns: [
        textColumn('Time', ({ time_s }) => time(time_s)),
        textColumn('Command', ({ command }) => command),
        textColumn('To', ({ target }) => target),
        { name: 'Answer', fill: (cell, { state }) => setBadge(spanOf(cell), state) },
        textColumn('', ({ text }) => text, { kind: 'text answer' }),
        textColumn('Took', ({ elapsed_ms }) => (elapsed_ms === undefined ? '' : duration(elapsed_ms / 1000)),
                   { kind: 'num wide' }),
      ],
    });
    this.element.append(
      h('section', { class: 'card' }, h('h2', {}, 'To whom'), this.targets, this.noTargets, this.summary),
      h('div', { class: 'grid narrow' }, this.trainingCard(), this.hyperparameterCard(), this.checkpointCard(),
        this.otherCard()),
      h('section', { class: 'card' }, h('h2', {}, 'Answers'), this.table.element));
  }

  update(): void {
    this.updateTargets();
    this.updateOthers();
    const count = this.chosenTargets().length;
    setText(this.summary, this.all.length === 0 ? ''
      : count === 0 ? (this.missed ? 'Choose to whom first.' : 'Choose one or more.') : `${count} of ${this.all.length} chosen`);
    this.table.update([...this.answers.newestFirst()]);
  }

  private trainingCard(): HTMLElement {
    const button = (name: string, command: string, kind = '') =>
      h('button', { class: kind, onclick: () => this.send(command, {}) }, name);
    return h('section', { class: 'card' }, h('h2', {}, 'Training'), h('div', { class: 'bar' },
      button('Pause', 'pause', 'primary'), button('Resume', 'resume', 'primary'),
      button('Stop…', 'stop', 'danger')));
  }

  private hyperparameterCard(): HTMLElement {
    const name = h('select', { 'aria-label': 'Hyperparameter' },
      ...['learning_rate', 'clip_range', 'entropy_coefficient'].map((value) => h('option', {}, value)));
    const value = h('input', { inputmode: 'decimal', placeholder: '0.0003', 'aria-label': 'Value', size: '8' });
    const set = () => {
      const number = Number(value.value.trim().replace(',', '.'));
      if (value.value.trim() === '' || !Number.isFinite(number)) {
        value.setCustomValidity('a number, such as 0.0003');
        value.reportValidity();
        return;
      }
      void this.send('set_hyperparameter', { name: name.value, value: number });
    };
    value.addEventListener('input', () => value.setCustomValidity(''));
    return h('section', { class: 'card' }, h('h2', {}, 'Hyperparameters'),
      form(set, name, value, h('button', { class: 'primary' }, 'Set'),
        h('button', { type: 'button', onclick: () => this.send('get_hyperparameters', {}) }, 'Show')));
  }

  private checkpointCard(): HTMLElement {
    const path = h('input', { placeholder: 'best.ckpt', 'aria-label': 'File of the checkpoint', size: '14' });
    const params = (): JsonObject => (path.value.trim() === '' ? {} : { path: path.value.trim() });
    return h('section', { class: 'card' }, h('h2', {}, 'Checkpoint'),
      form(() => void this.send('save_checkpoint', params()), path, h('button', { class: 'primary' }, 'Save'),
        h('button', { type: 'button', class: 'danger',
                      onclick: () => this.send('load_checkpoint', params()) }, 'Load…')));
  }

  private otherCard(): HTMLElement {
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

  private chosenTargets(): Target[] {
    return this.all.filter(({ name }) => this.chosen.has(name));
  }

  // To each that was chosen; a trainer all of whose agents are chosen is asked once.
  private async send(command: string, params: JsonObject): Promise<void> {
    const chosen = this.chosenTargets();
    const targets = ofProcess.has(command)
      ? [...new Set(chosen.map(({ source }) => source))] : perTrainer(chosen, this.all);
    if (targets.length === 0) {
      this.targets.querySelector('input')?.focus();
      this.missed = true;
      this.app.repaint();
      return;
    }
    this.missed = false;
    if (!harmless.test(command)) {
      const what = Object.keys(params).length === 0 ? command : `${command} ${jsonText(params)}`;
      const agents = ofProcess.has(command) ? ', with all of its agents' : '';
      const sure = await ask(`${what}?`, `This goes to ${targets.join(', ')}${agents}. It cannot be undone.`, command);
      if (!sure) return;
    }
    await Promise.all(targets.map((target) => this.sendTo(command, params, target)));
  }

  private async sendTo(command: string, params: JsonObject, target: string): Promise<void> {
    const answer: Answer = {
      time_s: Date.now() / 1000, command, target, state: 'busy', text: jsonText(params),
    };
    this.answers.push(answer);
    this.app.repaint();
    try {
      const reply = await this.app.feed.command(command, { params, target, deadline_ms });
      answer.state = 'ok';
      answer.text = jsonText(reply.result ?? listOf(reply.results));
      answer.elapsed_ms = reply.elapsed_ms;
    } catch (error) {
      answer.state = 'bad';
      answer.text = error instanceof FeedError ? `${error.errorType}: ${error.message}` : String(error);
      const reply = error instanceof FeedError ? objectOf(error.reply) : {};
      if (typeof reply.elapsed_ms === 'number') answer.elapsed_ms = reply.elapsed_ms;
    }
    this.app.repaint();
  }

  private updateTargets(): void {
    const { sources } = this.app.status;
    const { agents } = this.app.store;
    this.all = sources.filter(({ commands, state }) => commands.length > 0 && state !== 'gone')
      .flatMap(({ source: name, targets, agents: ids, state, activity }) => {
        const names = ids.length === 0 ? [''] : ids;
        return targets.flatMap((source) => names.map((agent): Target => {
          const known = agents.all.get(`${name}\n${agent}`);
          return {
            name: agent === '' ? source : `${source}/${agent}`, source, agent,
            state: known ? agents.state(known) : state === 'live' && activity === 'paused' ? 'paused' : state,
          };
        }));
      });
    this.noTargets.hidden = this.all.length > 0;
    const key = this.all.map(({ name }) => name).join('\n');
    if (key !== this.targetKeys) {
      this.targetKeys = key;
      this.targets.replaceChildren(...(this.all.length > 1 ? [this.allBox()] : []),
                                   ...this.all.map((target) => this.targetBox(target)));
    }
    this.all.forEach((target) => {
      const box = this.boxes.get(target.name);
      if (box !== undefined) setBadge(box.badge, target.state);
    });
    this.showChosen();
  }

  // At once where somebody clicks, not with the next repaint: until then a box would show what no longer holds.
  private showChosen(): void {
    for (const { name } of this.all) {
      const box = this.boxes.get(name);
      if (box !== undefined) box.input.checked = this.chosen.has(name);
    }
    const every = this.targets.querySelector<HTMLInputElement>('input.every');
    if (every !== null) {
      const count = this.chosenTargets().length;
      every.checked = count === this.all.length;
      every.indeterminate = count > 0 && count < this.all.length;
    }
  }

  private readonly boxes = new Map<string, { input: HTMLInputElement; badge: HTMLElement }>();

  private targetBox({ name }: Target): HTMLElement {
    const badge = h('span');
    const input = h('input', { type: 'checkbox', onchange: () => {
      if (input.checked) this.chosen.add(name);
      else this.chosen.delete(name);
      this.showChosen();
      this.app.repaint();
    } });
    this.boxes.set(name, { input, badge });
    return h('label', { class: 'target' }, input, h('span', {}, name), badge);
  }

  private allBox(): HTMLElement {
    const input = h('input', { type: 'checkbox', class: 'every', onchange: () => {
      for (const { name } of this.all) {
        if (input.checked) this.chosen.add(name);
        else this.chosen.delete(name);
      }
      this.showChosen();
      this.app.repaint();
    } });
    return h('label', { class: 'target' }, input, h('strong', {}, 'all'));
  }

  private updateOthers(): void {
    const names = [...new Set(this.app.status.sources.flatMap(({ commands }) => commands))].sort();
    if (names.join() === this.otherKeys) return;
    this.otherKeys = names.join();
    const before = this.others.value;
    this.others.replaceChildren(...names.map((name) => h('option', {}, name)));
    if (names.includes(before)) this.others.value = before;
  }
}

function perTrainer(chosen: Target[], all: Target[]): string[] {
  const names: string[] = [];
  for (const source of new Set(chosen.map((target) => target.source))) {
    const mine = chosen.filter((target) => target.source === source);
    const whole = mine.length === all.filter((target) => target.source === source).length;
    names.push(...(whole ? [source] : mine.map(({ name }) => name)));
  }
  return names;
}

function form(submit: () => void, ...children: Node[]): HTMLFormElement {
  return h('form', { class: 'bar', novalidate: true, onsubmit: (event: Event) => {
    event.preventDefault();
    submit();
  } }, ...children);
}

function spanOf(cell: HTMLElement): HTMLElement {
  if (cell.firstElementChild === null) cell.append(h('span'));
  return cell.firstElementChild as HTMLElement;
}
