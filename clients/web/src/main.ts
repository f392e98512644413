// The dashboard, put together.
import './style.css';
import './views.css';
import { Feed, steadyNow, wallNow, type FeedState, type WallSeconds } from './feed/index.js';
import { Alerts, alertTypes } from './model/alerts.js';
import { BridgeStatus } from './model/bridge_status.js';
import { Curves } from './model/curves.js';
import { Marks } from './model/marks.js';
import { readsMetrics, whyNot } from './model/permissions.js';
import { PriceHistory } from './model/price_history.js';
import { readHistogram, readSpan, readText, RunEvents } from './model/run_events.js';
import { Runs } from './model/runs.js';
import { Store } from './model/store.js';
import { Tags } from './model/tags.js';
import { textOf } from './model/values.js';
import { Painter } from './painter.js';
import { Asker } from './past/ask.js';
import { Backfill } from './past/backfill.js';
import { Stretch } from './past/stretch.js';
import { Travel } from './past/travel.js';
import { tabName } from './storage.js';
import { formatState, parseState, resolve, usualState } from './state/ui_state.js';
import { ConnectionLine, standingOf } from './ui/connection.js';
import { h, setText } from './ui/dom.js';
import { askToken, logIn, logOut } from './ui/login.js';
import { nameText, visible } from './ui/format.js';
import { momentText } from './ui/origin.js';
import { RangeBar } from './ui/range_bar.js';
import { showTogether } from './ui/run_colours.js';
import { raisedText } from './ui/summary.js';
import { startTheme, toggleTheme } from './ui/theme.js';
import { AlertsView } from './views/alerts.js';
import { ControlView } from './views/control.js';
import { MarketView } from './views/market.js';
import { Overview } from './views/overview.js';
import { RunsView } from './views/runs.js';
import { SystemView } from './views/system.js';
import { TapeView } from './views/tape.js';
import { TrainingView } from './views/training.js';
import type { App, View } from './views/view.js';

const refreshEvery_ms = 1000;
// So long out of sight a page costs nothing any more; what it shows is asked for when somebody looks.
const restAfter_ms = 15_000;
const clientsEvery = 2; // refreshes

startTheme();

const store = new Store(() => Date.now());
const status = new BridgeStatus();

const clientId = `dashboard-${tabName()}`;
const socketOf = (page: string) => new URL('ws', page).href.replace(/^http/, 'ws');
const feed = new Feed({
  url: socketOf(location.href),
  clientId,
  clientType: 'dashboard',
  subscription: { subscriptions: [] }, // until the page knows what was before
  onEvents: (events) => {
    store.came(events, feed.backlogTo);
    backfill.apply(events);
    runs.apply(events);
    for (const model of asked) model.apply(events);
    painter.later();
  },
  onGap: (gap) => {
    store.applyGap(gap);
    backfill.onGap(gap);
    painter.later();
  },
  onReplay: (message) => travel.onReplay(message),
  onState: (state) => onState(state),
  onHeard(heard) {
    silentSince_s = heard ? undefined : wallNow() - feed.silence_ms / 1000;
    showStanding();
  },
});
let silentSince_s: WallSeconds | undefined;

const { ask } = new Asker((command, options) => feed.command(command, options));
const backfill = new Backfill(feed, ask);
backfill.add(...store.parts);

let addressed = usualState(''); // as the address has it
let state = addressed; // as views read it
const asking = {
  ask,
  now_ms: () => performance.now(),
  after: (delay_ms: number, run: () => void) => void setTimeout(run, delay_ms),
  changed: () => painter.later(),
};
const runs = new Runs({
  ...asking, chosen: () => state.runs, between: () => state, visible: () => !document.hidden,
});
const alerts = new Alerts({ ...asking, between: () => state, visible: () => !document.hidden });
const tags = new Tags(asking);
const curves = new Curves({ ...asking, started: (runId) => runs.find(runId)?.started });
const marks = new Marks(asking);
const runMarks = new Marks(asking);
const prices = new PriceHistory(asking);
const spans = new RunEvents('span', readSpan, 2000, asking);
const histograms = new RunEvents('histogram', readHistogram, 2000, asking);
const texts = new RunEvents('text', readText, 100, asking);
const asked = [alerts, tags, curves, marks, runMarks, prices, spans, histograms, texts];
backfill.onRefill(() => {
  void stretch.askAgain();
  runs.reload();
  for (const model of asked) model.refill();
});

