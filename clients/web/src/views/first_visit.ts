// What one sees while nothing was ever published: how to attach a program to this very bridge.
import type { JsonObject } from '../feed/index.js';
import { objectOf, textOf } from '../model/values.js';
import { h, setText } from '../ui/dom.js';

interface Addresses {
  events: string;
  /** Empty: off. */
  control: string;
  /** Where the page is from. */
  http: string;
}

interface Snippet {
  name: string;
  about: string;
  text(at: Addresses): string;
}

const name = 'trainer-1';
const quoted = (text: string) => JSON.stringify(text); // as Python and C++ have it, too
const inShell = (text: string) => (/^[\w:/.@*-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const exported = ({ events, control }: Addresses) =>
  `export PPO_EVENTS_ADDRESS=${inShell(events)} PPO_CONTROL_ADDRESS=${inShell(control)}`;

export const snippets: readonly Snippet[] = [
  {
    name: 'Python', about: 'pip install ./publishers/python',
    text: ({ events, control }) => `from ppo_bridge import Publisher

publisher = Publisher(${quoted(name)}, run_name="my first run", config={"learning_rate": 3e-4},
                      endpoint=${quoted(events)}, control=${quoted(control)})
for step in range(1, 1001):
    publisher.scalar("losses/policy", 1 / step, step)
`,
  },
  {
    name: 'CleanRL', about: 'The script stays as it is but for one import',
    text: (at) => `pip install ./publishers/python
sed -i 's/^from torch.utils.tensorboard import/from ppo_bridge.tensorboard import/' cleanrl/ppo.py
${exported(at)}
python cleanrl/ppo.py
`,
  },
  {
    name: 'SB3', about: 'Stable-Baselines3; pip install ./publishers/python',
    text: ({ events, control }) => `from ppo_bridge import Publisher
from ppo_bridge.stable_baselines3 import BridgeCallback
from stable_baselines3 import PPO

publisher = Publisher(${quoted(name)}, endpoint=${quoted(events)}, control=${quoted(control)})
model = PPO("MlpPolicy", "CartPole-v1")
model.learn(100_000, callback=BridgeCallback(publisher))
`,
  },
  {
    name: 'C++', about: 'find_package(ppo_publisher), target_link_libraries(trainer ppo::publisher)',
    text: ({ events, control }) => `#include <ppo_publisher/publisher.h>

int main() {
  ppo::PublisherOptions options;
  options.source = ${quoted(name)};
  options.run_name = "my first run";
  options.config = {{"learning_rate", 3e-4}};
  options.endpoint = ${quoted(events)};
  options.control = ${quoted(control)};
  ppo::Publisher publisher(options);
  for (int step = 1; step <= 1000; ++step) publisher.scalar("losses/policy", 1.0 / step, step);
}
`,
  },
  {
    name: 'curl', about: 'Any program that can POST; lines of JSON',
    text: ({ http }) => `curl ${inShell(`${http}submit_event`)} -d '
{"type":"scalar","source":"${name}","run":"1","data":{"tag":"losses/policy","value":1.0,"step":1}}
{"type":"scalar","source":"${name}","run":"1","data":{"tag":"losses/policy","value":0.5,"step":2}}'
`,
  },
];

/** Of get_status: the real ones, or the usual ones where a bridge does not tell. */
export function addressesOf(status: JsonObject, http: string): Addresses {
  const told = objectOf(status.addresses);
  const known = 'addresses' in status;
  return {
    events: textOf(told.events_in)?.split(',')[0] ?? 'tcp://127.0.0.1:5556',
    control: textOf(told.control) ?? (known ? '' : 'tcp://127.0.0.1:5559'),
    http,
  };
}

export class FirstVisit {
  readonly element: HTMLElement;
  private readonly code = h('pre', { class: 'json', tabindex: '0', role: 'tabpanel', 'aria-label': 'Code' });
  private readonly about = h('p', { class: 'muted' });
  private readonly copied = h('span', { class: 'muted', role: 'status' });
  private readonly tabs: HTMLButtonElement[];
  private chosen = 0;

  constructor(private readonly status: () => JsonObject) {
    this.tabs = snippets.map((snippet, i) => h('button', {
      role: 'tab', onclick: () => this.choose(i), onkeydown: (event: KeyboardEvent) => this.onKey(event),
    }, snippet.name));
    this.element = h('div', { class: 'first-visit' },
      h('div', { role: 'tablist', class: 'tabs', 'aria-label': 'How a program is attached' }, ...this.tabs),
      this.about, this.code,
      h('div', { class: 'bar' }, h('button', { class: 'primary', onclick: () => void this.copy() }, 'Copy'), this.copied));
    this.update();
  }

  update(): void {
    const snippet = snippets[this.chosen]!;
    this.tabs.forEach((tab, i) => {
      tab.setAttribute('aria-selected', String(i === this.chosen));
      tab.tabIndex = i === this.chosen ? 0 : -1;
    });
    setText(this.about, snippet.about);
    setText(this.code, snippet.text(addressesOf(this.status(), new URL('.', location.href).href)));
  }

  private choose(i: number): void {
    this.chosen = i;
    setText(this.copied, '');
    this.update();
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    this.choose((this.chosen + step + snippets.length) % snippets.length);
    this.tabs[this.chosen]!.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.code.textContent ?? '');
      setText(this.copied, 'Copied.');
    } catch {
      getSelection()?.selectAllChildren(this.code); // then the keyboard copies it
      setText(this.copied, 'Chosen: copy it with Ctrl+C.');
    }
  }
}
