// Rules of alerts: `trade_executed where profit > 100k and item = "Abyssal whip"`,
// `source stalled`, `gap`.
import type { BridgeEvent, Json } from '../feed/index.js';
import { isObject } from '../feed/index.js';

export type Rule =
  | { kind: 'event'; matches(event: BridgeEvent): boolean }
  | { kind: 'gap' };

export class RuleError extends Error {}

const sourceStates = ['stalled', 'gone', 'connected', 'conflict'];
const units: Record<string, number> = { '': 1, k: 1e3, m: 1e6, b: 1e9, '%': 0.01 };
const token = /\s*(?:("(?:[^"\\]|\\.)*")|(>=|<=|!=|==|[=<>()~])|([^\s"=<>!()~]+))/y;

type Test = (event: BridgeEvent) => boolean;

/** Throws a RuleError that a person can act on. */
export function parseRule(text: string): Rule {
  const words = tokens(text);
  if (words.length === 0) throw new RuleError('a rule begins with a type of events');
  const [first, second] = words;
  if (first === 'gap' && words.length === 1) return { kind: 'gap' };
  if (first === 'source') {
    if (words.length !== 2 || !sourceStates.includes(second!)) {
      throw new RuleError(`after \`source\` comes one of: ${sourceStates.join(', ')}`);
    }
    return {
      kind: 'event',
      matches: (event) => event.type === 'system_status' && event.source === 'ppo-bridge' &&
        event.data.status === `source_${second}`,
    };
  }
  if (!/^([A-Za-z0-9_.-]+\*?|\*)$/.test(first!)) {
    throw new RuleError(`${first} is no type of events; try trade_executed, order_* or *`);
  }
  const ofType: Test = first!.endsWith('*')
    ? (event) => event.type.startsWith(first!.slice(0, -1))
    : (event) => event.type === first;
  if (words.length === 1) return { kind: 'event', matches: ofType };
  if (second !== 'where') throw new RuleError(`after ${first} comes \`where\`, not ${second}`);
  const condition = new Conditions(words.slice(2)).parse();
  return { kind: 'event', matches: (event) => ofType(event) && condition(event) };
}

function tokens(text: string): string[] {
  const found: string[] = [];
  token.lastIndex = 0;
  for (const end = text.trimEnd().length; token.lastIndex < end;) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null) throw new RuleError(`cannot read: ${text.slice(at).trim()}`);
    found.push(match[1] ?? match[2] ?? match[3]!);
  }
  return found;
}

// or over and over not over comparison or (...)
class Conditions {
  private at = 0;

  constructor(private readonly words: string[]) {}

  parse(): Test {
    const test = this.any();
    if (this.at < this.words.length) {
      throw new RuleError(`expected \`and\` or \`or\`, not ${this.words[this.at]}`);
    }
    return test;
  }

  private any(): Test {
    const left = this.all();
    if (!this.take('or')) return left;
    const right = this.any();
    return (event) => left(event) || right(event);
  }

  private all(): Test {
    const left = this.one();
    if (!this.take('and')) return left;
    const right = this.all();
    return (event) => left(event) && right(event);
  }

  private one(): Test {
    if (this.take('not')) {
      const test = this.one();
      return (event) => !test(event);
    }
    if (this.take('(')) {
      const test = this.any();
      if (!this.take(')')) throw new RuleError('a ) is missing');
      return test;
    }
    return this.comparison();
  }

  private comparison(): Test {
    const field = this.next('a field of the event');
    const operator = this.next('one of = != > >= < <= ~');
    const compare = comparisons[operator];
    if (compare === undefined) {
      throw new RuleError(`after ${field} comes one of = != > >= < <= ~, not ${operator}`);
    }
    const wanted = valueOf(this.next('a value'));
    if (/[<>]/.test(operator) && typeof wanted !== 'number') {
      throw new RuleError(`${operator} compares with a number, such as 100k or 0.05`);
    }
    const path = field.split('.');
    return (event) => compare(fieldOf(event, path), wanted);
  }

  private take(word: string): boolean {
    if (this.words[this.at] !== word) return false;
    ++this.at;
    return true;
  }

  private next(what: string): string {
    const word = this.words[this.at++];
    if (word === undefined) throw new RuleError(`the rule ends where ${what} should come`);
    return word;
  }
}

type Wanted = string | number | boolean | null;

const equal = (value: Json | undefined, wanted: Wanted) => {
  if (typeof wanted === 'number') return isNumber(value) && value == wanted;
  if (wanted === null) return value === null;
  return value === wanted;
};
const isNumber = (value: Json | undefined): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

const comparisons: Record<string, (value: Json | undefined, wanted: Wanted) => boolean> = {
  '=': equal,
  '==': equal,
  '!=': (value, wanted) => !equal(value, wanted),
  '>': (value, wanted) => isNumber(value) && value > (wanted as number),
  '>=': (value, wanted) => isNumber(value) && value >= (wanted as number),
  '<': (value, wanted) => isNumber(value) && value < (wanted as number),
  '<=': (value, wanted) => isNumber(value) && value <= (wanted as number),
  // Contains, upper or lower case.
  '~': (value, wanted) =>
    typeof value === 'string' && value.toLowerCase().includes(String(wanted).toLowerCase()),
};

function valueOf(word: string): Wanted {
  if (word.startsWith('"')) {
    try {
      return JSON.parse(word) as string;
    } catch {
      throw new RuleError(`${word} is no text`);
    }
  }
  if (word === 'true' || word === 'false') return word === 'true';
  if (word === 'null') return null;
  const number = /^(-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)([kmb%]?)$/i.exec(word.replace(/[,_]/g, ''));
  return number === null ? word : Number(number[1]) * units[number[2]!.toLowerCase()]!;
}

const ofEnvelope = new Set(['source', 'run', 'seq', 'timestamp', 'source_seq', 'type']);

// A member of data, or of a member of it; `source` and the like are the event's own.
function fieldOf(event: BridgeEvent, path: string[]): Json | undefined {
  const [first] = path;
  let value: Json | undefined = event.data;
  for (const name of path) {
    value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  if (value === undefined && path.length === 1 && ofEnvelope.has(first!)) {
    return (event as unknown as Record<string, Json | undefined>)[first!];
  }
  return value;
}
