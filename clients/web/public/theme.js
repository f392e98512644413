// Runs before anything is drawn: light or dark, as a person chose it here (src/ui/theme.ts).
try {
  const chosen = localStorage.getItem('ppo-theme');
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // The browser keeps nothing for this page.
}
