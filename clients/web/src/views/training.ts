// Curves of the chosen runs laid over each other: every tag there is, found by search, in groups.
import { ChartGroup, type Range } from '../ui/chart_group.js';
import { h, named, setText, setValue } from '../ui/dom.js';
import { dash, full } from '../ui/format.js';
import { runLook, runSwatch } from '../ui/run_colours.js';
import { isDark, onThemeChange } from '../ui/theme.js';
import { TrainingPhases } from './training_phases.js';
import { TrainingSpread } from './training_spread.js';
import { TrainingPanel, type PanelView } from './training_panel.js';
import type { App, View } from './view.js';

const others = 'other';
const pins = '/'; // no group of tags is called so
const nearby = '400px';
const byName = new Intl.Collator('en', { numeric: true });

interface Group {
  element: HTMLDetailsElement;
  grid: HTMLElement;
  count: HTMLElement;
}

export class TrainingView implements View {
  readonly name = 'training';
  readonly title = 'Training';
  readonly element = h('div', { class: 'view training' });
  private readonly chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Runs' });
  private readonly empty = h('p', { class: 'card empty' });
  private readonly found = h('span', { class: 'muted', role: 'status' });
  private readonly missed = h('p', { class: 'note' });
  private readonly sections = h('div', { class: 'groups' });
  private readonly search: HTMLInputElement;
  private readonly axis: HTMLSelectElement;
  private readonly smooth: HTMLInputElement;
  private readonly smoothText = h('output');
  private readonly log: HTMLInputElement;
  private readonly band: HTMLInputElement;
  private readonly inner: HTMLInputElement;
  private readonly whole: HTMLButtonElement;
  private readonly group = new ChartGroup();
  private readonly groups = new Map<string, Group>();
  private readonly panels = new Map<string, TrainingPanel>();
  private readonly byElement = new Map<Element, TrainingPanel>();
  private readonly watch: IntersectionObserver;
  private readonly phases: TrainingPhases;
  private readonly spread: TrainingSpread;
  private chipsKey = '';
  private wantedKey = '';
  private wanted: string[] = [];
  private sectionsKey = '';

