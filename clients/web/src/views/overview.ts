// A row an agent: what it has, what it earned, what it did last, how it is.
import type { Agent } from '../model/agents.js';
import { filterOfAgent } from '../model/filter.js';
import { collator } from '../model/order.js';
import { numberOf } from '../model/values.js';
import { Chart } from '../ui/chart.js';
import { ChartMenu } from '../ui/chart_menu.js';
import { fillBadge } from '../ui/badge.js';
import { card, h, setClass, setName, setQuantity, setText, setTitle } from '../ui/dom.js';
import { compact, dash, dateTime, duration, full, percent, quantity } from '../ui/format.js';
import { Redraw } from '../ui/redraw.js';
import { runLook, runSwatch, setRunSwatch } from '../ui/run_colours.js';
import { Sparkline } from '../ui/sparkline.js';
import { Table } from '../ui/table.js';
import { originText } from '../ui/origin.js';
import { Tiles } from '../ui/tiles.js';
import { FirstVisit } from './first_visit.js';
import { RunBoard } from './run_board.js';
import type { App, View } from './view.js';

const curvesMax = 8; // more at a time can hardly be told apart

// The same in every tab, whatever came first there.
const byName = (a: Agent, b: Agent) => collator.compare(`${a.source}/${a.agent}`, `${b.source}/${b.agent}`);

export class Overview implements View {
  readonly name = 'overview';
  readonly title = 'Overview';
  readonly element = h('div', { class: 'view overview' });
  private readonly tiles = new Tiles([
    'Agents live', 'Runs alive', 'Portfolio value', 'Realised profit', 'Trades', 'Win rate', 'Events/s',
  ]);
  private readonly table: Table<Agent>;
  private readonly values = new Chart({ label: 'Portfolio value of each agent', height: 260, x: 'time', y: 'gold' });
  private readonly valuesCard: HTMLElement;
  private readonly valuesMenu: ChartMenu;
  private readonly legend = h('p', { class: 'key' });
  private readonly redraw = new Redraw();
  private readonly sparks = new WeakMap<HTMLElement, Sparkline>();
  private readonly note = h('p', { class: 'note' });
  private from = ''; // since when, and from where, numbers are
  private readonly board: RunBoard;
  private readonly firstVisit: FirstVisit;
  private readonly first: HTMLElement;
  private readonly another: HTMLDetailsElement;
  private readonly rest: HTMLElement;

