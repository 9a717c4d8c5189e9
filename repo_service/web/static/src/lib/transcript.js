// The text beside the thing: follows it, is searched, and its lines lead to their second or page.
import { searchInside } from "./inside.js";

const FOLD = (text) => text.normalize("NFKC").toLowerCase();

export class Transcript {
  #panel;
  #list;
  #lines;
  #current = null;

  // panel: holds input[type=search] and an ol.transcript whose links carry data-at (seconds or page).
  constructor(panel, go) {
    this.#panel = panel;
    this.#list = panel.querySelector("ol.transcript");
    this.#lines = [...this.#list.querySelectorAll("a[data-at]")];
    this.#current = this.#list.querySelector("a[aria-current]"); // marked by the server: only one line is, ever
    panel.addEventListener("click", (event) => {
      const line = event.target.closest("a[data-at]");
      if (!line || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      go(Number(line.dataset.at), line);
    });
    searchInside(panel, (words) => this.#search(words));
    const plain = panel.querySelector("div.find"); // what is not public is in no index: its lines are looked through
    plain?.removeAttribute("hidden");
    plain?.addEventListener("input", (event) => this.#search(event.target.value));
  }

  // Mark the line that is said or shown now; `at` in the unit of data-at.
  follow(at) {
    let low = 0;
    let high = this.#lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Number(this.#lines[middle].dataset.at) <= at + 0.05) low = middle + 1;
      else high = middle;
    }
    const line = this.#lines[low - 1] ?? null;
    if (line === this.#current) return;
    this.#current?.removeAttribute("aria-current");
    line?.setAttribute("aria-current", "true");
    this.#current = line;
    if (line && !this.#panel.contains(document.activeElement)) this.#reveal(line);
  }

  // Scroll the list alone, never the page.
  #reveal(line) {
    const list = this.#list;
    if (list.scrollHeight <= list.clientHeight) return;
    const top = line.getBoundingClientRect().top - list.getBoundingClientRect().top + list.scrollTop;
    list.scrollTo({ top: top - list.clientHeight / 3 });
  }

  #search(words) {
    const wanted = FOLD(words.trim());
    let found = 0;
    for (const line of this.#lines) {
      const text = line.lastElementChild;
      const hit = !wanted || FOLD(text.textContent).includes(wanted);
      line.closest("li").hidden = !hit;
      found += hit;
      paint(text, wanted);
    }
    const output = this.#panel.querySelector("output");
    if (output) output.textContent = wanted ? output.dataset.words.replace("#", found) : "";
  }
}

// Mark each occurrence; folding must keep the length, else the line is left unmarked.
function paint(element, wanted) {
  const text = element.textContent;
  const folded = FOLD(text);
  if (!wanted || folded.length !== text.length) return element.replaceChildren(text);
  const parts = [];
  let from = 0;
  for (let at = folded.indexOf(wanted); at >= 0; at = folded.indexOf(wanted, from)) {
    const mark = document.createElement("mark");
    mark.textContent = text.slice(at, at + wanted.length);
    parts.push(text.slice(from, at), mark);
    from = at + wanted.length;
  }
  element.replaceChildren(...parts, text.slice(from));
}
