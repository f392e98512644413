// Orders on the exchange: placed and cancelled, each with a question that repeats the numbers.
import { listOf, numberOf, objectOf, textOf } from '../model/values.js';
import type { Json, JsonObject } from '../feed/index.js';
import { readNumberText } from '../model/number_text.js';
import { taxOf } from '../model/tax.js';
import type { Target } from '../model/targets.js';
import { ask } from '../ui/dialog.js';
import { h, setName, setText } from '../ui/dom.js';
import { full } from '../ui/format.js';

const quantityMax = 2_147_483_647;
const ordersMax = 100; // shown

/** To one target; what came of it is its answer. */
export type Send = (command: string, params: JsonObject, target: string) => Promise<Json | undefined>;

interface OpenOrder {
  target: string;
  order: number;
  item: string;
  side: string;
  price: number;
  quantity: number;
  filled: number;
}

export class ControlOrders {
  readonly element: HTMLElement;
  private readonly item: HTMLInputElement;
  private readonly side = h('select', { 'aria-label': 'Side' }, h('option', { value: 'buy' }, 'buy'), h('option', { value: 'sell' }, 'sell'));
  private readonly quantity: HTMLInputElement;
  private readonly price: HTMLInputElement;
  private readonly sum = h('p', { class: 'muted', role: 'status' });
  private readonly problem = h('p', { class: 'bad-note', role: 'alert' });
  private readonly items = h('datalist', { id: 'order-items' });
  private readonly open = h('div', { class: 'orders' });
  private targets: readonly Target[] = [];
  private itemsKey = '';

  constructor(private readonly send: Send) {
    const input = (label: string, placeholder: string, more = {}) => h('input', {
      'aria-label': label, placeholder, size: '9', autocomplete: 'off', spellcheck: 'false', oninput: () => this.showSum(), ...more });
    this.item = input('Item', 'Abyssal whip', { list: 'order-items', size: '14' });
    this.quantity = input('Quantity', '1,000', { inputmode: 'decimal' });
    this.price = input('Price each', '1.5m', { inputmode: 'decimal' });
    this.side.addEventListener('change', () => this.showSum());
    const form = h('form', { class: 'bar', novalidate: true, onsubmit: (event: Event) => {
      event.preventDefault();
      void this.place();
    } }, this.side, this.quantity, this.item, this.price, h('button', { class: 'primary' }, 'Place…'), this.items);
    this.element = h('section', { class: 'card' }, h('h2', {}, 'Orders'), form, this.sum, this.problem,
      h('div', { class: 'bar' }, h('button', { onclick: () => this.showOpen() }, 'Show open orders')), this.open);
  }

  /** Not shown where nobody trades. */
  update(all: readonly Target[], chosen: readonly Target[], items: readonly string[]): void {
    this.element.hidden = !all.some(({ commands }) => commands.includes('place_order'));
    this.targets = chosen.filter(({ commands }) => commands.includes('place_order'));
    const key = items.join('\n');
    if (key === this.itemsKey) return;
    this.itemsKey = key;
    this.items.replaceChildren(...items.map((value) => h('option', { value })));
  }

