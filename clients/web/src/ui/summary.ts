// One line that says what happened.
import { jsonText, type BridgeEvent, type Json, type JsonObject } from '../feed/index.js';
import { digits, full, outside, percent, quantity } from './format.js';
import { whoDid } from '../model/commands.js';
import { numberOf, objectOf, textOf } from '../model/values.js';

const lengthMax = 300;

const short = (value: Json | undefined) => (typeof value === 'object' ? text(value) : outside(quantity(value).text));
const signed = (value: Json | undefined) => {
  const number = numberOf(value);
  return number === undefined || number <= 0 ? short(value) : `+${short(value)}`;
};
const loss = (value: Json | undefined) => {
  const number = numberOf(value);
  return number === undefined ? 'NaN' : digits(number);
};

const atStep = ({ step }: JsonObject) => (numberOf(step) === undefined ? '' : ` at step ${outside(full(numberOf(step)!))}`);

const summaries: Record<string, (data: JsonObject) => string> = {
  trade_executed: (d) =>
    `${text(d.action_type)} ${short(d.quantity)} × ${text(d.item)} at ${short(d.price)}, profit ${signed(d.profit)}`,
  price_update: (d) =>
    `${text(d.item)} ${short(d.price)}${d.change === undefined ? '' : ` (${signed(d.change)}, ${percent(numberOf(d.change_percent), 2)})`}`,
  margin_update: (d) =>
    `${text(d.item)} buy ${short(d.buy_price)} sell ${short(d.sell_price)}, margin ${short(d.margin)} (${percent(numberOf(d.margin_percent), 2)})`,
  agent_decision: (d) => [
    text(d.action_type),
    d.item ? `${short(d.quantity)} × ${text(d.item)} at ${short(d.price)}` : '',
    d.reasoning ? `– ${text(d.reasoning)}` : ''].filter(Boolean).join(' '),
  portfolio_update: (d) => `total ${short(d.total_value)}, gp ${short(d.gp)}, items ${short(d.inventory_value)}`,
  system_status: (d) => `${text(d.status)}: ${text(d.message)}`,
  error: (d) => `${text(d.error_type)}: ${text(d.message)}`,
  training_update: (d) =>
    `update ${short(d.update)} at step ${short(d.steps)}: policy ${loss(d.policy_loss)}, value ${loss(d.value_loss)}, KL ${loss(d.approx_kl)}`,
  episode_end: (d) => `episode ${short(d.episode)}: reward ${loss(d.reward)}, profit ${signed(d.profit)}`,
  scalar: (d) => `${text(d.tag)} = ${loss(d.value)}${atStep(d)}`,
  span: (d) => `${text(d.name)} took ${loss(d.duration_ms)} ms${atStep(d)}`,
  text: (d) => `${text(d.tag)}: ${text(d.text)}${atStep(d)}`,
  histogram: (d) => `${text(d.tag)}: ${loss(d.min)} to ${loss(d.max)}, half of ${short(d.count)} up to ${loss(d.p50)}${atStep(d)}`,
  run_ended: (d) => `${text(d.state)}${textOf(d.error) === undefined ? '' : `: ${text(d.error)}`}`,
  alert_raised: (d) => `${alertTitle(d)}: ${raisedText(d)}`,
  alert_cleared: (d) => `${alertTitle(d)}: ${outside(whoText(d))} ${outside(reasonText(d))}`,
  alert_action: (d) => `${alertTitle(d)}: ${text(d.action)} ${text(d.outcome)}${textOf(d.message) ? `: ${text(d.message)}` : ''}`,
  command_executed: (d) => `${text(d.command)} → ${text(d.trainer ?? d.target)}: ${text(d.outcome)}`,
};

export function eventSummary({ type, data }: BridgeEvent): string {
  const known = Object.hasOwn(summaries, type) ? summaries[type] : undefined;
  const line = known?.(data) ?? outside(jsonText(data).slice(0, lengthMax + 1));
  return line.length > lengthMax ? `${line.slice(0, lengthMax)}…` : line;
}

const alertTitle = (data: JsonObject) => text(textOf(data.name) ?? data.rule ?? data.alert_id);

/** Whom an alert is about, in short; nothing where it is about nobody. */
export function whoText({ source, agent_id }: JsonObject): string {
  return [textOf(source), textOf(agent_id)].filter(Boolean).join('/');
}

/** What raised it: a number, a text, NaN; nothing where the rule asks for none. */
export function valueText(value: Json | undefined, rule: Json | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return Math.abs(value) < 1000 ? digits(value) : full(value);
  return value === null && /\bnan\b/i.test(String(rule)) ? 'NaN' : String(value);
}

/** Why it is over: "acknowledged by alice". */
export function reasonText({ reason, by }: JsonObject): string {
  const who = whoDid(objectOf(by));
  return `${textOf(reason) ?? ''}${who === '' ? '' : ` by ${who}`}`;
}

/** Who raised it, and with what: "trainer-1/agent_0: NaN". */
export function raisedText(data: JsonObject): string {
  return [outside(whoText(data)), outside(valueText(data.value, data.rule))].filter(Boolean).join(': ');
}

function text(value: Json | undefined): string {
  if (value === undefined || value === null) return '–';
  return outside(typeof value === 'object' ? jsonText(value) : String(value).slice(0, lengthMax));
}
