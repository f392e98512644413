// Whom one may command, what each takes, and what may be set: from what sources announce of themselves.
import type { Json } from '../feed/index.js';
import type { SourceInfo } from './bridge_status.js';
import { readNumberText } from './number_text.js';
import { listOf, numberOf, objectOf, textOf } from './values.js';

export interface Parameter {
  name: string;
  value: Json | undefined;
  kind: 'number' | 'integer' | 'boolean' | 'text' | 'choice';
  min: number | undefined;
  max: number | undefined;
  unit: string;
  choices: Json[];
  /** Empty: of all agents. */
  agent: string;
}

export interface Target {
  /** As the bridge takes it: SOURCE, SOURCE/AGENT, and SOURCE@RUN where two live processes have one name. */
  name: string;
  source: string; // or SOURCE@RUN
  /** Without its run, as events name it. */
  plain: string;
  agent: string;
  state: string;
  /** Why it cannot be commanded; empty: it can. */
  dead: string;
  commands: readonly string[];
  parameters: readonly Parameter[];
}

const kinds = ['number', 'integer', 'boolean', 'text', 'choice'] as const;

export function parameterOf(entry: Json): Parameter | undefined {
  const o = objectOf(entry);
  const name = textOf(o.name);
  if (name === undefined) return undefined;
  const choices = listOf(o.choices);
  const told = kinds.find((kind) => kind === o.kind);
  const guessed = typeof o.value === 'boolean' ? 'boolean' : typeof o.value === 'string' ? 'text' : 'number';
  return {
    name, value: o.value, kind: told === 'choice' && choices.length === 0 ? guessed : told ?? guessed,
    min: numberOf(o.min), max: numberOf(o.max), unit: textOf(o.unit) ?? '', choices, agent: textOf(o.agent_id) ?? '',
  };
}

export function targetsOf(sources: readonly SourceInfo[],
                          agentState: (source: string, agent: string) => string | undefined): Target[] {
  const byName = new Intl.Collator(undefined, { numeric: true }).compare;
  return sources.filter(({ commands }) => commands.length > 0).flatMap((info) => {
    const { source: plain, targets, agents, state, activity, commands, parameters } = info;
    const dead = state === 'gone' ? 'it is gone' : '';
    return targets.flatMap((source) => (agents.length === 0 ? [''] : agents).map((agent): Target => ({
      name: agent === '' ? source : `${source}/${agent}`, source, plain, agent, dead, commands,
      parameters: parameters.filter((parameter) => parameter.agent === '' || parameter.agent === agent),
      state: state === 'gone' ? 'gone' : agentState(plain, agent) ?? (state === 'live' && activity === 'paused' ? 'paused' : state),
    })));
  }).sort((a, b) => Number(a.dead !== '') - Number(b.dead !== '') || byName(a.name, b.name));
}

/** To whom a command goes: a trainer all of whose agents are chosen is asked once. */
export function addressesOf(chosen: readonly Target[], all: readonly Target[], wholeProcess: boolean): string[] {
  return [...new Set(chosen.map(({ source }) => source))].flatMap((source) => {
    const mine = chosen.filter((target) => target.source === source);
    const whole = wholeProcess || mine.length === all.filter((target) => target.source === source).length;
    return whole ? [source] : mine.map(({ name }) => name);
  });
}

export function rangeText({ kind, min, max, choices, unit }: Parameter): string {
  const of = unit === '' ? '' : ` ${unit}`;
  const what = kind === 'integer' ? 'a whole number' : kind === 'number' ? 'a number' : '';
  if (kind === 'boolean') return 'true or false';
  if (kind === 'choice') return `one of ${choices.map(String).join(', ')}`;
  if (kind === 'text') return 'a text';
  if (min === undefined && max === undefined) return `${what}${of}`;
  const range = min === undefined ? `up to ${max}` : max === undefined ? `from ${min}` : `${min} to ${max}`;
  return `${what}, ${range}${of}`;
}

export type ReadValue = { value: Json; problem?: undefined } | { value?: undefined; problem: string };

/** What was typed, as the parameter wants it; or why it is refused. */
export function readValue(parameter: Parameter, text: string, decimal?: '.' | ','): ReadValue {
  const { kind, min, max, choices } = parameter;
  if (kind === 'text') return { value: text };
  if (kind === 'boolean') {
    return text === 'true' || text === 'false' ? { value: text === 'true' } : { problem: 'it must be true or false' };
  }
  if (kind === 'choice') {
    const found = choices.find((choice) => String(choice) === text);
    return found === undefined ? { problem: `it must be ${rangeText(parameter)}` } : { value: found };
  }
  const { value, problem } = readNumberText(text, decimal);
  if (value === undefined) return { problem: problem ?? 'this is no number' };
  if (kind === 'integer' && typeof value === 'number' && !Number.isInteger(value)) {
    return { problem: `${text.trim()} is no whole number` };
  }
  if ((min !== undefined && value < min) || (max !== undefined && value > max)) {
    return { problem: `${value} is out of range; it must be ${rangeText(parameter)}` };
  }
  return { value };
}
