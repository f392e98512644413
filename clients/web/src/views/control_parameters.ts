// What may be set while it trains: a field for each parameter that the chosen ones have declared, with its range,
// its unit and what it is now.
import type { Json } from '../feed/index.js';
import { rangeText, readValue, type Parameter, type Target } from '../model/targets.js';
import { h, setName, setText, setTitle } from '../ui/dom.js';
import { visible } from '../ui/format.js';

export interface Setting {
  name: string;
  value: Json;
  targets: Target[];
}

interface Row {
  key: string;
  element: HTMLElement;
  input: HTMLInputElement | HTMLSelectElement;
  now: HTMLElement;
  range: HTMLElement;
  problem: HTMLElement;
}

interface Holder {
  target: Target;
  parameter: Parameter;
}

const shownMax = 60;

export class ControlParameters {
  readonly element: HTMLElement;
  private readonly list = h('div', { class: 'parameters' });
  private readonly note = h('p', { class: 'muted' });
  private readonly rows = new Map<string, Row>();
  private holders = new Map<string, Holder[]>();
  private undeclared: Target[] = [];
  private readonly other: HTMLFormElement;

  constructor(private readonly set: (setting: Setting) => void) {
    const name = h('input', { 'aria-label': 'Parameter', placeholder: 'learning_rate', size: '10', spellcheck: 'false' });
    const value = h('input', { 'aria-label': 'Value', placeholder: '0.0003', size: '8', inputmode: 'decimal' });
    const problem = h('span', { class: 'bad-note', role: 'alert' });
    this.other = h('form', { class: 'bar', novalidate: true, onsubmit: (event: Event) => {
      event.preventDefault();
      const free: Parameter = { name: name.value.trim(), value: undefined, kind: 'number', min: undefined, max: undefined, unit: '', choices: [], agent: '' };
      const read = readValue(free, value.value);
      setText(problem, free.name === '' ? 'a name is missing' : read.problem ?? '');
      if (free.name !== '' && read.problem === undefined) this.set({ name: free.name, value: read.value, targets: this.undeclared });
    } }, name, value, h('button', {}, 'Set undeclared'), problem);
    this.element = h('section', { class: 'card' }, h('h2', {}, 'Parameters'), this.list, this.note, this.other);
  }

  update(targets: readonly Target[]): void {
    const able = targets.filter(({ commands }) => commands.includes('set_hyperparameter'));
    this.undeclared = able.filter(({ parameters }) => parameters.length === 0);
    this.other.hidden = this.undeclared.length === 0;
    this.holders = new Map();
    for (const target of able) {
      for (const parameter of target.parameters) {
        const holders = this.holders.get(parameter.name) ?? [];
        if (holders.length === 0 && this.holders.size >= shownMax) continue;
        holders.push({ target, parameter });
        this.holders.set(parameter.name, holders);
      }
    }
    setText(this.note, this.holders.size > 0 ? '' : targets.length === 0 ? 'Choose somebody: what may be set is shown here.'
      : able.length === 0 ? 'None of the chosen ones takes set_hyperparameter.' : 'The chosen ones have not declared what may be set.');
    const names = [...this.holders.keys()];
    for (const [name, row] of this.rows) {
      if (this.holders.has(name) && row.key === keyOf(this.holders.get(name)![0]!.parameter)) continue;
      row.element.remove();
      this.rows.delete(name);
    }
    names.forEach((name, i) => {
      let row = this.rows.get(name);
      if (row === undefined) this.rows.set(name, row = this.newRow(name, this.holders.get(name)![0]!.parameter));
      if (this.list.children[i] !== row.element) this.list.insertBefore(row.element, this.list.children[i] ?? null);
      this.fill(row, this.holders.get(name)!);
    });
  }

  private newRow(name: string, parameter: Parameter): Row {
    const submit = () => this.submit(name);
    const options = parameter.kind === 'boolean' ? ['true', 'false'] : parameter.kind === 'choice' ? parameter.choices.map(String) : undefined;
    const typed = () => {
      setText(problem, '');
      input.removeAttribute('aria-invalid');
    };
    const input = options === undefined
      ? h('input', { 'aria-label': name, size: '10', inputmode: parameter.kind === 'text' ? undefined : 'decimal', spellcheck: 'false',
                     autocomplete: 'off', oninput: typed })
      : h('select', { 'aria-label': name, onchange: typed }, ...options.map((value) => h('option', { value }, value)));
    if (options !== undefined) input.value = String(parameter.value ?? options[0]);
    const title = h('span', { class: 'parameter-name' });
    setName(title, name, 32);
    setTitle(title, name);
    const now = h('span', { class: 'now' });
    const range = h('small', { class: 'muted' });
    const problem = h('span', { class: 'bad-note', role: 'alert' });
    const element = h('form', { class: 'parameter', novalidate: true, onsubmit: (event: Event) => {
      event.preventDefault();
      submit();
    } }, title, now, input, h('button', { class: 'primary', 'aria-label': `Set ${name}` }, 'Set'), range, problem);
    return { key: keyOf(parameter), element, input, now, range, problem };
  }

  private fill(row: Row, holders: Holder[]): void {
    const values = [...new Set(holders.map(({ parameter }) => valueText(parameter)))];
    setText(row.now, values.length === 1 ? values[0]! : `${values.length} values`);
    setTitle(row.now, holders.map(({ target, parameter }) => `${target.name}: ${valueText(parameter)}`).slice(0, 40).join('\n'));
    const ranges = [...new Set(holders.map(({ parameter }) => rangeText(parameter)))];
    setText(row.range, ranges.length === 1 ? ranges[0]! : `ranges differ: ${ranges.slice(0, 3).join('; ')}`);
    const hint = values.length === 1 ? visible(values[0]!) : '';
    if (row.input instanceof HTMLInputElement && row.input.placeholder !== hint) row.input.placeholder = hint;
  }

  // Right for each of them, or nobody is asked.
  private submit(name: string): void {
    const row = this.rows.get(name)!;
    const holders = this.holders.get(name) ?? [];
    let value: Json | undefined;
    for (const { target, parameter } of holders) {
      const read = readValue(parameter, row.input.value);
      if (read.problem !== undefined) {
        setText(row.problem, holders.length > 1 ? `${name} of ${target.name}: ${read.problem}` : `${name}: ${read.problem}`);
        row.input.setAttribute('aria-invalid', 'true');
        row.input.focus();
        return;
      }
      value = read.value;
    }
    setText(row.problem, '');
    if (value !== undefined) this.set({ name, value, targets: holders.map(({ target }) => target) });
  }
}

function keyOf({ kind, choices }: Parameter): string {
  return `${kind} ${choices.map(String).join('\n')}`;
}

function valueText({ value, unit }: Parameter): string {
  return value === undefined ? 'not told' : value === null ? 'NaN' : `${String(value)}${unit === '' ? '' : ` ${unit}`}`;
}
