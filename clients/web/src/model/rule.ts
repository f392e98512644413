// The language of alerts and of the tape's filter, as bridge/PROTOCOL.md section 9 says it:
// `trade_executed where profit > 100k and item = "Abyssal whip"`, `source stalled for 30s`. Read exactly as the
// bridge reads it (tests/rules.json is held against both), so that what passes here is accepted there.
import { isObject, type BridgeEvent, type Json } from '../feed/index.js';

export type Operator = '=' | '!=' | '>' | '>=' | '<' | '<=' | '~';
type Wanted = string | number | boolean | null;

/** Where in the rule a part of it stands: characters from 0, `end` not included. */
interface Place {
  begin: number;
  end: number;
}

export interface Comparison extends Place {
  kind: 'compare';
  field: string; // dots between the names of members
  aggregate?: 'avg' | 'min' | 'max' | 'sum' | 'last';
  window_s?: number;
  operator: Operator;
  wanted: Wanted;
}

export type Condition =
  | Comparison
  | { kind: 'is'; field: string; what: 'NaN' | 'null' } & Place
  | { kind: 'not'; of: Condition } & Place
  | { kind: 'and' | 'or'; of: Condition[] } & Place;

export interface Rule {
  what: 'events' | 'count' | 'source' | 'run' | 'gap';
  /** Events: a type, or a beginning of types with `*` behind it. A source or a run: which state. */
  types: string;
  condition?: Condition;
  /** Of count. */
  window_s?: number;
  operator?: Operator;
  number?: number;
  for_s?: number;
}

/** What cannot be read, with its place: characters from 0; the text's length is its end. */
export class RuleError extends Error {
  constructor(readonly rule: string, readonly at: number, readonly expected: string, readonly found: string) {
    super(`expected ${expected}, found ${found}`);
  }

  /** The place in bytes, as the bridge counts. */
  get position(): number {
    return new TextEncoder().encode(this.rule.slice(0, this.at)).length;
  }
}

export const ruleBytesMax = 1024;
const testsMax = 64;
const aggregatesMax = 8;
const levelsMax = 32;
const shownMax = 40;
const timeMin_s = 1;
const timeMax_s = 86_400;
const units: Record<string, number> = { k: 1e3, m: 1e6, b: 1e9, '%': 0.01 };
const seconds: Record<string, number> = { s: 1, m: 60, h: 3600 };
const states = {
  source: ['stalled', 'gone', 'connected', 'conflict'],
  run: ['crashed', 'finished', 'interrupted', 'lost'],
} as const;
const aggregates = ['avg', 'min', 'max', 'sum', 'last'];
const operators: Record<string, Operator> = {
  '=': '=', '==': '=', '!=': '!=', '>': '>', '>=': '>=', '<': '<', '<=': '<=', '~': '~',
};
const operatorsOfNumbers = 'one of = != > >= < <=';

/** Throws a RuleError that a person can act on. */
export function parseRule(text: string): Rule {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > ruleBytesMax) throw new RuleError(text, text.length, `at most ${ruleBytesMax} bytes`, String(bytes));
  return new Parser(text).parse();
}

/** A value as it is written in a rule. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

const number = /^(-?)([0-9][0-9,_]*)((?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)([kmb%]?)$/i;
const whole = /^(?:[0-9]+(?:_[0-9]+)*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)$/;

/** Infinite where it is too large, nothing where it is none. */
export function readNumber(word: string): number | undefined {
  const parts = number.exec(word);
  if (parts === null || !whole.test(parts[2]!)) return undefined;
  const value = Number(`${parts[1]}${parts[2]!.replace(/[,_]/g, '')}${parts[3]}`);
  return value * (units[parts[4]!.toLowerCase()] ?? 1);
}

// Half a surrogate pair is no text.
function textOf(raw: string): string | undefined {
  try {
    const read = JSON.parse(raw) as string;
    return /[\ud800-\udfff]/u.test(read) ? undefined : read;
  } catch {
    return undefined;
  }
}

