// The panel beside the runs' table: all there is to know of one run, or what differs between the chosen ones.
import type { Json } from '../feed/index.js';
import { markText } from '../model/marks.js';
import { configDiff, configText, flatConfig, metricDiff } from '../model/run_list.js';
import type { Run } from '../model/runs.js';
import { listOf, objectOf, textOf } from '../model/values.js';
import { setBadge } from '../ui/badge.js';
import { copyText } from '../ui/clipboard.js';
import { h, named, setClass, setDenied, setName, setText, setTitle, type Child } from '../ui/dom.js';
import { dash, dateTime, digits, duration, full, quantity, when } from '../ui/format.js';
import { runSwatch, setRunSwatch } from '../ui/run_colours.js';
import { durationOf, type RunWork } from './run_work.js';
import { comparing } from './runs.js';
import type { App } from './view.js';

const comparedMax = 16;
const marksShown = 200;
const framesMax = 40;
const metricsMax = 200; // compared

export class RunDetails {
  readonly element = h('aside', { class: 'card detail', 'aria-label': 'Details of a run', hidden: true });
  private readonly swatch = runSwatch();
  private readonly heading = h('h2');
  private readonly content = h('div');
  private readonly pin: HTMLButtonElement;
  private readonly hide: HTMLButtonElement;
  private readonly remove: HTMLButtonElement;
  private readonly badge = h('span');
  private readonly ending = h('span');
  private readonly facts = h('dl', { class: 'facts' });
  private readonly inputs: { name: HTMLInputElement; tags: HTMLInputElement; note: HTMLTextAreaElement };
  private readonly error = h('section', { class: 'error-box' });
  private readonly config = h('tbody');
  private readonly values = h('tbody');
  private readonly marks = h('tbody');
  private readonly one: HTMLElement;
  private shown = '';
  private shownConfig = '';
  private shownMarks = '';

  constructor(private readonly app: App, private readonly work: RunWork) {
    const id = () => app.state.run;
    const run = () => app.runs.find(id());
    const button = (text: string, onclick: () => void, how = '') => h('button', { class: how, onclick }, text);
    this.pin = button('Pin', () => void work.set([id()], { pinned: !run()?.pinned }));
    this.hide = button('Hide', () => void work.set([id()], { hidden: !run()?.hidden }));
    this.remove = button('Delete …', () => void work.remove([id()]), 'danger');
    const save = () => void this.save();
    this.inputs = {
      name: h('input', { maxlength: '128', placeholder: 'as the program called it', onchange: save }),
      tags: h('input', { placeholder: 'separated by commas', onchange: save }),
      note: h('textarea', { rows: '2', maxlength: '2000', placeholder: 'for everybody who looks at it', onchange: save }),
    };
    this.one = h('div', { class: 'run-details' },
      h('div', { class: 'bar' }, this.badge, this.ending),
      this.error,
      h('div', { class: 'bar' }, this.pin, this.hide, button('Copy link', () => void this.copyLink()), this.remove),
      h('div', { class: 'fields' }, ...(['name', 'tags', 'note'] as const).map((name) =>
        h('label', {}, h('span', {}, { name: 'Name', tags: 'Tags', note: 'Note' }[name]), this.inputs[name]))),
      this.facts,
      table('Config', this.config), table('Last values', this.values), table('What happened', this.marks));
    const close = h('button', { class: 'plain', 'aria-label': 'Close', onclick: () => app.go({ run: '' }) }, '✕');
    this.element.append(h('div', { class: 'bar panel-head' }, this.swatch, this.heading, close), this.content);
  }

  update(): void {
    const { run: id } = this.app.state;
    this.element.hidden = id === '';
    setClass(this.element, `card detail${id === comparing ? ' broad' : ''}`);
    if (id === '') this.shown = '';
    else if (id === comparing) this.showDiff();
    else this.showRun(id);
  }

