import type { Feed, WallSeconds } from '../feed/index.js';
import type { Ask } from '../past/ask.js';
import type { Reason } from '../past/backfill.js';
import type { Alerts } from '../model/alerts.js';
import type { BridgeStatus } from '../model/bridge_status.js';
import type { Histogram, RunEvents, RunText, Span } from '../model/run_events.js';
import type { Runs } from '../model/runs.js';
import type { Curves } from '../model/curves.js';
import type { Marks } from '../model/marks.js';
import type { PriceHistory } from '../model/price_history.js';
import type { Store } from '../model/store.js';
import type { Tags } from '../model/tags.js';
import type { UiState } from '../state/ui_state.js';

/** What views read and may ask for. */
export interface App {
  readonly store: Store;
  /** All runs that there ever were, and which of them the views show. */
  readonly runs: Runs;
  /** Of these: which curves there are, their points, what happened to them, what took how long. */
  readonly tags: Tags;
  readonly curves: Curves;
  readonly marks: Marks;
  /** Of the run whose details are open. */
  readonly runMarks: Marks;
  /** Of the market's open item. */
  readonly prices: PriceHistory;
  readonly spans: RunEvents<Span>;
  readonly histograms: RunEvents<Histogram>;
  readonly texts: RunEvents<RunText>;
  readonly status: BridgeStatus;
  readonly alerts: Alerts;
  readonly feed: Feed;
  /** What this page calls itself. */
  readonly clientId: string;
  /** A question to the bridge; a few at a time, asked again where it has no time just now. */
  readonly ask: Ask;
  /** Why who looks at the page may not command this; empty: they may. */
  whyNot(command: string): string;
  /**
   * Told when answers are no longer true (a gap, another epoch, the page was long out of sight): who asked on
   * its own asks again.
   */
  onRefill(listener: (reason: Reason) => void): void;
  /** Now, or the moment of the past that is shown. */
  now_s(): WallSeconds;
  /** Paints the view that is open, soon. */
  repaint(): void;
  /** What is looked at, as the address has it. Changed by go() alone. */
  readonly state: UiState;
  /** The address of what is looked at with a change, for a link. */
  address(change: Partial<UiState>): string;
  /**
   * Changes what is looked at, and the address with it. `push`: "back" undoes it (another view, another
   * item); `replace`: it does not (a slider, a letter typed). Then the open view is painted.
   */
  go(change: Partial<UiState>, how?: 'push' | 'replace'): void;
}

/** One page of the dashboard. Only the one that is open is updated, once a frame at most. */
export interface View {
  readonly name: string;
  readonly title: string;
  readonly element: HTMLElement;
  update(): void;
  /** A key that nothing else took; true where it was used. */
  onKey?(event: KeyboardEvent): boolean;
}
