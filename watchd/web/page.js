"use strict";
(function () {
  // A proxy may have put the page below a path of its own.
  const here = document.currentScript.src;
  const beside = (name) => new URL(name, here);
  const live = document.querySelector("#live");
  const main = document.querySelector("main");
  let asking = false, again = false;
  // As it was sent: what scripts have changed since is no news.
  const shown = new Map([...main.querySelectorAll("section[id]")].map((section) => [section.id, section.innerHTML]));

  // Fetching takes 5 % of the time at most: each is paid for from what was saved meanwhile, a second at most. So a
  // picture that comes alone is shown at once, however long its ledger is, and a stream of them is no load.
  const SHARE = 0.05, MOST_SAVED_MS = 1000;
  let saved = MOST_SAVED_MS, counted = performance.now();
  function restMs() {
    const now = performance.now();
    saved = Math.min(MOST_SAVED_MS, saved + SHARE * (now - counted));
    counted = now;
    return saved >= 0 ? 0 : -saved / SHARE;
  }

  async function refresh() {
    if (asking) { again = true; return; }
    asking = true;
    const rest = restMs();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    again = false;
    const began = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        // Section by section, and only what has changed: whoever types or reads is not disturbed.
        for (const section of main.querySelectorAll("section[id]")) {
          const other = fresh.getElementById(section.id);
          if (!other || other.innerHTML === shown.get(section.id)) continue;
          const held = section.contains(document.activeElement) ? document.activeElement : null;
          if (held && held.matches("input, select")) continue;
          shown.set(section.id, other.innerHTML);
          section.replaceWith(other);
          // Who walks the page by keyboard stays where they were.
          const same = held && [...other.querySelectorAll(held.tagName)].find((one) => one.outerHTML === held.outerHTML);
          if (same) same.focus({ preventScroll: true });
        }
      }
    } finally {
      saved -= performance.now() - began;
      asking = false;
      if (again) { again = false; refresh(); }
    }
  }

  // A job without a picture to show has none; a browser would draw a broken one.
  document.addEventListener("error", (event) => {
    if (event.target instanceof HTMLImageElement) event.target.classList.add("missing");
  }, true);

  const events = new EventSource(beside("events"));
  events.addEventListener("open", () => { live.textContent = "live"; });
  events.addEventListener("error", () => { live.textContent = "connecting"; });
  events.addEventListener("changed", refresh);
})();