const travel = new Travel({
  ask, command: (command, options) => feed.command(command, options), now_ms: steadyNow,
  newStore: () => new Store(() => Date.now()),
  changed() {
    resolveState();
    painter.later();
  },
});
const stretch = new Stretch(ask, () => {
  resolveState();
  painter.later();
});
const range = new RangeBar({
  travel, state: () => addressed, go: (change, how) => app.go(change, how), now_s: wallNow,
  first_s: () => store.tallies.first_s, problem: () => [travel.problem, stretch.problem].filter(Boolean).join('; '),
});

const app: App = {
  get store() {
    return travel.store ?? store;
  },
  runs, tags, curves, marks, runMarks, prices, spans, histograms, texts, status, alerts, feed, clientId, ask,
  onRefill: (listener) => backfill.onRefill(listener),
  whyNot: (command) => whyNot(feed.state.access, command),
  get state() {
    return state;
  },
  repaint: () => painter.soon(),
  now_s: () => travel.position_s() ?? wallNow(),
  address(change) {
    const next = { ...addressed, ...change };
    if ('seq' in change) next.epoch = change.seq === undefined ? '' : feed.epoch;
    if ((change.from !== undefined || change.to !== undefined) && change.last === undefined) next.last = undefined;
    return formatState(next);
  },
  go(change, how = 'push') {
    const address = app.address(change);
    if (address === location.hash) return painter.soon();
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
    openFromAddress();
  },
};

const views: View[] = [
  new Overview(app), new RunsView(app), new TrainingView(app), new MarketView(app), new TapeView(app),
  new ControlView(app), new SystemView(app), new AlertsView(app),
];
let current = views[0]!;

const connection = new ConnectionLine(() => feed.retryNow());
const links = views.map((view, i) =>
  h('a', { href: `#/${view.name}`, title: `Key ${i + 1}` }, h('span', {}, view.title)));
const alertCount = h('span', { class: 'count', hidden: true, title: 'Raised and not acknowledged' });
links[views.findIndex(({ name }) => name === 'alerts')]!.append(alertCount);
const content = h('main', { id: 'main', tabindex: '-1' });
const who = h('span', { class: 'muted who', title: 'Who you are here, and your role' });
const leave = h('button', { class: 'plain', hidden: true, title: 'This browser is to be asked for a token again',
                            onclick: () => void logOut().catch((error: unknown) => showToast('Not logged out', String(error))) }, 'Log out');
const help = h('dialog', { 'aria-label': 'Keys' }, h('form', { method: 'dialog' }, h('h2', {}, 'Keys'),
  h('dl', { class: 'keys' }, ...[
    [`1 – ${views.length}`, 'open a view'], ['t', 'light or dark'], ['/', 'search'], ['space', 'tape: hold, follow'],
    ['j k', 'tape: next, previous event'], ['↑ ↓', 'tables: to the next row; space chooses it, Enter opens it'], ['← → + − 0', 'charts: crosshair (with shift: pan), closer, further, all'], ['Esc', 'close what is open'], ['?', 'this list'],
  ].map(([key, what]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)))),
  h('button', {}, 'Close')));

