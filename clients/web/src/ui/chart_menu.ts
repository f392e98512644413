// What one can do with any chart: see it as large as the screen, and take it away as PNG, SVG or CSV.
import type { Chart } from './chart.js';
import { csvOf, csvOfLanes, download, pngOf, svgOf } from './chart_export.js';
import { h } from './dom.js';
import { nameText, visible } from './format.js';

export interface ChartMenuOptions {
  /** What it is called, on the screen and as a file. */
  name(): string;
  /** For the menu, where the name changes. */
  label?: string;
  /** Undefined: nothing is drawn yet. */
  chart(): Chart | undefined;
  /** It is about to be large. */
  onOpen?(): void;
  /** Stands below it then. */
  key?: HTMLElement;
  /** Besides, and before. */
  items?: { text: string; run(): void }[];
}

const aroundLarge = 130; // px of a dialog that are not the chart's

export class ChartMenu {
  readonly element: HTMLDetailsElement;
  readonly buttons: HTMLButtonElement[];
  private readonly dialog: HTMLDialogElement;
  private readonly place = h('div');
  private heightBefore = 0;

  constructor(private readonly options: ChartMenuOptions) {
    const close = () => this.element.removeAttribute('open');
    const items = [...options.items ?? [], { text: 'Full screen', run: () => this.enlarge() },
      ...(['PNG', 'SVG', 'CSV'] as const).map((kind) => ({ text: `Save as ${kind}`, run: () => void this.save(kind) }))];
    this.buttons = items.map(({ text, run }) => h('button', { class: 'plain', onclick: () => {
      close();
      run();
    } }, text));
    const summary = h('summary', { 'aria-label': `What to do with ${visible(options.label ?? options.name())}`, title: 'Full screen, save' }, '⋯');
    this.element = h('details', { class: 'panel-menu', onkeydown: (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      close();
      summary.focus();
    }, onfocusout: (event: FocusEvent) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) close();
    } }, summary, h('div', { class: 'items' }, ...this.buttons));
    this.dialog = h('dialog', { class: 'whole', onclose: () => this.fold() });
  }

  /** The chart is as large as the screen: its height is not the view's. */
  get open(): boolean {
    return this.dialog.open;
  }

  private enlarge(): void {
    const chart = this.options.chart();
    if (chart === undefined) return;
    this.options.onOpen?.();
    const name = visible(this.options.name());
    this.heightBefore = chart.element.offsetHeight;
    this.place.style.height = `${this.heightBefore}px`;
    chart.element.replaceWith(this.place);
    this.dialog.setAttribute('aria-label', name);
    this.dialog.replaceChildren(h('div', { class: 'bar' }, h('h2', {}, nameText(name, 80)), h('button', { onclick: () => this.dialog.close() }, 'Close')),
                                chart.element, this.options.key ?? '');
    document.body.append(this.dialog);
    this.dialog.showModal();
    chart.resizeTo(Math.max(200, innerHeight - aroundLarge - (this.options.key?.offsetHeight ?? 0)));
  }

  private fold(): void {
    this.dialog.remove();
    const chart = this.options.chart();
    if (chart === undefined) return;
    this.place.replaceWith(chart.element);
    chart.resizeTo(this.heightBefore);
  }

  private async save(kind: 'PNG' | 'SVG' | 'CSV'): Promise<void> {
    const chart = this.options.chart();
    const picture = chart?.picture();
    if (picture === undefined) return;
    const name = this.options.name();
    const file = `${name}.${kind.toLowerCase()}`;
    if (kind === 'SVG') {
      download(file, svgOf(picture), 'image/svg+xml');
    } else if (kind === 'PNG') {
      const blob = await pngOf(picture, chart!.canvas!);
      if (blob !== null) download(file, blob, 'image/png');
    } else if (picture.lanes.length > 0) {
      download(file, csvOfLanes(picture.lanes, picture.range), 'text/csv');
    } else {
      const curves = picture.strokes.map(({ points }, i) => ({ runId: picture.lines[i]!.id ?? picture.lines[i]!.label, tag: name, points }));
      download(file, csvOf(curves, picture.range), 'text/csv');
    }
  }
}
