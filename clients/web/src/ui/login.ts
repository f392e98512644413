// A bridge that wants to know who looks at it: asks for a token, which the page keeps for as long as it is open.
import { h } from './dom.js';

/** `wrong`: what the bridge said of the one before. Nothing where the person does not say. */
export function askToken(wrong?: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const token = h('input', { type: 'password', autocomplete: 'off', 'aria-label': 'Token', placeholder: 'ppo1_…' });
    const dialog = h('dialog', { 'aria-label': 'Who are you?' },
      h('form', { method: 'dialog' }, h('h2', {}, 'Who are you?'),
        h('p', {}, wrong === undefined ? 'This bridge wants to know who looks at it. Give a token, as '
          : `The bridge says: ${wrong}. Give another one, as `, h('code', {}, 'ppo-bridge token create NAME --role viewer'),
          ' prints it. It is kept until this page is closed or loaded anew.'),
        token, h('div', { class: 'bar' }, h('button', { value: 'no', type: 'button', onclick: () => dialog.close() }, 'Cancel'),
          h('button', { value: 'yes' }, 'Go on'))));
    dialog.addEventListener('close', () => {
      resolve(dialog.returnValue === 'yes' && token.value.trim() !== '' ? token.value.trim() : undefined);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
