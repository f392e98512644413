// Elements without markup: what comes from outside is only ever text.
import { quantity } from './format.js';
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
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child): child is Node | string => child !== undefined));
  return element;
}

/** Sets a text only where it is another one: what did not change is not laid out again. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setTitle(element: HTMLElement, title: string | undefined): void {
  if ((element.getAttribute('title') ?? undefined) === title) return;
  if (title === undefined) element.removeAttribute('title');
  else element.title = title;
}

export function setClass(element: Element, name: string): void {
  if (element.className !== name) element.className = name;
}

/** A short number, with every digit when pointed at. */
export function setQuantity(element: HTMLElement, value: Json | undefined): void {
  const { text, full } = quantity(value);
  setText(element, text);
  setTitle(element, full === text ? undefined : full);
}

export function card(title: string, ...children: Child[]): HTMLElement {
  return h('section', { class: 'card' }, h('h2', {}, title), ...children);
}
