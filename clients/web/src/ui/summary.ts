// One line that says what happened.
import { jsonText, type BridgeEvent, type Json, type JsonObject } from '../feed/index.js';
import { digits, outside, percent, quantity } from './format.js';
import { numberOf } from '../model/values.js';

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

const summaries: Record<string, (data: JsonObject) => string> = {
  trade_executed: (d) =>
    `${text(d.action_type)} ${short(d.quantity)} × ${text(d.item)} at ${short(d.price)}, profit ${signed(d.profit)}`,
  price_update: (d) =>
    `${text(d.item)} ${short(d.price)} (${signed(d.change)}, ${percent(numberOf(d.change_percent), 2)})`,
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
  command_executed: (d) => `${text(d.command)} → ${text(d.trainer ?? d.target)}: ${text(d.outcome)}`,
};

export function eventSummary({ type, data }: BridgeEvent): string {
  const known = Object.hasOwn(summaries, type) ? summaries[type] : undefined;
  const line = known?.(data) ?? outside(jsonText(data).slice(0, lengthMax + 1));
  return line.length > lengthMax ? `${line.slice(0, lengthMax)}…` : line;
}

function text(value: Json | undefined): string {
  if (value === undefined || value === null) return '–';
  return outside(typeof value === 'object' ? jsonText(value) : String(value).slice(0, lengthMax));
}