  private showRun(id: string): void {
    const { app } = this;
    setRunSwatch(this.swatch, id);
    this.swatch.style.display = '';
    setName(this.heading, app.runs.label(id), 44);
    const run = app.runs.find(id);
    if (run === undefined) {
      this.shown = '';
      this.content.replaceChildren(h('p', { class: 'empty' }, app.runs.loaded ? 'The bridge knows no such run, or it was deleted.' : 'Asking the bridge …'));
      return;
    }
    const other = this.shown !== id;
    if (other || this.content.firstChild !== this.one) this.content.replaceChildren(this.one);
    this.shown = id;
    setText(this.pin, run.pinned ? 'Unpin' : 'Pin');
    setText(this.hide, run.hidden ? 'Show again' : 'Hide');
    for (const each of [this.pin, this.hide, this.remove, ...Object.values(this.inputs)]) setDenied(each, this.work.whyNot);
    setBadge(this.badge, run.state);
    setText(this.ending, endingOf(run));
    const texts = { name: run.name, tags: run.tags.join(', '), note: run.note };
    for (const name of ['name', 'tags', 'note'] as const) {
      const input = this.inputs[name];
      if (other || (document.activeElement !== input && input.dataset.was !== texts[name])) input.value = texts[name];
      input.dataset.was = texts[name];
    }
    this.showFacts(run);
    const config = JSON.stringify([id, [...flatConfig(run.config)].map(([key, value]) => [key, configText(value)]), run.metrics], (_, value: unknown) =>
      (typeof value === 'bigint' ? String(value) : value));
    if (config !== this.shownConfig) {
      this.shownConfig = config;
      fill(this.config, [...flatConfig(run.config)].map(([key, value]) => [key, configText(value)]), 'It told none.');
      fill(this.values, Object.entries(run.metrics).map(([tag, value]) => [tag, value === undefined ? 'NaN' : digits(value)]), 'None yet.');
    }
    this.showMarks(run);
  }

  private showFacts(run: Run): void {
    const now_s = this.app.now_s();
    const tally = this.work.tallyOf(run.run_id);
    const facts: [string, string, string?][] = [
      ['Started', dateTime(run.started)],
      ['Ended', run.ended === undefined ? dash : dateTime(run.ended)],
      ['Last heard', dateTime(run.last_event)],
      ['Duration', duration(durationOf(run, now_s))],
      ['Steps', run.steps === undefined ? dash : full(run.steps)],
      ['Last reward', run.reward === undefined ? dash : full(run.reward)],
      ['Profit', tally?.profit === undefined ? dash : full(tally.profit)],
      ['Trades', tally === undefined ? dash : full(tally.trades)],
      ['Source', run.source || dash], ['Run', run.run || dash], ['Agent', run.agent || 'the run as a whole'], ['Id', run.run_id],
    ];
    while (this.facts.children.length > facts.length) this.facts.lastElementChild!.remove();
    facts.forEach(([name, text], i) => {
      const entry = this.facts.children[i] ?? this.facts.appendChild(h('div', {}, h('dt'), h('dd')));
      setText(entry.children[0]!, name);
      setName(entry.children[1] as HTMLElement, text, 60);
    });
  }

  // What happened to it, and the error's last frames.
  private showMarks(run: Run): void {
    const marks = [...this.app.runMarks.of([run.run_id]).get(run.run_id) ?? []].sort((a, b) => b.timestamp - a.timestamp);
    const shown = JSON.stringify([run.run_id, run.error, marks.map(({ seq }) => seq)]);
    if (shown === this.shownMarks) return;
    this.shownMarks = shown;
    this.showError(run, marks.find(({ kind }) => kind === 'error')?.data);
    fill(this.marks, marks.slice(0, marksShown).map((mark) => [when(mark.timestamp), markText(mark)]), 'Nothing was noted.');
  }

  private showError(run: Run, data: Json | undefined): void {
    const told = objectOf(data);
    const line = run.error || [textOf(told.error_type), textOf(told.message)].filter(Boolean).join(': ');
    this.error.hidden = line === '' || (run.state !== 'crashed' && run.error === '');
    const frames = listOf(objectOf(told.details).frames).slice(-framesMax).map(String);
    this.error.replaceChildren(h('strong', {}, line),
      ...(frames.length === 0 ? [] : [h('pre', { class: 'json', tabindex: '0', 'aria-label': 'Where it was raised, the innermost last' }, frames.join('\n'))]));
  }

  private async save(): Promise<void> {
    const run = this.app.runs.find(this.shown);
    if (run === undefined) return;
    const { name, tags, note } = this.inputs;
    const list = tags.value.split(',').map((tag) => tag.trim()).filter(Boolean);
    const change = {
      ...(name.value !== run.name && { name: name.value }),
      ...(list.join() !== run.tags.join() && { tags: list }),
      ...(note.value !== run.note && { note: note.value }),
    };
    if (Object.keys(change).length > 0 && await this.work.set([run.run_id], change)) this.work.say('Saved, for everybody.');
  }

