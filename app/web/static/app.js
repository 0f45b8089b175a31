// Small behaviours: fragments that refresh themselves, evidence that opens, double clicks that count once.
"use strict";

function refresh(element) {
  const seconds = Number(element.dataset.every);
  setTimeout(async () => {
    try {
      const response = await fetch(element.dataset.refresh, { headers: { "X-Fragment": "1" } });
      if (response.ok) {
        const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
        const next = fresh.getElementById(element.id);
        if (next && next.dataset.state !== element.dataset.state) {
          location.reload();
          return;
        }
      }
    } catch {
      // The service is restarting; the next look tells.
    }
    refresh(element);
  }, seconds * 1000);
}

function openEvidence() {
  const id = decodeURIComponent(location.hash.slice(1));
  const target = id && document.getElementById(id);
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView({ block: "center" });
  }
}

document.querySelectorAll("[data-refresh]").forEach(refresh);
document.querySelectorAll("form").forEach((form) =>
  form.addEventListener("submit", () =>
    setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }))));
addEventListener("hashchange", openEvidence);
openEvidence();
