// On every page: htmx (live parts), type-ahead over titles, and small comforts. Pages work without any of it.
import "htmx.org/dist/htmx.esm.js";
import { copy } from "./lib/copy.js";
import { tellOpened } from "./lib/opened.js";
import "./lib/results.js";
import { typeAhead } from "./lib/typeahead.js";

document.documentElement.dataset.js = "on";

for (const input of document.querySelectorAll("[data-suggest]")) typeAhead(input);

const listen = () => document.querySelectorAll("[data-asked]").forEach(tellOpened);
listen();
document.addEventListener("htmx:after:swap", listen); // results that took the place of others

// "Copy" buttons: the text of the element that data-copy names; what came of it is said beside the button.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const copied = await copy(document.getElementById(button.dataset.copy));
  button.nextElementSibling.textContent = copied ? button.dataset.done : button.dataset.failed;
});

// A second question before something that cannot be taken back; without scripts the form simply goes.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// "/" leads to the search box from everywhere, unless the reader chose otherwise; inside of fields it is a character like
// any other.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const box = document.documentElement.dataset.keys !== "off" && document.querySelector("[data-suggest]");
  if (!box || event.target.closest("input, select, textarea, [contenteditable]")) return;
  event.preventDefault();
  box.focus();
  box.select();
});
