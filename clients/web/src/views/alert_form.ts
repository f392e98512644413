// A new alert, as a person writes it: its rule, and what it does. What is refused is said beside its field.
import { isObject, parseJson, type JsonObject } from '../feed/index.js';
import type { NewAlert } from '../model/alerts.js';
import { parseRule, RuleError } from '../model/rule.js';
import { rangeText, readValue, targetsOf, type Parameter, type Target } from '../model/targets.js';
import type { SourceInfo } from '../model/bridge_status.js';
import { h, setText } from '../ui/dom.js';
import { wordsOf } from '../model/values.js';

const setting = 'set_hyperparameter';
const shownMax = 500; // names that are offered

type Box = HTMLInputElement | HTMLSelectElement;

class Field<T extends Box = HTMLInputElement> {
  readonly element: HTMLElement;
  readonly problem: HTMLElement;

  constructor(label: string, readonly box: T, readonly hint: HTMLElement | undefined = undefined) {
    this.problem = h('small', { class: 'bad-note', role: 'alert', id: `alert-${label.replace(/\W+/g, '-').toLowerCase()}-problem` });
    box.setAttribute('aria-label', label);
    box.setAttribute('aria-describedby', this.problem.id);
    box.addEventListener('input', () => this.refuse(''));
    this.element = h('label', {}, label, box, hint, this.problem);
  }

  get text(): string {
    return this.box.value.trim();
  }

  refuse(problem: string): void {
    setText(this.problem, problem);
    if (problem === '') this.box.removeAttribute('aria-invalid');
    else this.box.setAttribute('aria-invalid', 'true');
  }
}

const input = (placeholder: string, list?: string) => h('input', { placeholder, list, spellcheck: 'false', autocomplete: 'off' });

export class AlertForm {
  readonly element: HTMLFormElement;
  private readonly rule: Field;
  private readonly title = new Field('Name', input('none'));
  private readonly command = new Field('Command to a trainer', input('none, or pause', 'alert-commands'));
  private readonly target = new Field('Its target', input('whatever raised it', 'alert-targets'));
  private readonly parameter = new Field('Parameter', h('select'));
  private readonly range = h('small', { class: 'muted' });
  private readonly value = new Field('Value', h('input', { spellcheck: 'false', autocomplete: 'off', inputmode: 'decimal' }), this.range);
  private readonly params = new Field('Params as JSON', input('none, or {"path":"best.ckpt"}'));
  private readonly webhook = new Field('Webhook', input('none, or http://127.0.0.1:9000/hook'));
  private readonly commands = h('datalist', { id: 'alert-commands' });
  private readonly targets = h('datalist', { id: 'alert-targets' });
  private all: Target[] = [];
  private offered = '';
  private problem: HTMLElement;

  /** `create` rejects with the bridge's words where it refuses. */
  constructor(example: string, private readonly create: (alert: NewAlert) => Promise<void>) {
    const box = h('input', { class: 'rule', placeholder: example, spellcheck: 'false', autocomplete: 'off' });
    this.rule = new Field('A new rule', box);
    box.addEventListener('input', () => this.check(false));
    this.problem = h('p', { class: 'bad-note', role: 'alert' });
    this.command.box.addEventListener('input', () => this.showParams());
    this.parameter.box.addEventListener('change', () => this.showParams());
    this.element = h('form', { novalidate: true, onsubmit: (event: Event) => {
      event.preventDefault();
      void this.submit();
    } }, h('div', { class: 'bar' }, box, h('button', { class: 'primary' }, 'Add')), this.rule.problem, this.problem,
      h('div', { class: 'alert-more' }, ...[this.title, this.command, this.target, this.parameter, this.value, this.params, this.webhook]
        .map(({ element }) => element)), this.commands, this.targets);
    this.showParams();
  }

  /** A rule to begin with. */
  propose(rule: string): void {
    this.rule.box.value = rule;
    this.rule.box.focus();
    this.check(false);
  }

