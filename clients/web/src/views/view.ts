import type { Feed } from '../feed/index.js';
import type { Alerts } from '../model/alerts.js';
import type { BridgeStatus } from '../model/bridge_status.js';
import type { Store } from '../model/store.js';

/** What views read and may ask for. */
export interface App {
  readonly store: Store;
  readonly status: BridgeStatus;
  readonly alerts: Alerts;
  readonly feed: Feed;
  /** Paints the view that is open, soon. */
  repaint(): void;
  /** Opens a view by its name. */
  open(view: string): void;
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
