// Of the system's view: the bridges that share a log, as the one that this page is with knows them.
import type { JsonObject } from '../feed/index.js';
import { listOf, numberOf, objectOf, textOf } from '../model/values.js';
import { fillBadge } from '../ui/badge.js';
import { card, h, setName, setQuantity, setText, setTitle } from '../ui/dom.js';
import { dash, duration, full } from '../ui/format.js';
import { Table, textColumn } from '../ui/table.js';

interface ClusterNode {
  name: string;
  here: boolean;
  state: string;
  seq: number | undefined;
  lag: number | undefined;
  heard_ms: number | undefined;
  agrees: boolean | undefined;
  sources: number | undefined;
}

/** Hidden where the bridge is none of several. */
export class ClusterCard {
  private readonly line = h('p', { class: 'key' });
  private readonly trouble = h('p', { class: 'note', role: 'status', hidden: true });
  private readonly nodes = new Table<ClusterNode>({
    label: 'Nodes', empty: 'No node was heard of.', id: ({ name }) => name,
    columns: [
      { name: 'Node', kind: 'name', fill: (cell, { name, here }) => {
        setName(cell, here ? `${name} (this page)` : name, 40);
        setTitle(cell, here ? 'The bridge that this page is with' : name);
      } },
      { name: 'State', title: 'Live; stalled: not heard of for 3.5 s; gone: for 10 s', fill: (cell, { state, agrees }) =>
        fillBadge(cell, agrees === false ? 'conflict' : state) },
      textColumn('At event', ({ seq }) => (seq === undefined ? dash : full(seq)), { kind: 'num' }),
      { name: 'Lag', title: 'Events behind the newest, when it was heard of last', kind: 'num', fill: (cell, { lag }) => setQuantity(cell, lag ?? 0) },
      textColumn('Heard', ({ here, heard_ms }) => (here || heard_ms === undefined ? dash : spanText(heard_ms)), { kind: 'num wide' }),
      { name: 'Sources', title: 'Connected there', kind: 'num', fill: (cell, { sources }) => setQuantity(cell, sources ?? 0) },
    ],
  });
  readonly element = card('Cluster', this.line, this.trouble, this.nodes.element);

  update(cluster: JsonObject): void {
    this.element.hidden = textOf(cluster.name) === undefined;
    if (this.element.hidden) return;
    const stalls = objectOf(cluster.stalls);
    const now_ms = numberOf(stalls.now_ms);
    const count = numberOf(stalls.count) ?? 0;
    setText(this.line, `Leader ${textOf(cluster.leader) ?? 'not known'}; ` + (count === 0 ? 'no stall'
      : `${full(count)} ${count === 1 ? 'stall' : 'stalls'}, the longest ${spanText(numberOf(stalls.longest_ms) ?? 0)}`));
    setTitle(this.line, 'The NATS server that leads the shared log, and times at which that stood still for more than a second');
    const troubles = [
      textOf(cluster.problem), now_ms === undefined ? undefined : `The shared log has stood still for ${spanText(now_ms)}.`,
      ...listOf(cluster.warnings).map(textOf),
    ].filter((text) => text !== undefined);
    this.trouble.hidden = troubles.length === 0;
    setText(this.trouble, troubles.join(' '));
    this.nodes.update(listOf(cluster.nodes).map((entry) => {
      const node = objectOf(entry);
      return {
        name: textOf(node.node) ?? '', here: node.here === true, state: textOf(node.state) ?? '',
        seq: numberOf(node.seq), lag: numberOf(node.lag), heard_ms: numberOf(node.heard_ms),
        agrees: typeof node.agrees === 'boolean' ? node.agrees : undefined, sources: numberOf(node.sources),
      };
    }));
  }
}

function spanText(ms: number): string {
  return ms < 10_000 ? `${Number((ms / 1000).toFixed(1))} s` : duration(ms / 1000);
}
