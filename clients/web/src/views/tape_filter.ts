// What is to be shown, as a rule and as boxes that write the usual ones.
import { boxesOf, filterOf, noFilter, parseFilter, type Boxes, type Filter } from '../model/filter.js';
import { RuleError } from '../model/rule.js';
import { h, setText } from '../ui/dom.js';

const names = ['type', 'agent', 'item', 'text'] as const;
const hints: Boxes = { type: 'type, or order_*', agent: 'agent or source', item: 'item', text: 'any text' };
const lettersMax = 512; // of a text in the address
const nothing: Filter = { text: '\0', matches: () => false, asked: {}, more: false };

export class TapeFilter {
  readonly boxes: Record<keyof Boxes, HTMLInputElement>;
  readonly types = h('datalist', { id: 'types' });
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly problem = h('p', { class: 'bad-note', id: 'filter-problem', role: 'status' });
  private shown = '';
  private current: Filter = noFilter;

  constructor(private readonly changed: (text: string) => void) {
    const box = (name: keyof Boxes) => h('input', {
      type: 'search', placeholder: hints[name], 'aria-label': `Filter by ${name}`, spellcheck: 'false',
      list: name === 'type' ? 'types' : undefined, oninput: () => this.fromBoxes(),
    });
    this.boxes = { type: box('type'), agent: box('agent'), item: box('item'), text: box('text') };
    this.input = h('input', {
      type: 'search', class: 'rule', 'aria-label': 'Filter', spellcheck: 'false', autocomplete: 'off', maxlength: String(lettersMax),
      'aria-describedby': 'filter-problem', placeholder: 'trade_executed where profit > 100k and item = "Abyssal whip"',
      title: 'As the rules of alerts: types, where, and, or, not, = != > < ~ (contains), is null, is NaN, 100k, 5%. ' +
        'Beside them * ~ "text": anywhere in the event.',
      oninput: () => this.fromText(this.input.value),
    });
    this.element = h('div', { class: 'filter' }, this.input, this.problem);
  }

  /** What passes; nothing where it cannot be read. */
  get filter(): Filter {
    return this.current;
  }

  /** What the address has, which somebody else may have written. */
  show(text: string): void {
    if (text === this.shown) return;
    this.input.value = text;
    if (!this.read(text)) {
      this.current = nothing; // rather than what nobody asked for
      this.shown = text;
    }
    this.toBoxes(text);
  }

  private fromText(text: string): void {
    if (!this.read(text)) return; // what was shown stays, until one can read it
    this.toBoxes(text);
    this.changed(text);
  }

  private fromBoxes(): void {
    const boxes = { type: '', agent: '', item: '', text: '' };
    for (const name of names) boxes[name] = this.boxes[name].value.trim();
    let rest: string[] = [];
    try {
      ({ rest } = boxesOf(this.shown));
    } catch {
      // What boxes cannot say goes where one uses them.
    }
    const text = filterOf(boxes, rest);
    this.input.value = text;
    if (this.read(text)) this.changed(text);
  }

  private toBoxes(text: string): void {
    let found: Boxes = { type: '', agent: '', item: '', text: '' };
    try {
      found = boxesOf(text).boxes;
    } catch {
      // Boxes cannot say it.
    }
    for (const name of names) if (this.boxes[name].value.trim() !== found[name]) this.boxes[name].value = found[name];
  }

  private read(text: string): boolean {
    let problem = '';
    try {
      if (text.length > lettersMax) throw new RuleError(text, lettersMax, `at most ${lettersMax} letters`, String(text.length));
      this.current = parseFilter(text);
      this.shown = text;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      problem = `At character ${error.at + 1}: ${error.message}.`;
    }
    setText(this.problem, problem);
    this.input.setAttribute('aria-invalid', String(problem !== ''));
    return problem === '';
  }
}
