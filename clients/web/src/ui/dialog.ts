import { h } from './dom.js';

/** Asks a person; false unless they say yes. */
export function ask(question: string, more: string, yes: string, ...details: Node[]): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = h('button', { value: 'no', autofocus: true }, 'Cancel');
    const dialog = h('dialog', { 'aria-label': question },
      h('form', { method: 'dialog' }, h('h2', {}, question), h('p', {}, more), ...details,
        h('div', { class: 'bar' }, cancel, h('button', { class: 'danger', value: 'yes' }, yes))));
    dialog.addEventListener('close', () => {
      resolve(dialog.returnValue === 'yes');
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
