// Light or dark: as the system has it, unless a person chose here.
import { load, save } from '../storage.js';

const key = 'ppo-theme';
const listeners = new Set<() => void>();
let colours = new Map<string, string>();
let chosen: string | null;

// Okabe and Ito's palette, which the colour-blind can tell apart; the names are in style.css.
const curveColours = 8;

const system = () => matchMedia('(prefers-color-scheme: dark)');
const ofSystem = () => (system().matches ? 'dark' : 'light');

export function startTheme(): void {
  chosen = load(key);
  apply();
  system().addEventListener('change', apply);
}

export function isDark(): boolean {
  return document.documentElement.dataset.theme === 'dark';
}

export function toggleTheme(): void {
  const wanted = isDark() ? 'light' : 'dark';
  chosen = wanted === ofSystem() ? null : wanted;
  save(key, chosen);
  apply();
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

function apply(): void {
  document.documentElement.dataset.theme = chosen === 'light' || chosen === 'dark' ? chosen : ofSystem();
  colours = new Map();
  for (const listener of listeners) listener();
}
