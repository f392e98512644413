// Elements without markup: what comes from outside is only ever text, and what of it cannot be seen is made visible.
import { nameText, quantity, visible } from './format.js';
import type { Json } from '../feed/index.js';

export type Child = Node | string | undefined;
type Props = { [name: string]: string | boolean | ((event: never) => void) | undefined };

/** An element with attributes, `on...` listeners and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(key.slice(2), value as EventListener);
    else element.setAttribute(key, value === true ? '' : shownIn(key, value));
  }
  for (const child of children) {
    if (child !== undefined) element.append(typeof child === 'string' ? visible(child) : child);
  }
  return element;
}

/** An element of a picture. */
export function svg<K extends keyof SVGElementTagNameMap>(
  name: K, attributes: { [name: string]: string }, ...children: SVGElement[]): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function shownIn(attribute: string, value: string): string {
  return attribute === 'title' || attribute === 'aria-label' || attribute === 'placeholder' ? visible(value) : value;
}

/** Sets a text only where it is another one: what did not change is not laid out again. */
export function setText(node: Node, text: string): void {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
}

export function setTitle(element: HTMLElement, title: string | undefined): void {
  const shown = title && visible(title);
  if ((element.getAttribute('title') ?? undefined) === shown) return;
  if (shown === undefined) element.removeAttribute('title');
  else element.title = shown;
}

/** A name from outside: a long one is cut in the middle, and whole when pointed at. */
export function setName(element: HTMLElement, name: string, charactersMax?: number): void {
  const shown = nameText(name, charactersMax);
  setText(element, shown);
  setTitle(element, shown === name ? undefined : name);
}

/** What a field holds, unless somebody writes in it. */
export function setValue(input: HTMLInputElement, value: string): void {
  if (input.value !== value && document.activeElement !== input) input.value = value;
}

/** Grey where there is a reason, which is told to who points at it; a click does nothing then. */
export function setDenied(element: HTMLElement, why: string): void {
  if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement) element.disabled = why !== '';
  else element.setAttribute('aria-disabled', String(why !== ''));
  setTitle(element, why === '' ? undefined : why);
}

/** The same as an element of its own. */
export function named(name: string, charactersMax?: number): HTMLElement {
  const element = h('span');
  setName(element, name, charactersMax);
  return element;
}

export function setClass(element: Element, name: string): void {
  if (element.className !== name) element.className = name;
}

/** A short number, with every digit when pointed at. */
/** `origin`: since when it counts, and from where. */
export function setQuantity(element: HTMLElement, value: Json | undefined, origin = ''): void {
  const { text, full } = quantity(value);
  setText(element, text);
  setTitle(element, full !== undefined && origin !== '' ? `${full}. ${origin}` : full === text ? undefined : full);
}

export function card(title: string, ...children: Child[]): HTMLElement {
  return h('section', { class: 'card' }, h('h2', {}, title), ...children);
}
