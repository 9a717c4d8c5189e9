// Completions under a search box: a combobox by the ARIA practices 1.2 (list, chosen by hand). The box keeps the focus
// and what was typed; arrows and a press choose. Without scripts it is a plain field.
import { composes, onTyped } from "./typing.js";

const PAUSE = 120; // ms after the last key
const REMEMBERED = 50; // answers that need no second request

export function typeAhead(input) {
  const kinds = JSON.parse(input.dataset.kinds);
  const list = document.createElement("div");
  list.id = `${input.id}-options`;
  list.className = "options";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.dataset.suggest);
  list.hidden = true;
  const said = document.createElement("span");
  said.className = "unseen";
  said.setAttribute("role", "status");
  input.form.append(list, said);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, autocapitalize: "none", spellcheck: "false" })) {
    input.setAttribute(name, value);
  }

  const answers = new Map();
  let asking = null; // what is on its way, to be given up when something else is typed
  let options = [];
  let active = -1;

  const mark = (index) => {
    options[active]?.setAttribute("aria-selected", "false");
    active = index;
    options[active]?.setAttribute("aria-selected", "true");
    options[active]?.scrollIntoView({ block: "nearest" });
    if (index < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", options[index].id);
  };
  const show = (visible) => {
    if (!visible) mark(-1);
    list.hidden = !visible;
    input.setAttribute("aria-expanded", String(visible));
    said.textContent = visible ? input.dataset.said.replace("#", options.length) : "";
  };
  // Closed by the person: an answer that is still on its way does not open it again.
  const close = () => {
    wait();
    asking?.abort();
    asking = null;
    show(false);
  };
  const ask = async (words) => {
    if (asking?.words === words) return; // its answer opens the list
    asking?.abort();
    if (!words) return show(false);
    const mine = (asking = Object.assign(new AbortController(), { words }));
    const found = answers.get(words) ?? (await suggestions(words, mine.signal));
    if (mine.signal.aborted) return;
    asking = null;
    if (!found) return;
    if (answers.size >= REMEMBERED) answers.delete(answers.keys().next().value);
    answers.set(words, found);
    mark(-1);
    list.replaceChildren(...groupsOf(found, words, kinds, list.id));
    options = [...list.querySelectorAll("[role=option]")];
    show(options.length > 0 && document.activeElement === input);
  };
  const wait = onTyped(input, PAUSE, ask);
  const take = (option) => {
    const { url, text } = option.dataset;
    close();
    if (!url.startsWith("/search?q=")) return location.assign(url);
    input.value = text;
    input.form.requestSubmit();
  };

  input.addEventListener("compositionstart", close);
  input.addEventListener("blur", close);
  input.form.addEventListener("submit", close);
  input.addEventListener("keydown", (event) => {
    if (composes(event) || event.ctrlKey || event.metaKey) return;
    const open = !list.hidden;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !open) ask(input.value.trim());
    else if (step && event.altKey) close();
    else if (step) mark(((active + 1 + step + options.length + 1) % (options.length + 1)) - 1); // over the box itself
    else if (event.key === "Escape" && open) close();
    else if (event.key === "Escape" && input.value) input.value = "";
    else if (event.key === "Enter" && open && active >= 0) take(options[active]);
    else {
      if (["Home", "End", "ArrowLeft", "ArrowRight"].includes(event.key)) mark(-1); // back in the text
      return;
    }
    event.preventDefault();
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus; a finger may scroll
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
}

// An address that is read as it is: /api/v1/suggest answers [{text, kind, url}], null stands for no answer.
async function suggestions(words, signal) {
  try {
    const answer = await fetch(`/api/v1/suggest?q=${encodeURIComponent(words)}`, { signal });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

// One group for each kind, in the order of the first of it; kinds that this page does not know come under one name.
function groupsOf(found, words, kinds, id) {
  const groups = new Map();
  found.forEach((item, i) => {
    const kind = kinds[item.kind] ?? kinds.other;
    if (!groups.has(kind)) groups.set(kind, groupOf(kind, `${id}-group-${groups.size}`));
    groups.get(kind).append(optionOf(item, words, `${id}-${i}`));
  });
  return groups.values();
}

function groupOf(kind, id) {
  const group = document.createElement("div");
  group.setAttribute("role", "group");
  group.setAttribute("aria-labelledby", id);
  const head = document.createElement("span");
  head.id = id;
  head.className = "kind";
  head.setAttribute("role", "presentation");
  head.textContent = kind;
  group.append(head);
  return group;
}

function optionOf(item, words, id) {
  const option = document.createElement("div");
  option.id = id;
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  option.dataset.url = item.url;
  option.dataset.text = item.text;
  const text = document.createElement("span"); // one box, so that marks do not become columns
  text.append(...marked(item.text, words));
  option.append(text);
  return option;
}

// The part that was typed, where it stands there as it is; what was found by its sound has none.
function marked(text, words) {
  const folded = text.toLowerCase();
  const at = folded.length === text.length ? folded.indexOf(words.toLowerCase()) : -1;
  if (at < 0) return [text];
  const mark = document.createElement("mark");
  mark.textContent = text.slice(at, at + words.length);
  return [text.slice(0, at), mark, text.slice(at + words.length)];
}
