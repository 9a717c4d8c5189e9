// Searching inside the thing: the server's own search, asked while one types, its answer in the place of the whole text.
import { onTyped } from "./typing.js";

const PAUSE = 250; // ms after the last key

// panel: holds form[data-inside], #places for the answer and .whole for the text. `failed(words)` when none came.
export function searchInside(panel, failed) {
  const form = panel.querySelector("form[data-inside]");
  if (!form) return;
  const places = panel.querySelector("#places");
  let order = form.dataset.order;
  let asking = null;

  const show = (words, html) => {
    places.innerHTML = html; // drawn by the server, every text in it escaped
    panel.querySelector(".whole").hidden = html !== "" && !places.querySelector(".warn");
    const address = new URL(location.href);
    for (const [name, value] of [["q", html && words], ["order", html && order !== "worth" && order]]) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    history.replaceState(history.state, "", address);
  };
  const ask = async (words) => {
    asking?.abort();
    const mine = (asking = new AbortController());
    if (!words) return show(words, "");
    try {
      const answer = await fetch(`${form.dataset.inside}?${new URLSearchParams({ q: words, order })}`, { signal: mine.signal });
      if (answer.ok) show(words, (await answer.text()).trim());
      else failed(words);
    } catch {
      if (!mine.signal.aborted) failed(words);
    }
  };
  const wait = onTyped(form.elements.q, PAUSE, ask);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    wait();
    ask(form.elements.q.value.trim());
  });
  places.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-order], a[data-whole]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.dataset.order) order = link.dataset.order;
    else form.elements.q.value = "";
    await ask(form.elements.q.value.trim());
    (places.querySelector(".sorts [aria-current]") ?? form.elements.q).focus();
  });
}
