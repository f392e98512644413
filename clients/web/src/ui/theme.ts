// Light or dark: as the system has it, unless a person chose here.
import { load, save } from '../storage.js';

const key = 'ppo-theme';
const listeners = new Set<() => void>();
let colours = new Map<string, string>();

// Okabe and Ito's palette, which the colour-blind can tell apart; the names are in style.css.
const curveColours = 8;

export function startTheme(): void {
  apply(load(key));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}

export function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : chosen === 'dark';
}

export function toggleTheme(): void {
  const wanted = isDark() ? 'light' : 'dark';
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  save(key, wanted === system ? null : wanted);
  apply(wanted === system ? null : wanted);
}

/** Returns what ends it. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A custom property's value; kept until the theme changes. */
export function colour(name: string): string {
  let value = colours.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    colours.set(name, value);
  }
  return value;
}

export function seriesColour(index: number): string {
  return colour(`--curve-${index % curveColours}`);
}

function apply(theme: string | null): void {
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  changed();
}

function changed(): void {
  colours = new Map();
  for (const listener of listeners) listener();
}