  constructor(private readonly app: App) {
    this.search = h('input', { type: 'search', placeholder: 'Search tags', 'aria-label': 'Search tags', maxlength: '256',
      oninput: () => app.go({ tags: this.search.value }, 'replace') });
    this.axis = h('select', { 'aria-label': 'Over', onchange: () =>
      // A place on one axis says nothing on another.
      app.go({ x: this.axis.value as 'step', x0: undefined, x1: undefined }) },
      h('option', { value: 'step' }, 'over steps'), h('option', { value: 'relative' }, 'over time since the start'),
      h('option', { value: 'time' }, 'over wall time'));
    this.smooth = h('input', { type: 'range', min: '0', max: '0.99', step: '0.01', 'aria-label': 'Smoothing',
      oninput: () => app.go({ smooth: Number(this.smooth.value) || undefined }, 'replace') });
    const check = (what: 'log' | 'band' | 'inner') => h('input', { type: 'checkbox', onchange: (event: Event) =>
      app.go({ [what]: (event.target as HTMLInputElement).checked }, 'replace') });
    this.log = check('log');
    this.band = check('band');
    this.inner = check('inner');
    this.whole = h('button', { title: 'A double click on a chart, or 0, does the same',
      onclick: () => app.go({ x0: undefined, x1: undefined }) }, 'Show all');
    this.watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const panel = this.byElement.get(target);
        if (panel === undefined) continue;
        if (isIntersecting) panel.near = true;
        else panel.leave();
      }
      app.repaint();
    }, { rootMargin: nearby });
    onThemeChange(() => app.repaint());
    this.phases = new TrainingPhases(app);
    this.spread = new TrainingSpread(app, this.group);
    this.element.append(
      h('div', { class: 'bar' }, this.search, this.axis, h('label', { class: 'check' }, 'smooth', this.smooth, this.smoothText),
        h('label', { class: 'check' }, this.log, 'log'),
        h('label', { class: 'check', title: 'The lowest and highest value of each stretch as an area' }, this.band, 'min–max'),
        h('label', { class: 'check', title: 'The axis of values is fitted to all but the highest and lowest twentieth' }, this.inner, 'cut outliers'),
        this.whole, this.found),
      h('div', { class: 'bar' }, this.chips), this.empty, this.missed, this.sections,
      this.spread.element, this.phases.element);
  }

  update(): void {
    const { app } = this;
    const chosen = app.runs.chosen();
    const tags = app.tags.of(chosen);
    this.updateBar();
    this.updateChips(chosen);
    const words = app.state.tags.toLowerCase().split(/\s+/).filter((word) => word !== '');
    const fits = (tag: string) => words.every((word) => tag.toLowerCase().includes(word));
    const key = `${app.tags.version} ${app.state.tags}`;
    if (key !== this.wantedKey) {
      this.wantedKey = key;
      this.wanted = tags.map(({ tag }) => tag).filter(fits);
    }
    const { wanted } = this;
    setText(this.found, words.length > 0 || app.tags.cut ? `${full(wanted.length)} of ${full(tags.length)} tags${app.tags.cut ? ', and more' : ''}` : '');
    this.empty.hidden = wanted.length > 0;
    setText(this.empty, this.whyEmpty(chosen.length, tags.length));
    const { missed } = app.curves;
    setText(this.missed, missed === 0 ? ''
      : `${full(missed)} events are in no curve: they came faster than the bridge could count them without a journal.`);
    this.missed.hidden = missed === 0;
    this.updateSections(wanted);
    const { x0, x1 } = app.state;
    const range: Range | undefined = x0 !== undefined && x1 !== undefined && x0 < x1 ? [x0, x1] : undefined;
    const off = new Set(app.state.off);
    const runIds = chosen.filter((id) => !off.has(id));
    const { x, log, band, inner, smooth } = app.state;
    const view: PanelView = {
      runIds, range, marks: app.marks.of(chosen), marksVersion: app.marks.version,
      shape: JSON.stringify([runIds, range, x, log, band, inner, smooth, isDark()]),
    };
    for (const panel of this.panels.values()) panel.update(view);
    this.spread.update(runIds, fits);
    this.phases.update(runIds, view.marks);
  }

  onKey(event: KeyboardEvent): boolean {
    if (event.key !== '/') return false;
    this.search.focus();
    return true;
  }

  private whyEmpty(runs: number, tags: number): string {
    const { app } = this;
    if (app.tags.problem !== '') return app.tags.problem;
    if (runs === 0) return 'No runs yet. A run begins with the first event of a trainer.';
    if (!app.tags.loaded) return 'asking…';
    if (tags === 0) return 'No curves yet: each scalar, and every number of training_update and episode_end, becomes one.';
    return `No tag contains “${app.state.tags}”.`;
  }

  private updateBar(): void {
    const { state } = this.app;
    const { smooth = 0 } = state;
    setValue(this.search, state.tags);
    this.axis.value = state.x;
    if (Number(this.smooth.value) !== smooth) this.smooth.value = String(smooth);
    setText(this.smoothText, smooth === 0 ? dash : smooth.toFixed(2));
    this.log.checked = state.log;
    this.band.checked = state.band;
    this.inner.checked = state.inner;
    this.whole.hidden = state.x0 === undefined && state.x1 === undefined;
  }

  private updateChips(chosen: readonly string[]): void {
    const { app } = this;
    const off = new Set(app.state.off);
    const key = JSON.stringify(chosen.map((id) => [id, runLook(id).label, off.has(id), app.runs.find(id)?.state]));
    if (key === this.chipsKey) return;
    this.chipsKey = key;
    const toggle = (id: string) => app.go({ off: off.has(id) ? app.state.off.filter((one) => one !== id) : [...app.state.off, id] }, 'replace');
    const only = (id: string) => app.go({ off: chosen.filter((one) => one !== id) }, 'replace');
    this.chips.replaceChildren(...chosen.map((id) => {
      const state = app.runs.find(id)?.state;
      return h('button', { class: 'chip', 'aria-pressed': String(!off.has(id)), title: `${id} · alt and click: only this one`,
        onclick: (event: MouseEvent) => (event.altKey ? only(id) : toggle(id)) },
        runSwatch(id), named(runLook(id).label, 40), state === undefined || state === 'running' ? undefined : h('small', {}, ` ${state}`));
    }));
  }

  private updateSections(tags: readonly string[]): void {
    const { state } = this.app;
    const key = JSON.stringify([this.wantedKey, state.pins, state.closed]);
    if (key === this.sectionsKey) return;
    this.sectionsKey = key;
    const pinned = state.pins.filter((tag) => tags.includes(tag));
    const byGroup = new Map<string, string[]>(pinned.length > 0 ? [[pins, pinned]] : []);
    const names = [...new Set(tags.map(groupOf))].sort((a, b) => Number(a === others) - Number(b === others) || byName.compare(a, b));
    for (const name of names) byGroup.set(name, tags.filter((tag) => groupOf(tag) === name && !pinned.includes(tag)));
    const shown = new Set(tags);
    for (const [tag, panel] of this.panels) {
      if (shown.has(tag)) continue;
      this.watch.unobserve(panel.element);
      this.byElement.delete(panel.element);
      panel.leave();
      this.panels.delete(tag);
    }
    const elements: HTMLElement[] = [];
    for (const [name, ofGroup] of byGroup) {
      if (ofGroup.length === 0) continue;
      const group = this.groupOf(name);
      const open = !state.closed.includes(name);
      if (group.element.open !== open) group.element.open = open;
      setText(group.count, full(ofGroup.length));
      const panels = open ? ofGroup.map((tag) => this.panelOf(tag).element) : [];
      if (panels.length !== group.grid.childElementCount || panels.some((one, i) => group.grid.children[i] !== one)) {
        group.grid.replaceChildren(...panels);
      }
      elements.push(group.element);
    }
    if (elements.length !== this.sections.childElementCount || elements.some((one, i) => this.sections.children[i] !== one)) {
      this.sections.replaceChildren(...elements);
    }
  }

  private groupOf(name: string): Group {
    let group = this.groups.get(name);
    if (group === undefined) {
      const count = h('small', { class: 'muted' });
      const grid = h('div', { class: 'grid' });
      const element = h('details', { class: 'tags' }, h('summary', { onclick: (event: Event) => {
        event.preventDefault(); // it opens as the state says
        const { closed } = this.app.state;
        this.app.go({ closed: closed.includes(name) ? closed.filter((one) => one !== name) : [...closed, name] }, 'replace');
      } }, named(name === pins ? 'Pinned' : name, 60), ' ', count), grid);
      this.groups.set(name, (group = { element, grid, count }));
    }
    return group;
  }

  private panelOf(tag: string): TrainingPanel {
    let panel = this.panels.get(tag);
    if (panel === undefined) {
      panel = new TrainingPanel(this.app, tag, this.group);
      this.panels.set(tag, panel);
      this.byElement.set(panel.element, panel);
      this.watch.observe(panel.element);
    }
    return panel;
  }
}

function groupOf(tag: string): string {
  const slash = tag.indexOf('/');
  return slash > 0 ? tag.slice(0, slash) : others;
}
