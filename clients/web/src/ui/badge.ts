import { setClass, setText } from './dom.js';

// A shape besides the colour, for those who cannot tell colours apart.
const shapes: Record<string, string> = {
  live: '●', paused: '❚❚', stalled: '▲', gone: '✕', ok: '✓', bad: '✕', busy: '…', unknown: '?', conflict: '▲',
  running: '●', finished: '✓', crashed: '✕', interrupted: '■', lost: '?', raised: '▲', acknowledged: '✓', cleared: '✓',
};

export function setBadge(element: HTMLElement, state: string): void {
  setClass(element, `badge ${state in shapes ? state : 'other'}`);
  setText(element, `${shapes[state] ?? '○'} ${state}`);
}