document.getElementById('app')!.replaceChildren(
  h('a', { class: 'skip', href: '#main', onclick: (event: Event) => {
    event.preventDefault();
    content.focus();
  } }, 'Skip to the content'),
  h('header', {}, h('strong', { class: 'brand' }, 'PPO Bridge'),
    h('nav', { 'aria-label': 'Views' }, ...links),
    h('div', { class: 'right' }, who, leave, connection.badge,
      h('button', { class: 'plain', title: 'Light or dark (t)', 'aria-label': 'Light or dark',
                    onclick: () => toggleTheme() }, '◐'),
      h('button', { class: 'plain', title: 'Keys (?)', 'aria-label': 'Keys', onclick: () => help.showModal() }, '?'))),
  connection.line, range.element, content, h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' }), help);
const toasts = document.querySelector('.toasts')!;

let together: readonly string[] = [];
const painter = new Painter(() => {
  const chosen = runs.chosen();
  if (chosen !== together) {
    together = chosen;
    showTogether(chosen, (id) => runs.label(id, chosen));
  }
  const { waiting } = alerts;
  alertCount.hidden = waiting === 0;
  setText(alertCount, waiting > 999 ? '999+' : String(waiting));
  range.update();
  current.update();
});
backfill.onChange = () => {
  showStanding();
  painter.soon();
};

let wasLive = false;
let retryAt_s: WallSeconds = 0;

function shownMoment(): string {
  const at = travel.position_s();
  if (travel.store === undefined || at === undefined) return '';
  return `${travel.playing ? 'replay of' : 'as of'} ${momentText(at)}`;
}

function showStanding(): void {
  const standing = standingOf({
    feed: feed.state, wasLive, retryAt_s, silentSince_s, filled: backfill.filled, problem: backfill.problem,
    behind_s: store.behind_s(), paused: current.name === 'tape' && store.tape.paused, past: shownMoment(), now_s: wallNow(),
  });
  connection.show(standing, current.title, feed.state.status === 'waiting');
}

let asksToken = false;
let hasLoggedIn = false; // and has not been live since
async function wantToken(why: string): Promise<void> {
  if (asksToken) return;
  asksToken = true;
  let wrong = hasLoggedIn ? 'your browser keeps no cookie of it' : wasLive ? why : undefined;
  hasLoggedIn = false;
  for (let token = await askToken(wrong); token !== undefined && !hasLoggedIn;) {
    wrong = await logIn(token);
    hasLoggedIn = wrong === undefined;
    if (!hasLoggedIn) token = await askToken(wrong);
  }
  asksToken = false;
  if (hasLoggedIn) feed.useToken(undefined);
}

function onState(state: FeedState): void {
  if (state.wantsToken) void wantToken(state.reason ?? '');
  if (state.status === 'live') {
    wasLive = true;
    store.newEpoch(feed.epoch);
    const { access } = feed.state;
    setText(who, access === undefined ? '' : `${nameText(access.name, 24)} · ${nameText(access.role, 24)}`);
    leave.hidden = access === undefined;
    hasLoggedIn = false;
    alerts.onLive(feed.epoch, feed.backlogTo);
    if (travel.store === undefined) void travel.show(momentAsked_s); // a link to it was opened
    void refresh();
  } else {
    silentSince_s = undefined;
    travel.onLost();
    if (state.status === 'waiting') retryAt_s = wallNow() + (state.retryIn_ms ?? 0) / 1000;
  }
  backfill.onState(state);
  showStanding();
  painter.soon();
}

let refreshes = 0;
let refreshing = false;
async function refresh(): Promise<void> {
  if (feed.state.status !== 'live' || refreshing || document.hidden) return;
  refreshing = true;
  const withClients = current.name === 'system' && refreshes++ % clientsEvery === 0;
  try {
    await status.refresh((command) => feed.command(command), withClients);
    if (withClients && readsMetrics(feed.state.access)) {
      const metrics = await fetch('metrics');
      if (metrics.ok) status.takeMetrics(await metrics.text());
    }
    store.agents.applySources(status.sources);
    for (const page of status.pages) feed.alsoAt(socketOf(page));
    painter.later();
  } catch {
    // The connection went, or the bridge is busy: the next one will do.
  } finally {
    refreshing = false;
  }
}
setInterval(() => {
  resolveState();
  showStanding();
  void refresh();
  if (feed.state.status === 'live') {
    runs.tick();
    void alerts.tick();
  }
  painter.later(); // ages grow
}, refreshEvery_ms);

let restTimer = 0;
function lookedAt(): void {
  clearTimeout(restTimer);
  if (document.hidden) {
    restTimer = window.setTimeout(() => backfill.rest(alertTypes), restAfter_ms);
    return;
  }
  backfill.wake();
  feed.retryNow(); // a hidden page's timers are slow
  void refresh();
  painter.soon();
}
document.addEventListener('visibilitychange', lookedAt);

let momentAsked_s: WallSeconds | undefined;

function resolveState(): void {
  state = resolve(addressed, wallNow(), travel.playing, state);
  if (feed.state.status === 'live') void stretch.show(state.from);
  store.tallies.before = stretch.before;
  if (travel.store !== undefined) travel.store.tallies.before = stretch.before;
}

function openFromAddress(): void {
  addressed = parseState(location.hash, views.map(({ name }) => name));
  resolveState();
  const moment_s = addressed.at ?? addressed.to;
  if (moment_s !== momentAsked_s) {
    momentAsked_s = moment_s;
    void travel.show(moment_s);
  }
  const opened = views.find(({ name }) => name === state.view)!;
  if (current !== opened || !content.contains(opened.element)) {
    content.replaceChildren(h('h1', { class: 'hidden' }, opened.title), opened.element);
  }
  current = opened;
  links.forEach((link, i) => {
    link.href = app.address({ view: views[i]!.name }); // what is chosen stays
    if (views[i] !== current) return link.removeAttribute('aria-current');
    const changed = !link.hasAttribute('aria-current');
    link.setAttribute('aria-current', 'page');
    if (changed && innerWidth < 700) link.scrollIntoView({ block: 'nearest', inline: 'center' });
  });
  showStanding();
  painter.soon();
}
for (const how of ['popstate', 'hashchange'] as const) addEventListener(how, openFromAddress);

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as HTMLElement;
  if (document.querySelector('dialog[open]') !== null) return;
  if (target.closest('input, select, textarea') !== null) {
    if (event.key === 'Escape') target.blur();
    return;
  }
  if (event.key === ' ' && target.closest('button, a, summary, tr') !== null) return;
  const number = Number(event.key);
  if (views[number - 1] !== undefined) app.go({ view: views[number - 1]!.name });
  else if (event.key === 't') toggleTheme();
  else if (event.key === '?') help.showModal();
  else if (!current.onKey?.(event)) return;
  event.preventDefault();
});

