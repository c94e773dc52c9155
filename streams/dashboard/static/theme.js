// Before the first paint: the colours that the reader chose; without a choice the system's hold.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("davy-theme");
  } catch {
    // Storage is switched off: the system's colours hold.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