  constructor(private readonly app: App) {
    this.table = new Table<Agent>({
      label: 'Agents',
      empty: 'No agents yet.',
      id: ({ source, agent }) => `${source}\n${agent}`,
      sortedBy: { column: 0, descending: false },
      onRow: (agent) => this.showOnTape(agent),
      columns: [
        { name: 'Agent', kind: 'name', sort: ({ source, agent }) => `${source}/${agent}`,
          fill: (cell, row) => this.fillName(cell, row) },
        { name: 'State', sort: (row) => app.store.agents.state(row),
          fill: (cell, row) => fillBadge(cell, app.store.agents.state(row)) },
        { name: 'Value', kind: 'num', sort: ({ value }) => numberOf(value),
          fill: (cell, { value }) => setQuantity(cell, value, this.from) },
        { name: 'Trend', kind: 'trend wide', fill: (cell, row) => this.fillTrend(cell, row) },
        { name: 'Profit', kind: 'num', sort: ({ profit }) => profit, fill: (cell, row) => this.fillProfit(cell, row) },
        { name: 'Trades', kind: 'num', sort: ({ trades }) => trades,
          fill: (cell, { trades }) => setQuantity(cell, trades, this.from) },
        { name: 'Win rate', kind: 'num wide', sort: ({ closed, wins }) => (closed ? wins / closed : undefined), fill: (cell, { closed, wins }) => {
          setText(cell, percent(closed ? wins / closed : undefined));
          setTitle(cell, `${full(wins)} of ${full(closed)} sales. ${this.from}`);
        } },
        { name: 'Last decision', kind: 'wide text', fill: fillDecision },
        { name: 'Heard', title: 'How long ago', kind: 'num wide', sort: ({ lastEvent_s }) => lastEvent_s, fill: (cell, { lastEvent_s }) => {
          setText(cell, ago(lastEvent_s, app.now_s()));
          setTitle(cell, lastEvent_s === 0 ? undefined : dateTime(lastEvent_s));
        } },
      ],
    });
    this.table.onSort = () => app.repaint();
    this.valuesMenu = new ChartMenu({ name: () => 'Portfolio value', chart: () => this.values });
    this.valuesCard = card('Portfolio value', this.values.element, this.legend);
    this.valuesCard.firstElementChild!.append(this.valuesMenu.element);
    this.board = new RunBoard(app.runs, (change) => app.address({ find: '', run: '', ...change }));
    this.firstVisit = new FirstVisit(() => app.status.status);
    this.first = h('section', { class: 'card', hidden: true }, h('h2', {}, 'Nothing was published yet'),
      h('p', {}, 'Attach a program that trains. The page goes live with its first event; nothing is to be reloaded.'));
    this.another = h('details', { class: 'card' }, h('summary', {}, 'Attach another program'));
    this.rest = h('div', { class: 'view', hidden: true }, this.tiles.element, this.board.element,
      h('div', { class: 'pair' }, h('section', { class: 'card' }, h('h2', {}, 'Agents'), this.table.element), this.valuesCard),
      this.note, this.another);
    this.element.append(this.first, this.rest);
  }

  update(): void {
    const { agents } = this.app.store;
    const all = [...agents.all.values()];
    const { runs } = this.app;
    const none = all.length === 0 && runs.total === 0;
    this.first.hidden = !none || !runs.loaded;
    this.rest.hidden = none;
    const place = none ? this.first : this.another;
    if (this.firstVisit.element.parentElement !== place) place.append(this.firstVisit.element);
    if (none || this.another.open) this.firstVisit.update();
    if (none) return;
    const { from, to } = this.app.state;
    const silent = this.app.status.sources.filter(({ state }) => state === 'stalled' && to === undefined);
    this.board.update(new Set(silent.map(({ source }) => source)), from, to, this.app.now_s());
    this.from = originText(this.app.store.tallies.origin);
    const since = this.app.store.tallies.before === undefined ? 'from its beginning' : 'in the stretch of time above';
    const leftOut = agents.runsLeftOut > 0 ? ` Agents of ${full(agents.runsLeftOut)} older runs are left out.` : '';
    setText(this.note, `Profit, trades and win rate are those of the newest run of each agent, ${since}.${leftOut}`);
    const { alive, stalled } = this.board;
    this.tiles.set('Runs alive', !runs.loaded ? dash : stalled > 0 ? `${alive}, ${stalled} stalled` : full(alive), `${full(runs.complete ? this.board.total : runs.total)} runs in all. ${runs.since_s === undefined ? '' : `Since ${dateTime(runs.since_s)}.`}`);
    const live = all.filter((agent) => agents.state(agent) === 'live').length;
    const value = all.reduce((sum, agent) => sum + (numberOf(agent.value) ?? 0), 0);
    const profit = all.reduce((sum, agent) => sum + (agent.profit ?? NaN), 0);
    const trades = all.reduce((sum, agent) => sum + agent.trades, 0);
    const closed = all.reduce((sum, agent) => sum + agent.closed, 0);
    const wins = all.reduce((sum, agent) => sum + agent.wins, 0);
    this.tiles.set('Agents live', `${live} of ${all.length}`, 'Now; the others are paused, stalled or gone');
    this.tiles.set('Portfolio value', compact(value), `${full(value)}. The last one of each agent. ${this.from}`);
    this.tiles.set('Realised profit', compact(profit), `${full(profit)}. ${this.from}`);
    this.tiles.set('Trades', compact(trades), `${full(trades)}. ${this.from}`);
    this.tiles.set('Win rate', percent(closed ? wins / closed : undefined), `${full(wins)} of ${full(closed)} sales. ${this.from}`);
    const { rates } = this.app.status;
    const rate = to === undefined ? rates.columns[0]![rates.length - 1] : undefined; // it is of now alone
    this.tiles.set('Events/s', rate === null || rate === undefined ? dash : compact(Math.round(rate)), to === undefined ? 'Accepted from all sources, over the last second' : 'Of now alone, not of then');
    this.table.update(all);
    const { runs: chosen } = this.app.state;
    this.updateValues([...all].sort(byName).filter(({ values, run_id }) => values.length > 1 && (chosen.length === 0 || chosen.includes(run_id))).slice(0, curvesMax));
  }

