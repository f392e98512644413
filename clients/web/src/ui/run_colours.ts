// How a run looks: one of eight colours that the colour-blind can tell apart, times four dashes. It follows from
// its run_id alone, so that it is the same in every tab, view and browser. Where two of the runs that are laid
// over each other would have one colour, the one whose run_id is greater takes the next colour that is free, and where
// all are taken the next look: dashes alone cannot be told apart on a line that is full of corners.
import { svg } from './dom.js';
import { seriesColour } from './theme.js';

const colours = 8;
// Most lines are whole: the first stands twice.
const dashes: readonly (readonly number[])[] = [[], [9, 4], [2, 3], [10, 3, 2, 3]];
const dashOf = [0, 0, 1, 2, 3];
const looks = colours * dashes.length;

export interface RunLook {
  /** As the page's theme has it now. */
  colour: string;
  /** Lengths of stroke and hole in px; empty: a whole line. */
  dash: number[];
  label: string;
}

// FNV-1a, and MurmurHash3's last mixing, for names that differ in their last digit only.
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; ++i) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** 0..31: the colour in its lower three bits, the dash above. */
export function lookNumber(runId: string): number {
  const h = hash(runId);
  return (h % colours) + colours * dashOf[(h >>> 8) % dashOf.length]!;
}

/** The looks of runs shown together: each a colour of its own up to 8 of them, and a look of its own up to 32. */
export function looksOf(runIds: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  const taken = new Set<number>();
  const coloursTaken = new Set<number>();
  const give = (id: string, look: number) => {
    taken.add(look);
    coloursTaken.add(look % colours);
    found.set(id, look);
  };
  const ids = [...new Set(runIds)].sort();
  for (const id of ids) if (!coloursTaken.has(lookNumber(id) % colours)) give(id, lookNumber(id));
  for (const id of ids) {
    if (found.has(id)) continue;
    let look = lookNumber(id);
    const dash = look - (look % colours);
    while (coloursTaken.size < colours && coloursTaken.has(look % colours)) look = dash + ((look + 1) % colours);
    while (taken.has(look) && taken.size < looks) look = (look + 1) % looks;
    give(id, look);
  }
  return found;
}

let together = new Map<string, number>();
let labelOf: (runId: string) => string = (runId) => runId;

/** Which runs are shown together from now on, and what each is called. */
export function showTogether(runIds: readonly string[], label: (runId: string) => string): void {
  together = looksOf(runIds);
  labelOf = label;
}

export function runLook(runId: string): RunLook {
  const look = together.get(runId) ?? lookNumber(runId);
  return {
    colour: seriesColour(look % colours),
    dash: [...dashes[Math.floor(look / colours)]!],
    label: labelOf(runId),
  };
}

/** A short line as the run's curves are drawn, for keys and rows. */
export function runSwatch(runId?: string): SVGSVGElement {
  const swatch = svg('svg', { class: 'run-swatch', width: '26', height: '8', 'aria-hidden': 'true' },
                     svg('line', { x1: '0', x2: '26', y1: '4', y2: '4', 'stroke-width': '2.5' }));
  if (runId !== undefined) setRunSwatch(swatch, runId);
  return swatch;
}

export function setRunSwatch(element: SVGSVGElement, runId: string): void {
  const look = together.get(runId) ?? lookNumber(runId);
  if (element.dataset.look === String(look)) return;
  element.dataset.look = String(look);
  const line = element.firstElementChild as SVGLineElement;
  line.style.stroke = `var(--curve-${look % colours})`; // follows the theme by itself
  line.setAttribute('stroke-dasharray', dashes[Math.floor(look / colours)]!.join(' '));
}