// One for each alert, however often it is raised meanwhile.
const told = new Map<string, { element: HTMLElement; times: number; timer: number }>();
function showToast(title: string, text: string): void {
  const toast = told.get(title) ?? { element: h('div', { class: 'toast' }, h('strong', {}, title), h('small'), h('span')), times: 0, timer: 0 };
  const [, times, what] = toast.element.children as unknown as [HTMLElement, HTMLElement, HTMLElement];
  setText(times, ++toast.times > 1 ? `${toast.times} times, the last one:` : '');
  setText(what, text);
  clearTimeout(toast.timer);
  toast.timer = window.setTimeout(() => removeToast(title), 6000);
  told.delete(title);
  told.set(title, toast); // the newest stands last
  toasts.append(toast.element);
  if (told.size > 4) removeToast(told.keys().next().value!);
}

function removeToast(title: string): void {
  told.get(title)?.element.remove();
  told.delete(title);
}

alerts.onRaised = ({ data }) => {
  const title = textOf(data.name) ?? textOf(data.rule) ?? 'alert';
  const text = raisedText(data);
  showToast(title, text);
  if (typeof Notification !== 'undefined' && Notification.permission === 'granted') {
    new Notification(visible(title), { body: visible(text), tag: `alert ${String(data.alert_id)}` });
  }
};

openFromAddress();
feed.start();
lookedAt();
