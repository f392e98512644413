// What the tape shows: a rule that one event alone decides, and the boxes that write the usual ones. Beside the
// language of alerts there is a field `*`: the event's whole text.
import { jsonText, type BridgeEvent, type JsonObject } from '../feed/index.js';
import {
  comparisonTest, containsPattern, isTest, parseRule, quoted, RuleError, typeTest,
  type Comparison, type Condition, type EventTest, type Rule,
} from './rule.js';

export interface Filter {
  readonly text: string;
  matches(event: BridgeEvent): boolean;
  /** What of it the bridge can look for itself, as params of get_recent_events. */
  readonly asked: JsonObject;
  /** The bridge finds more than what matches: `asked` is not all of it. */
  readonly more: boolean;
}

export const noFilter: Filter = { text: '', matches: () => true, asked: {}, more: false };

/** What stands in the boxes; "" where nothing does. */
export interface Boxes {
  type: string;
  agent: string; // of an agent or its source, or SOURCE/AGENT
  item: string;
  text: string; // anywhere in the event
}

export function eventText(event: BridgeEvent, indent = 0): string {
  return jsonText(event as unknown as JsonObject, indent);
}

/** Throws a RuleError. */
export function parseFilter(text: string): Filter {
  if (text.trim() === '') return noFilter;
  const rule = parseRule(text);
  const matches = eventTest(rule, text);
  if (rule.what !== 'events') return { text, matches, asked: { type: typeOf(rule) }, more: true };
  const asked: JsonObject = rule.types === '*' ? {} : { type: rule.types };
  let more = false;
  for (const clause of clausesOf(rule.condition)) {
    const looks = clause.kind === 'compare' && clause.operator === '=' && typeof clause.wanted === 'string' &&
      askable.has(clause.field) && !Object.hasOwn(asked, clause.field);
    if (looks) asked[clause.field] = clause.wanted;
    more ||= !looks;
  }
  return { text, matches, asked, more };
}

// Not `source` and `run`: of a rule a member of data of that name is meant first, and the bridge does not look there.
const askable = new Set(['agent_id', 'item']);

/** Throws a RuleError where it takes more than one event to decide, as with averages and times. */
export function eventTest(rule: Rule, text: string): EventTest {
  if (rule.for_s !== undefined || rule.what === 'count') {
    const at = Math.max(0, text.lastIndexOf(rule.what === 'count' ? 'count' : 'for'));
    throw new RuleError(text, at, 'what one event alone decides', rule.what === 'count' ? 'count' : 'for');
  }
  const own = (event: BridgeEvent) => event.source === 'ppo-bridge' && event.type === 'system_status';
  switch (rule.what) {
    case 'gap':
      return (event) => own(event) && event.data.status === 'source_lost';
    case 'source':
      return (event) => own(event) && event.data.status === `source_${rule.types}`;
    case 'run':
      if (rule.types === 'lost') return (event) => own(event) && event.data.status === 'source_gone';
      return (event) => event.type === 'run_ended' && event.data.state === rule.types;
    default: {
      const ofType = typeTest(rule.types);
      const condition = rule.condition === undefined ? () => true : conditionTest(rule.condition, text);
      return (event) => ofType(event.type) && condition(event);
    }
  }
}

function typeOf({ what, types }: Rule): string {
  return what === 'run' && types !== 'lost' ? 'run_ended' : 'system_status';
}

function conditionTest(condition: Condition, text: string): EventTest {
  switch (condition.kind) {
    case 'is':
      return isTest(condition.field, condition.what);
    case 'not': {
      const test = conditionTest(condition.of, text);
      return (event) => !test(event);
    }
    case 'and': {
      const tests = condition.of.map((part) => conditionTest(part, text));
      return (event) => tests.every((test) => test(event));
    }
    case 'or': {
      const tests = condition.of.map((part) => conditionTest(part, text));
      return (event) => tests.some((test) => test(event));
    }
    default:
      if (condition.aggregate !== undefined) {
        throw new RuleError(text, condition.begin, 'what one event alone decides', condition.aggregate);
      }
      if (condition.field !== '*' || condition.operator !== '~') return comparisonTest(condition);
      return ((pattern) => (event: BridgeEvent) => pattern.test(eventText(event)))(containsPattern(String(condition.wanted)));
  }
}

