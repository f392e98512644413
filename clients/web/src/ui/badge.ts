import { h, setClass, setText } from './dom.js';

// A shape besides the colour, for those who cannot tell colours apart.
const shapes: Record<string, string> = {
  live: '●', paused: '❚❚', stalled: '▲', gone: '✕', ok: '✓', bad: '✕', busy: '…', unknown: '?', conflict: '▲',
  running: '●', finished: '✓', crashed: '✕', interrupted: '■', lost: '?', raised: '▲', acknowledged: '✓', cleared: '✓',
};

/** Of a cell that holds nothing else. */
export function fillBadge(cell: HTMLElement, state: string): void {
  setBadge(cell.querySelector('span') ?? cell.appendChild(h('span')), state);
}

export function setBadge(element: HTMLElement, state: string): void {
  setClass(element, `badge ${state in shapes ? state : 'other'}`);
  setText(element, `${shapes[state] ?? '○'} ${state}`);
}
