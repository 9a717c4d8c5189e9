// On every page: htmx (live parts), type-ahead over titles, and small comforts. Pages work without any of it.
import "htmx.org/dist/htmx.esm.js";
import { tellOpened } from "./lib/opened.js";
import { typeAhead } from "./lib/typeahead.js";

document.documentElement.dataset.js = "on";

for (const input of document.querySelectorAll("[data-suggest]")) typeAhead(input);

const hits = document.querySelector("[data-asked]");
if (hits) tellOpened(hits);

// "Copy" buttons: the text of the element that data-copy names.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard?.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  button.textContent = button.dataset.done;
});

// A second question before something that cannot be taken back; without scripts the form simply goes.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// Facets: a ticked box searches at once; its button is for those without scripts.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-live]");
  if (form) form.requestSubmit();
});