interface Token extends Place {
  kind: 'end' | 'word' | 'quoted' | 'sign';
  raw: string;
}

const space = /[ \t\r\n\f\v]*/y;
const sign = /[=!<>]=?|[()~]/y;
const text = /"(?:[^"\\]|\\[^])*"/y;
const word = /[^ \t\r\n\f\v"=<>!()~]+/y;
const wordToComma = /,|[^ \t\r\n\f\v"=<>!()~,]+/y;

// Recursive descent; the first thing that is wrong is thrown.
class Parser {
  private at = 0;
  private last = 0; // end of the token before
  private token: Token;
  private tests = 0;
  private aggregates = 0;
  private levels = 0;

  constructor(private readonly rule: string) {
    this.token = this.read(false);
  }

  parse(): Rule {
    const rule = this.what();
    const canEnd = rule.what === 'count' || rule.condition !== undefined ||
      (rule.what === 'source' && rule.types !== 'conflict');
    if (this.is('for')) {
      if (!canEnd) this.fail('the end, as nothing but a person ends what this tells of');
      this.next();
      rule.for_s = this.time();
    }
    if (this.token.kind === 'end') return rule;
    if (rule.what !== 'events' || rule.for_s !== undefined) {
      this.fail(rule.for_s === undefined && canEnd ? 'for, or the end' : 'the end');
    }
    return this.fail(rule.condition === undefined ? 'where, or the end' : 'and, or, for, or the end');
  }

  private what(): Rule {
    if (this.take('gap')) return { what: 'gap', types: '' };
    for (const what of ['source', 'run'] as const) {
      if (!this.is(what)) continue;
      this.next();
      const { kind, raw } = this.token;
      if (kind !== 'word' || !states[what].some((state) => state === raw)) {
        this.fail(`one of ${states[what].join(', ')}`);
      }
      this.next();
      return { what, types: raw };
    }
    const counts = this.is('count') && /^[ \t\r\n\f\v]*\(/.test(this.rule.slice(this.at));
    if (!counts) return this.events();
    this.next();
    this.next();
    const { types, condition } = this.events();
    if (!this.take(')')) this.fail(condition === undefined ? 'where, or )' : 'and, or, or )');
    this.expect('per');
    const window_s = this.time();
    const operator = this.operator(operatorsOfNumbers, false);
    const value = this.token.kind === 'word' ? readNumber(this.token.raw) : undefined;
    if (value === undefined || !Number.isFinite(value)) return this.fail('a number, such as 100 or 1.5k');
    this.next();
    return { what: 'count', types, ...(condition && { condition }), window_s, operator, number: value };
  }

  private events(): Rule {
    const { kind, raw: types } = this.token;
    if (kind !== 'word' || !/^(?:[A-Za-z0-9_.-]{1,64}\*?|\*)$/.test(types)) {
      this.fail('a type of events, such as trade_executed, order_* or *');
    }
    this.next();
    return this.take('where') ? { what: 'events', types, condition: this.any() } : { what: 'events', types };
  }

  private any(): Condition {
    return this.list('or', () => this.list('and', () => this.one()));
  }

  private list(kind: 'and' | 'or', part: () => Condition): Condition {
    const { begin } = this.token;
    const of = [part()];
    while (this.take(kind)) of.push(part());
    return of.length === 1 ? of[0]! : { kind, of, begin, end: this.last };
  }

  private one(): Condition {
    const { begin } = this.token;
    const negated = this.is('not');
    if (!negated && !this.is('(')) return this.test();
    if (++this.levels > levelsMax) this.fail(`at most ${levelsMax} levels of not and parentheses`);
    this.next();
    let found: Condition;
    if (negated) {
      const of = this.one();
      found = { kind: 'not', of, begin, end: this.last };
    } else {
      found = this.any();
      if (!this.take(')')) this.fail('and, or, or )');
      found = { ...found, begin, end: this.last };
    }
    --this.levels;
    return found;
  }

  private field(comma: boolean): string {
    const { kind, raw } = this.token;
    if (kind !== 'word' || (comma && raw === ',')) this.fail('a field of the event');
    this.next(comma);
    return raw;
  }

  private test(): Condition {
    if (++this.tests > testsMax) this.fail(`at most ${testsMax} comparisons`);
    const first = this.token;
    let field = this.field(false);
    let aggregate: string | undefined;
    let window_s: number | undefined;
    if (this.is('(')) {
      if (!aggregates.includes(field)) this.fail(`one of ${aggregates.join(', ')} in front of (`, first);
      if (++this.aggregates > aggregatesMax) this.fail(`at most ${aggregatesMax} aggregates`, first);
      aggregate = field;
      this.next(true);
      field = this.field(true);
      this.expect(',');
      window_s = this.time();
      this.expect(')');
    } else if (this.take('is')) {
      const negated = this.take('not');
      const raw = this.token.kind === 'word' ? this.token.raw.replace(/[A-Z]/g, (c) => c.toLowerCase()) : '';
      if (raw !== 'nan' && raw !== 'null') this.fail(negated ? 'NaN or null' : 'NaN, null or not');
      this.next();
      const place = { begin: first.begin, end: this.last };
      const is: Condition = { kind: 'is', field, what: raw === 'nan' ? 'NaN' : 'null', ...place };
      return negated ? { kind: 'not', of: is, ...place } : is;
    }
    const ofField = aggregate === undefined;
    const operator = this.operator(ofField ? 'one of = != > >= < <= ~ is' : operatorsOfNumbers, ofField);
    const wanted = this.value(operator, ofField);
    return { kind: 'compare', field, operator, wanted, begin: first.begin, end: this.last,
             ...(aggregate !== undefined && { aggregate, window_s }) } as Comparison;
  }

  private operator(which: string, contains: boolean): Operator {
    const { kind, raw } = this.token;
    const found = kind !== 'quoted' && Object.hasOwn(operators, raw) ? operators[raw]! : undefined;
    if (found === undefined || (found === '~' && !contains)) return this.fail(which);
    this.next();
    return found;
  }

  private value(operator: Operator, ofField: boolean): Wanted {
    const { kind, raw } = this.token;
    if (kind !== 'word' && kind !== 'quoted') this.fail('a value');
    let wanted: Wanted = raw;
    if (kind === 'quoted') {
      wanted = textOf(raw) ?? this.fail('a text as JSON writes it');
    } else if (operator === '~') {
      // As it is written.
    } else if (raw === 'true' || raw === 'false') {
      wanted = raw === 'true';
    } else if (raw === 'null') {
      wanted = null;
    } else {
      const read = readNumber(raw);
      if (read !== undefined && !Number.isFinite(read)) this.fail('a number that a double can hold');
      wanted = read ?? raw;
    }
    const ordered = !['=', '!=', '~'].includes(operator);
    if ((ordered || !ofField) && typeof wanted !== 'number') this.fail('a number, such as 100k or 0.05');
    this.next();
    return wanted;
  }

  private time(): number {
    const { kind, raw } = this.token;
    const plain = kind === 'word' && /^[0-9.]+[smh]$/.test(raw);
    const value = (plain ? readNumber(raw.slice(0, -1)) ?? 0 : 0) * (seconds[raw.slice(-1)] ?? 0);
    if (!(value >= timeMin_s && value <= timeMax_s)) this.fail('a time from 1s to 24h, such as 30s or 5m');
    this.next();
    return value;
  }

  private is(raw: string): boolean {
    return this.token.kind !== 'quoted' && this.token.raw === raw;
  }

  private take(raw: string): boolean {
    if (!this.is(raw)) return false;
    this.next();
    return true;
  }

  private expect(raw: string): void {
    if (!this.take(raw)) this.fail(raw);
  }

  private next(comma = false): void {
    this.last = this.token.end;
    this.token = this.read(comma);
  }

  // `comma`: it ends a word too.
  private read(comma: boolean): Token {
    space.lastIndex = this.at;
    space.exec(this.rule);
    const begin = space.lastIndex;
    if (begin === this.rule.length) return { kind: 'end', raw: '', begin, end: begin };
    for (const [kind, pattern] of [['quoted', text], ['sign', sign], ['word', comma ? wordToComma : word]] as const) {
      pattern.lastIndex = begin;
      const raw = pattern.exec(this.rule)?.[0];
      if (raw === undefined) continue;
      this.at = begin + raw.length;
      return { kind, raw, begin, end: this.at };
    }
    throw new RuleError(this.rule, begin, 'a text that ends with "', 'no " behind it');
  }

  private fail(expected: string, { kind, raw, begin }: Token = this.token): never {
    const found = raw.length > shownMax ? `${raw.slice(0, shownMax)}…` : raw;
    throw new RuleError(this.rule, begin, expected, kind === 'end' ? 'the end' : found);
  }
}

export type EventTest = (event: BridgeEvent) => boolean;

/** Whether an event is of the types. */
export function typeTest(types: string): (type: string) => boolean {
  if (!types.endsWith('*')) return (type) => type === types;
  const beginning = types.slice(0, -1);
  return (type) => type.startsWith(beginning);
}

/** What a single comparison says of an event. REQUIRES: it has no aggregate. */
export function comparisonTest({ field, operator, wanted }: Comparison): EventTest {
  const compare = comparing(operator, wanted);
  const value = fieldReader(field);
  return (event) => compare(value(event));
}

export function isTest(field: string, what: 'NaN' | 'null'): EventTest {
  const value = fieldReader(field);
  // NaN has become null by the time it is an event; a number too large for a double is none either.
  return what === 'null' ? (event) => (value(event) ?? null) === null
    : (event) => {
        const found = value(event);
        return found === null || (isNumber(found) && !Number.isFinite(Number(found)));
      };
}

function isNumber(value: Json | undefined): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

// A to Z and a to z are alike, and nothing else is, as in the bridge.
export function containsPattern(wanted: string): RegExp {
  return new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
    .replace(/[A-Za-z]/g, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`));
}

function comparing(operator: Operator, wanted: Wanted): (value: Json | undefined) => boolean {
  if (operator === '~') {
    const pattern = containsPattern(String(wanted));
    return (value) => typeof value === 'string' && pattern.test(value);
  }
  if (operator === '=' || operator === '!=') {
    const same = (value: Json | undefined): boolean => {
      if (wanted === null) return (value ?? null) === null;
      return typeof wanted === 'number' ? isNumber(value) && Number(value) === wanted : value === wanted;
    };
    return operator === '=' ? same : (value) => !same(value);
  }
  const bound = wanted as number;
  const holds: (number: number) => boolean = operator === '>' ? (n) => n > bound : operator === '>=' ? (n) => n >= bound
    : operator === '<' ? (n) => n < bound : (n) => n <= bound;
  return (value) => isNumber(value) && Number.isFinite(Number(value)) && holds(Number(value));
}

const ofEnvelope = new Set(['source', 'run', 'seq', 'timestamp', 'source_seq', 'type']);

/** A member of data, or of a member of it; `source` and the like are the event's own where data has none of that name. */
export function fieldReader(field: string): (event: BridgeEvent) => Json | undefined {
  const path = field.split('.');
  const own = path.length === 1 && ofEnvelope.has(field);
  return (event) => {
    let value: Json | undefined = event.data;
    for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    return value === undefined && own ? (event as unknown as Record<string, Json | undefined>)[field] : value;
  };
}
