// Runs before anything is drawn: light or dark, as a person chose it here, else as the system has it (src/ui/theme.ts).
let chosen;
try {
  chosen = localStorage.getItem('ppo-theme');
} catch {
  // The browser keeps nothing for this page.
}
document.documentElement.dataset.theme = chosen || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
