// What somebody may ask the bridge for, by the name of their role (bridge/PROTOCOL.md section 10).
import type { Access } from '../feed/index.js';

const reading = ['get_*', 'list_*', 'replay', 'replay_stop'];
// Those that may do everything are not here, nor are roles of a bridge's own: it says itself what these may not do.
const commands: { [role: string]: readonly string[] } = {
  viewer: reading,
  bot: [...reading, 'place_order', 'cancel_order', 'arm_dead_mans_switch', 'disarm_dead_mans_switch'],
  trainer: [],
  metrics: [],
};
const withoutMetrics = new Set(['viewer', 'bot', 'trainer']);

/** Why they may not command it; empty: they may, or nobody has to say who they are. */
export function whyNot(access: Access | undefined, command: string): string {
  const allowed = access !== undefined && Object.hasOwn(commands, access.role) ? commands[access.role]! : ['*'];
  const may = allowed.some((one) => (one.endsWith('*') ? command.startsWith(one.slice(0, -1)) : one === command));
  return may ? '' : `${access!.name} is a ${access!.role} here, who may not do this.`;
}

/** Whether /metrics may be read. */
export function readsMetrics(access: Access | undefined): boolean {
  return access === undefined || !withoutMetrics.has(access.role);
}
