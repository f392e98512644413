// Which clock a number is of. A number without a clock may be used as any; one clock's never as another's.
declare const clock: unique symbol;

/** Seconds since 1970 by the bridge's clock, or this machine's: on loopback they are one. */
export type WallSeconds = number & { readonly [clock]?: 'wall' };
/** Milliseconds of a clock that never goes back and that no one sets; only differences mean something. */
export type SteadyMs = number & { readonly [clock]?: 'steady' };
/** Seconds since 1970 by the clock of who published it: it may be anything. */
export type SourceSeconds = number & { readonly [clock]?: 'source' };

export function wallNow(): WallSeconds {
  return Date.now() / 1000;
}

export function steadyNow(): SteadyMs {
  return (globalThis as unknown as { performance: { now(): number } }).performance.now();
}
