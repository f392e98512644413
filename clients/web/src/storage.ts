// What a person chose, kept by the browser where it lets the page.
const tabKey = 'ppo-tab';

export function load(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** What tells this tab from others, also after a reload. */
export function tabName(): string {
  const fresh = crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36).padStart(4, '0').slice(-4);
  try {
    const name = sessionStorage.getItem(tabKey) ?? fresh;
    sessionStorage.setItem(tabKey, name);
    return name;
  } catch {
    return fresh;
  }
}

export function save(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Then it holds until the page is closed.
  }
}