  private updateValues(agents: Agent[]): void {
    this.valuesCard.hidden = agents.length === 0;
    if (!this.valuesMenu.open) this.values.resizeTo(Math.round(Math.max(260, 0.28 * innerHeight)));
    const names = agents.map(({ run_id }) => `${run_id} ${runLook(run_id).colour}`).join();
    if (!this.redraw.due(names, agents.map(({ values }) => values.version).join())) return;
    const lines = agents.map(({ source, agent, run_id }) => ({ ...runLook(run_id), label: `${source}/${agent}`, id: run_id }));
    while (this.legend.childElementCount > lines.length) this.legend.lastElementChild!.remove();
    lines.forEach(({ label, id }, i) => {
      const entry = this.legend.children[i] ?? this.legend.appendChild(h('span', {}, runSwatch(), h('span')));
      setRunSwatch(entry.firstElementChild as SVGSVGElement, id);
      setName(entry.lastElementChild as HTMLElement, ` ${label}`);
    });
    this.values.update({
      lines, marks: [],
      curves: agents.map(({ values }) => ({ x: values.x, y: values.columns[0]! })),
    });
  }

  private fillName(cell: HTMLTableCellElement, { source, agent }: Agent): void {
    if (cell.firstChild === null) cell.append(h('strong'), h('small'));
    setName(cell.children[0] as HTMLElement, agent);
    setName(cell.children[1] as HTMLElement, source || 'no source');
  }

  private fillProfit(cell: HTMLTableCellElement, { profit }: Agent): void {
    setQuantity(cell, profit ?? NaN, this.from);
    setClass(cell, profit === undefined ? 'num' : profit > 0 ? 'num gain' : profit < 0 ? 'num loss' : 'num');
  }

  private fillTrend(cell: HTMLTableCellElement, { source, agent, run_id, values }: Agent): void {
    let spark = this.sparks.get(cell);
    if (spark === undefined) {
      spark = new Sparkline(120, 26);
      this.sparks.set(cell, spark);
      cell.append(spark.element);
    }
    spark.draw(values.columns[0]!, `${source}/${agent}`, values.version, runLook(run_id).colour);
  }

  private showOnTape({ source, agent }: Agent): void {
    this.app.go({ view: 'tape', filter: filterOfAgent(source, agent) });
  }
}

function fillDecision(cell: HTMLTableCellElement, { decision }: Agent): void {
  if (decision === undefined) {
    setText(cell, dash);
    setTitle(cell, undefined);
    return;
  }
  const { action_type: action, item, price, quantity: count, reasoning } = decision.data;
  const what = [String(action ?? '?')];
  if (item) what.push(`${quantity(count).text} × ${String(item)} at ${quantity(price).text}`);
  setText(cell, what.join(' '));
  setTitle(cell, typeof reasoning === 'string' ? reasoning : undefined);
}

function ago(seconds: number, now_s: number): string {
  return seconds === 0 ? dash : duration(Math.max(0, now_s - seconds));
}