  private async copyLink(): Promise<void> {
    this.work.say(await copyText(location.href) ? 'The link is copied. Whoever opens it on this machine sees the same.'
      : `Copy it from the address line: ${location.href}`);
  }

  private showDiff(): void {
    const { runs, state } = this.app;
    this.shown = '';
    this.swatch.style.display = 'none';
    setText(this.heading, 'Compared');
    const known = state.runs.flatMap((id) => runs.find(id) ?? []);
    const compared = known.slice(0, comparedMax);
    const now_s = this.app.now_s();
    const text = (value: Json | undefined) => (value === undefined ? dash : configText(value));
    const rows: [string, string[], boolean][] = [
      ['State', compared.map((run) => run.state)],
      ['Duration', compared.map((run) => duration(durationOf(run, now_s)))],
      ['Steps', compared.map((run) => quantity(run.steps ?? null).text)],
      ['Last reward', compared.map(({ reward }) => (reward === undefined ? dash : digits(reward)))],
    ].map(([name, values]) => [name as string, values as string[], true]);
    const diff = configDiff(compared);
    const alike = diff.filter(({ differs }) => !differs).length;
    rows.push(...diff.map(({ key, values, differs }): [string, string[], boolean] => [key, values.map(text), differs]));
    const last = metricDiff(compared).slice(0, metricsMax).map(({ tag, values, differs }): [string, string[], boolean] =>
      [tag, values.map((value) => (value === undefined ? dash : Number.isNaN(value) ? 'NaN' : digits(value))), differs]);
    const key = JSON.stringify([compared.map(({ run_id }) => run_id), rows, last, known.length]);
    if (this.content.dataset.diff === key && this.content.firstElementChild?.classList.contains('diff')) return;
    this.content.dataset.diff = key;
    const ids = compared.map(({ run_id }) => run_id);
    const head = h('tr', {}, h('th', { scope: 'col' }, 'What'), ...ids.map((id) =>
      h('th', { scope: 'col', title: id }, runSwatch(id), named(runs.label(id, ids), 28))));
    const line = ([name, values, differs]: [string, string[], boolean]) => h('tr', { class: differs ? 'differs' : 'alike' },
      h('th', { scope: 'row' }, named(name, 36)), ...values.map((value) => h('td', {}, named(value, 36))));
    const notes: Child[] = [`${full(diff.length - alike)} of ${full(diff.length)} settings differ; these stand first.`,
      known.length > comparedMax ? ` The first ${comparedMax} of ${known.length} chosen runs are compared.` : undefined];
    this.content.replaceChildren(h('div', { class: 'diff' },
      compared.length < 2 ? h('p', { class: 'empty' }, 'Choose two runs or more.')
        : h('div', { class: 'table', tabindex: '0', role: 'group', 'aria-label': 'Comparison' },
            h('table', { 'aria-label': 'What differs between the chosen runs' }, h('thead', {}, head), h('tbody', {}, ...rows.map(line)),
              last.length === 0 ? undefined : h('tbody', {}, h('tr', {}, h('th', { scope: 'rowgroup', class: 'part', colspan: String(ids.length + 1) }, 'Last values')), ...last.map(line)))),
      compared.length < 2 ? undefined : h('p', { class: 'note' }, ...notes)));
    setTitle(this.heading, undefined);
  }
}

function table(title: string, body: HTMLElement): HTMLElement {
  return h('section', {}, h('h3', {}, title), h('table', { class: 'pairs', 'aria-label': title }, body));
}

function fill(body: HTMLElement, pairs: [string, string][], none: string): void {
  body.replaceChildren(...(pairs.length === 0 ? [h('tr', {}, h('td', { class: 'muted' }, none))]
    : pairs.map(([name, value]) => h('tr', {}, h('th', { scope: 'row' }, named(name, 36)), h('td', {}, value)))));
}

function endingOf({ state, started, ended, last_event }: Run): string {
  switch (state) {
    case 'running': return `since ${dateTime(started)}`;
    case 'lost': return `no word since ${dateTime(last_event)}: it was killed, or lost contact`;
    default: return `at ${dateTime(ended ?? last_event)}`;
  }
}