  /** What there is to be commanded. */
  update(sources: readonly SourceInfo[]): void {
    this.all = targetsOf(sources, () => undefined);
    const commands = [...new Set(this.all.flatMap((target) => target.commands))].sort();
    const targets = [...new Set(this.all.flatMap(({ source, name }) => [source, name]))];
    const names = [...new Set(this.holders().map(({ name }) => name))];
    const offered = JSON.stringify([commands, targets, names]);
    if (offered === this.offered) return;
    this.offered = offered;
    const fill = (list: HTMLElement, values: readonly string[]) =>
      list.replaceChildren(...values.slice(0, shownMax).map((value) => h('option', { value }, value)));
    fill(this.commands, commands);
    fill(this.targets, targets);
    const before = this.parameter.box.value;
    fill(this.parameter.box, names);
    this.parameter.box.append(h('option', { value: '' }, 'another one …'));
    if (names.includes(before)) this.parameter.box.value = before;
    this.showParams();
  }

  // What may be set, at the target where one is named.
  private holders(): Parameter[] {
    const wanted = this.target.text;
    return this.all.filter(({ name, source, commands }) =>
      commands.includes(setting) && (wanted === '' || wanted === '*' || wanted === name || wanted === source))
      .flatMap(({ parameters }) => parameters);
  }

  private declared(): Parameter[] {
    return this.command.text === setting ? this.holders().filter(({ name }) => name === this.parameter.box.value) : [];
  }

  // A parameter that is declared has a field of its own; for all else there are params.
  private showParams(): void {
    const sets = this.command.text === setting && this.parameter.box.options.length > 1;
    const declared = this.declared();
    this.parameter.element.hidden = !sets;
    this.value.element.hidden = declared.length === 0;
    this.params.element.hidden = this.command.text === '' || declared.length > 0;
    setText(this.range, [...new Set(declared.map(rangeText))].slice(0, 3).join('; '));
  }

  // While one still writes, only of what cannot become right by going on.
  private check(whole: boolean): boolean {
    let problem = '';
    try {
      if (whole || this.rule.text !== '') parseRule(this.rule.box.value);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      problem = `At character ${error.at + 1}: ${error.message}.`;
      if (!whole && error.found === 'the end') problem = '';
      else if (whole) this.pointAt(error.at);
    }
    this.rule.refuse(problem);
    return problem === '';
  }

  private pointAt(character: number): void {
    this.rule.box.focus();
    this.rule.box.setSelectionRange(character, this.rule.box.value.length);
  }

  private async submit(): Promise<void> {
    setText(this.problem, '');
    const made = this.check(true) ? this.made() : undefined;
    if (made === undefined) return;
    try {
      await this.create(made);
      for (const { box } of [this.rule, this.title, this.command, this.target, this.value, this.params, this.webhook]) box.value = '';
      this.showParams();
    } catch (error) {
      const words = wordsOf(error);
      const field = this.fieldOf(words);
      const text = `The bridge refused: ${words}`;
      if (field === undefined) setText(this.problem, text);
      else field.refuse(text);
    }
  }

  private fieldOf(words: string): Field | undefined {
    const about = /^params\.([a-z.]+:? ?[a-z]*)/.exec(words)?.[1] ?? '';
    return about.startsWith('rule') ? this.rule : about.startsWith('name') ? this.title
      : about.startsWith('action.webhook') ? this.webhook : about.startsWith('action: target') ? this.target
      : about.startsWith('action: params') ? this.params : about.startsWith('action') ? this.command : undefined;
  }

  private made(): NewAlert | undefined {
    const name = this.title.text;
    const command = this.command.text;
    const target = this.target.text;
    const webhook = this.webhook.text;
    if (command === '' && target !== '') {
      this.command.refuse('A target needs a command.');
      return undefined;
    }
    const params = command === '' ? {} : this.paramsMade();
    if (params === undefined) return undefined;
    const action = {
      ...(command !== '' && { command }), ...(target !== '' && { target }),
      ...(Object.keys(params).length > 0 && { params }), ...(webhook !== '' && { webhook }),
    };
    return { rule: this.rule.text, ...(name !== '' && { name }), ...(Object.keys(action).length > 0 && { action }) };
  }

  private paramsMade(): JsonObject | undefined {
    for (const parameter of this.declared()) {
      const { problem } = readValue(parameter, this.value.box.value);
      if (problem === undefined) continue;
      this.value.refuse(problem);
      return undefined;
    }
    const [first] = this.declared();
    if (first !== undefined) return { name: first.name, value: readValue(first, this.value.box.value).value! };
    try {
      const params = this.params.text === '' ? {} : parseJson(this.params.text);
      if (isObject(params)) return params;
    } catch {
      // It is said below.
    }
    this.params.refuse('It must be a JSON object, such as {"path":"best.ckpt"}.');
    return undefined;
  }
}
