// Completions under a search box: a combobox by the ARIA practices, arrows and Enter or a press.
const PAUSE = 120; // ms after the last key

export function typeAhead(input) {
  const list = document.createElement("ul");
  list.id = `${input.id}-options`;
  list.className = "options";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.dataset.suggest);
  list.hidden = true;
  input.closest("form").append(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, autocomplete: "off" })) {
    input.setAttribute(name, value);
  }

  let timer = 0;
  let asked = 0;
  let active = -1;

  const show = (visible) => {
    list.hidden = !visible;
    input.setAttribute("aria-expanded", String(visible));
    if (!visible) mark(-1);
  };
  const mark = (index) => {
    active = index;
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
    if (index < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", list.children[index].id);
  };
  // Closed by the person: an answer that is still on its way does not open it again.
  const close = () => {
    clearTimeout(timer);
    asked++;
    show(false);
  };
  const take = (option) => {
    if (option.dataset.url) location.assign(option.dataset.url);
    else {
      input.value = option.textContent;
      close();
      input.form.requestSubmit();
    }
  };
  const ask = async () => {
    const words = input.value.trim();
    const number = ++asked;
    if (!words) return show(false);
    const answer = await fetch(`/api/v1/suggest?q=${encodeURIComponent(words)}`).catch(() => null);
    if (number !== asked || !answer?.ok) return;
    const found = await answer.json();
    list.replaceChildren(...found.map((item, i) => optionOf(item, `${list.id}-${i}`)));
    mark(active < found.length ? active : -1);
    show(found.length > 0 && document.activeElement === input);
  };

  input.addEventListener("input", (event) => {
    clearTimeout(timer);
    if (!event.isComposing) timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("compositionend", () => (timer = setTimeout(ask, PAUSE)));
  input.addEventListener("blur", () => setTimeout(close, 150));
  input.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const count = list.children.length;
    if (event.key === "ArrowDown") mark((active + 1) % count);
    else if (event.key === "ArrowUp") mark((active - 1 + count) % count);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && active >= 0) take(list.children[active]);
    else return;
    event.preventDefault();
  });
  list.addEventListener("pointerdown", (event) => {
    const option = event.target.closest("li");
    if (!option) return;
    event.preventDefault();
    take(option);
  });
}

function optionOf(item, id) {
  const option = document.createElement("li");
  option.id = id;
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  option.textContent = item.text;
  if (item.url && item.kind === "title") option.dataset.url = item.url;
  return option;
}