function clausesOf(condition: Condition | undefined): Condition[] {
  if (condition === undefined) return [];
  return condition.kind === 'and' ? condition.of : [condition];
}

/** What of a filter stands in boxes, and the parts of its condition that do not. Throws a RuleError. */
export function boxesOf(text: string): { boxes: Boxes; rest: string[] } {
  const boxes: Boxes = { type: '', agent: '', item: '', text: '' };
  if (text.trim() === '') return { boxes, rest: [] };
  const rule = parseRule(text);
  if (rule.what !== 'events' || rule.for_s !== undefined) throw new RuleError(text, 0, 'a type of events', rule.what);
  if (rule.types !== '*') boxes.type = rule.types;
  const rest: string[] = [];
  let source = '';
  for (const clause of clausesOf(rule.condition)) {
    const { field, wanted } = textClause(clause);
    if (field === 'item' && boxes.item === '') boxes.item = wanted;
    else if (field === '*' && boxes.text === '') boxes.text = wanted;
    else if ((field === 'agent' || (field === 'agent_id' && source !== '')) && boxes.agent === '') {
      boxes.agent = field === 'agent' ? wanted : `${source}/${wanted}`;
    } else if (field === 'source' && source === '' && boxes.agent === '') source = wanted;
    else rest.push(text.slice(clause.begin, clause.end));
  }
  if (source !== '' && boxes.agent === '') rest.push(`source ~ ${quoted(source)}`);
  // `a or b` was the whole condition: beside others it needs its parentheses.
  return { boxes, rest: rest.map((part) => (rule.condition?.kind === 'or' && part[0] !== '(' ? `(${part})` : part)) };
}

// `item ~ "x"`, and `(source ~ "x" or agent_id ~ "x")` as a clause on `agent`.
function textClause(clause: Condition): { field: string; wanted: string } {
  const none = { field: '', wanted: '' };
  if (clause.kind === 'or') {
    const [a, b] = clause.of.map(textClause);
    const either = clause.of.length === 2 && a!.field === 'source' && b!.field === 'agent_id' && a!.wanted === b!.wanted;
    return either ? { field: 'agent', wanted: a!.wanted } : none;
  }
  if (clause.kind !== 'compare' || clause.aggregate !== undefined || clause.operator !== '~') return none;
  return { field: clause.field, wanted: String((clause as Comparison).wanted) };
}

/** The filter that boxes make, with what else it asked for. */
export function filterOf({ type, agent, item, text }: Boxes, rest: readonly string[] = []): string {
  const clauses: string[] = [];
  const slash = agent.indexOf('/');
  if (slash > 0 && slash < agent.length - 1) {
    clauses.push(`source ~ ${quoted(agent.slice(0, slash))}`, `agent_id ~ ${quoted(agent.slice(slash + 1))}`);
  } else if (agent !== '') {
    clauses.push(`(source ~ ${quoted(agent)} or agent_id ~ ${quoted(agent)})`);
  }
  if (item !== '') clauses.push(`item ~ ${quoted(item)}`);
  clauses.push(...rest);
  if (text !== '') clauses.push(`* ~ ${quoted(text)}`);
  if (clauses.length === 0) return type;
  return `${type || '*'} where ${clauses.join(' and ')}`;
}

/** All events of one agent. */
export function filterOfAgent(source: string, agent: string): string {
  const clauses = [...(source ? [`source = ${quoted(source)}`] : []), ...(agent ? [`agent_id = ${quoted(agent)}`] : [])];
  return clauses.length === 0 ? '' : `* where ${clauses.join(' and ')}`;
}
