// The results beside their filters: a tick searches at once and is announced, long lists are narrowed by typing.
import { onFailure, say } from "./said.js";
import { onTyped } from "./typing.js";

const PAUSE = 80; // ms after the last key

// Where the button is hidden a ticked box searches by itself; in the drawer of a phone several are ticked first.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-live]");
  if (form && !form.querySelector(".apply").offsetParent) form.requestSubmit();
});

document.addEventListener("htmx:after:swap", () => {
  const total = document.getElementById("total");
  if (total) say(total.textContent.trim());
  prepare();
  // The button that was pressed is gone with the drawer: who goes by keyboard goes on at the results.
  if (document.activeElement === document.body) document.querySelector("[data-results]")?.focus({ preventScroll: true });
});

// Without an answer the boxes say again what the results are; in the drawer they stay as ticked, to be applied again.
onFailure((form) => {
  if (!form.matches?.("form[data-live]")) return;
  const drawer = form.querySelector(".drawer a");
  if (drawer.offsetParent) {
    drawer.click();
    document.querySelector(".chip.filters").focus({ preventScroll: true });
  } else for (const box of form.querySelectorAll("[type=checkbox]")) box.checked = box.defaultChecked;
});

// Going back leads to the results, not to the drawer that stood before them.
document.addEventListener(
  "submit",
  (event) => {
    const drawer = event.target.closest("form[data-live]") && location.hash === "#filters";
    if (drawer) history.replaceState(history.state, "", location.pathname + location.search);
  },
  true,
);

// The links to other looks of this page stand outside of what was swapped.
for (const happened of ["htmx:after:history:push", "htmx:after:history:replace"]) document.addEventListener(happened, lookAgain);
window.addEventListener("popstate", lookAgain);

function lookAgain() {
  for (const link of document.querySelectorAll("a[data-look]")) {
    const here = new URL(location.href);
    here.searchParams.set(link.dataset.look, new URL(link.href).searchParams.get(link.dataset.look));
    link.href = here;
  }
}

// Escape leaves the drawer as its own link does.
document.addEventListener("keydown", (event) => {
  const drawer = event.key === "Escape" && event.target.closest("#filters:target");
  if (drawer) drawer.querySelector("a[href='#found']").click();
});

function prepare() {
  for (const input of document.querySelectorAll("[data-narrow][hidden]")) {
    input.hidden = false;
    onTyped(input, PAUSE, (words) => narrow(input.closest("fieldset"), words.normalize("NFKC").toLowerCase()));
    input.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  }
}

// Show the values that hold the words, those behind "more" too.
function narrow(box, words) {
  for (const row of box.querySelectorAll("li")) row.hidden = !row.textContent.normalize("NFKC").toLowerCase().includes(words);
  for (const rest of box.querySelectorAll("details.rest")) rest.open ||= words !== "";
}

prepare();
