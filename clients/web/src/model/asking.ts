// What every model that asks the bridge needs of the page.
import type { JsonObject } from '../feed/index.js';

export interface Asking {
  /** Sends a command; resolves to the answer's `result`. */
  ask(command: string, params: JsonObject): Promise<JsonObject>;
  now_ms(): number;
  after(delay_ms: number, run: () => void): void;
  /** What it knows is another now. */
  changed(): void;
}
