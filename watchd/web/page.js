"use strict";
(function () {
  const live = document.querySelector("#live");
  const main = document.querySelector("main");
  let asking = false, again = false;

  async function refresh() {
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        // Section by section, and only what has changed: whoever types or reads is not disturbed.
        for (const section of main.querySelectorAll("section[id]")) {
          const other = fresh.getElementById(section.id);
          if (other && other.innerHTML !== section.innerHTML && !section.contains(document.activeElement)) {
            section.replaceWith(other);
          }
        }
      }
    } finally {
      asking = false;
      if (again) { again = false; refresh(); }
    }
  }

  const events = new EventSource("/events");
  events.addEventListener("open", () => { live.textContent = "live"; });
  events.addEventListener("error", () => { live.textContent = "connecting"; });
  events.addEventListener("changed", refresh);
})();
