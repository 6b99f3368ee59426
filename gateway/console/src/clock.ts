// What time it is, to the second, for ages that grow while one looks at them.
import { signal } from "@preact/signals";

export const now = signal(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1000);

document.addEventListener("visibilitychange", () => (now.value = Date.now()));
