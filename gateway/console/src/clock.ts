// Clock: a signal of the current time, updated once a second while the tab is visible, for relative times.
import { signal } from "@preact/signals";

export const now = signal(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1000);

document.addEventListener("visibilitychange", () => (now.value = Date.now()));
