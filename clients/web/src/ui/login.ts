// A bridge that wants to know who looks at it: asks for a token once, and then the browser is known by a cookie that no
// script can read. The token itself is not kept.
import { h } from './dom.js';

// Of the tabs of this browser: who one is has changed.
const tabs = new BroadcastChannel('ppo-bridge-login');
tabs.onmessage = () => location.reload();

/** `wrong`: what the bridge said of the one before. Nothing where the person does not say. */
export function askToken(wrong?: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const token = h('input', { type: 'password', autocomplete: 'off', 'aria-label': 'Token', placeholder: 'ppo1_…' });
    const dialog = h('dialog', { 'aria-label': 'Who are you?' },
      h('form', { method: 'dialog' }, h('h2', {}, 'Who are you?'),
        h('p', {}, wrong === undefined ? 'This bridge wants to know who looks at it. Give a token, as '
          : `The bridge says: ${wrong}. Give another one, as `, h('code', {}, 'ppo-bridge token create NAME --role viewer'),
          ' prints it. This browser is known from then on, until you log out or the token ends.'),
        token, h('div', { class: 'bar' }, h('button', { value: 'no', type: 'button', onclick: () => dialog.close() }, 'Cancel'),
          h('button', { value: 'yes', class: 'primary' }, 'Go on'))));
    dialog.addEventListener('close', () => {
      resolve(dialog.returnValue === 'yes' && token.value.trim() !== '' ? token.value.trim() : undefined);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** What the bridge says against it; nothing where it knows this browser from now on. */
export async function logIn(token: string): Promise<string | undefined> {
  try {
    const headers = { 'Content-Type': 'application/json' };
    const reply = await fetch('login', { method: 'POST', headers, body: JSON.stringify({ token }) });
    if (!reply.ok) return String((await reply.json()).data.message);
    tabs.postMessage('in');
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Has this browser forgotten, and begins anew. */
export async function logOut(): Promise<void> {
  const reply = await fetch('logout', { method: 'POST' });
  if (!reply.ok) throw new Error(`the bridge answered ${reply.status}`);
  tabs.postMessage('out');
  location.reload();
}