  // What was typed; nothing where it is wrong, and then why is said.
  private read(): { item: string; side: string; quantity: number; price: number } | string {
    const item = this.item.value.trim();
    const numbers: number[] = [];
    for (const [name, input] of [['quantity', this.quantity], ['price', this.price]] as const) {
      const { value, problem } = readNumberText(input.value);
      if (value === undefined) return `${name}: ${problem}`;
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > quantityMax) {
        return `${name} is ${value}; it must be a whole number, 1 to ${full(quantityMax)}`;
      }
      numbers.push(value);
    }
    if (item === '') return 'item: a name is missing';
    return { item, side: this.side.value, quantity: numbers[0]!, price: numbers[1]! };
  }

  private showSum(): void {
    setText(this.problem, '');
    const order = this.read();
    setText(this.sum, typeof order === 'string' ? '' : sumText(order));
  }

  private async place(): Promise<void> {
    const order = this.read();
    const problem = typeof order === 'string' ? order : this.targets.length === 0 ? 'Choose an agent that trades first.' : '';
    setText(this.problem, problem);
    if (typeof order === 'string' || problem !== '') return;
    const names = this.targets.map(({ name }) => name);
    const { item, side, quantity, price } = order;
    const sure = await ask(`${side} ${full(quantity)} × ${item}?`, names.length === 1 ? 'This order is placed at once.'
      : `This order is placed ${names.length} times, once for each agent.`, `Place ${side} order`, numbers([
      ['For', names.join(', ')], ['Item', item], ['Quantity', full(quantity)], ['Price each', `${full(price)} gp`],
      ...amounts(order)]));
    if (sure) await Promise.all(names.map((name) => this.send('place_order', { item, side, quantity, price }, name)));
  }

  private async showOpen(): Promise<void> {
    const targets = this.targets.filter(({ commands }) => commands.includes('get_portfolio'));
    if (targets.length === 0) {
      setText(this.problem, 'Choose an agent that trades first.');
      return;
    }
    const answers = await Promise.all(targets.map(async ({ name, agent }) =>
      openOrders(name, agent, await this.send('get_portfolio', {}, name))));
    const orders = answers.flat();
    this.open.replaceChildren(...orders.slice(0, ordersMax).map((order) => this.orderRow(order)),
      ...(orders.length === 0 ? [h('p', { class: 'muted' }, 'No open orders.')] : []),
      ...(orders.length > ordersMax ? [h('p', { class: 'muted' }, `${full(orders.length - ordersMax)} more are not shown.`)] : []));
  }

  private orderRow(order: OpenOrder): HTMLElement {
    const { item, side, quantity, price, filled, target } = order;
    const who = h('small', { class: 'muted' });
    setName(who, target, 40);
    return h('div', { class: 'bar order' },
      h('span', {}, `${side} ${full(quantity)} × ${item} at ${full(price)}, ${full(filled)} filled`), who,
      h('button', { class: 'danger', 'aria-label': `Cancel order ${order.order} of ${target}`, onclick: () => this.cancel(order) }, 'Cancel…'));
  }

  private async cancel({ target, order, item, side, quantity, price, filled }: OpenOrder): Promise<void> {
    const sure = await ask(`Cancel order ${order}?`, 'What is filled stays.', 'Cancel order', numbers([
      ['For', target], ['Order', `${side} ${full(quantity)} × ${item}`], ['Price each', `${full(price)} gp`],
      ['Filled', `${full(filled)} of ${full(quantity)}`], ['Not bought or sold', full(quantity - filled)]]));
    if (!sure) return;
    await this.send('cancel_order', { order }, target);
    await this.showOpen();
  }
}

// In whole gold: beyond 2^53 too.
function amounts({ item, side, quantity, price }: { item: string; side: string; quantity: number; price: number }): [string, string][] {
  const total = BigInt(quantity) * BigInt(price);
  const tax = side === 'sell' ? BigInt(taxOf(item, price)) * BigInt(quantity) : 0n;
  return [['Total', `${full(total)} gp`], ['Tax', `${full(tax)} gp`],
          [side === 'sell' ? 'You get at least' : 'You pay at most', `${full(total - tax)} gp`]];
}

function sumText(order: { item: string; side: string; quantity: number; price: number }): string {
  return `${full(order.quantity)} at ${full(order.price)} gp: ` + amounts(order).map(([name, value]) => `${name.toLowerCase()} ${value}`).join(', ');
}

function numbers(pairs: [string, string][]): HTMLElement {
  return h('dl', { class: 'numbers' }, ...pairs.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

function openOrders(target: string, agent: string, result: Json | undefined): OpenOrder[] {
  const told = objectOf(result);
  const own = agent !== '' && told.orders === undefined ? objectOf(objectOf(told.agents)[agent]) : told;
  return listOf(own.orders).flatMap((entry) => {
    const o = objectOf(entry);
    const order = numberOf(o.order);
    return order === undefined ? [] : [{
      target, order, item: textOf(o.item) ?? '', side: textOf(o.side) ?? '', price: numberOf(o.price) ?? 0,
      quantity: numberOf(o.quantity) ?? 0, filled: numberOf(o.filled) ?? 0,
    }];
  });
}
