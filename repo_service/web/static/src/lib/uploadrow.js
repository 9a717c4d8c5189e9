// One file in the list of uploads: its bar, what can be done with it, and, once it is received, the steps of its resource.
import { size } from "./uploadwords.js";

const TONES = { sending: "busy", stored: "ok", failed: "bad", refused: "bad", paused: "warn" };

let count = 0;

export class Row {
  constructor(file, say, act) {
    this.say = say;
    this.resource = null;
    this.item = document.createElement("li");
    this.item.className = "upload";
    this.captions = /\.(srt|vtt|ass|ssa)$/i.test(file.name);
    const name = make("h3", "upload-name", file.name);
    name.id = `upload-${++count}`;
    this.bar = document.createElement("progress");
    this.bar.max = 1;
    this.bar.value = 0;
    this.bar.setAttribute("aria-labelledby", name.id);
    this.far = make("span", "upload-far", size(file.size ?? 0));
    this.tag = make("span", "tag", "");
    this.note = make("p", "upload-note");
    this.note.hidden = true;
    this.steps = make("div", "upload-steps");
    this.buttons = Object.fromEntries(
      ["pause", "resume", "retry", "remove"].map((what) => [what, button(say[what], say.name(say[what], file.name), () => act(what, file.id))]),
    );
    this.link = make("a", "go quiet", say.open);
    const tools = make("div", "upload-tools");
    tools.append(this.tag, this.far, ...Object.values(this.buttons), this.link);
    this.item.append(name, this.bar, tools, this.note, this.steps);
    this.show("waiting");
  }

  // state: waiting, sending, paused, stored, failed (worth another try) or refused.
  show(state, note = "") {
    const pressed = Object.values(this.buttons).find((one) => one === document.activeElement);
    this.state = state;
    this.tag.textContent = this.say[state];
    this.tag.className = `tag ${TONES[state] ?? ""}`;
    this.item.classList.toggle("bad", state === "failed" || state === "refused");
    this.bar.hidden = state === "stored" || state === "refused";
    this.note.textContent = note;
    this.note.hidden = !note;
    this.buttons.pause.hidden = state !== "sending" && state !== "waiting";
    this.buttons.resume.hidden = state !== "paused";
    this.buttons.retry.hidden = state !== "failed";
    this.buttons.remove.hidden = state === "stored";
    this.link.hidden = !this.resource;
    if (pressed?.hidden) [...Object.values(this.buttons), this.link].find((one) => !one.hidden)?.focus(); // the keyboard stays here
  }

  sent(bytes, all) {
    this.bar.value = all ? bytes / all : 1;
    this.far.textContent = bytes < all ? this.say.of(size(bytes), size(all)) : size(all);
  }

  // shown: whether the steps of this resource are to be seen here, and not at another of its files.
  received(resource, shown) {
    this.resource = resource;
    this.shower = shown;
    this.over = !shown;
    this.link.href = `/resources/${resource}`;
    this.bar.value = 1;
    this.show("stored");
  }

  // Another file of the resource shows the steps from now on.
  follow() {
    this.shower = false;
    this.over = true;
    this.drawn = "";
    this.steps.replaceChildren();
  }

  // Ask for the steps as the server draws them; answer whether there is more to come.
  async refresh() {
    const answer = await fetch(`/resources/${this.resource}/steps`, { headers: { Accept: "text/html" } }).catch(() => null);
    const said = answer?.ok ? await answer.text() : "";
    if (!this.shower) return false; // meanwhile another file shows them
    if (!answer?.ok) return answer === null || answer.status >= 500;
    const drawn = new DOMParser().parseFromString(said, "text/html").querySelector("[id^=steps-]");
    if (!drawn) return false;
    const busy = drawn.hasAttribute("hx-get");
    for (const name of drawn.getAttributeNames().filter((one) => one.startsWith("hx-"))) drawn.removeAttribute(name);
    drawn.removeAttribute("id");
    for (const named of drawn.querySelectorAll("[id]")) rename(named, drawn, this.item.firstChild.id);
    for (const form of drawn.querySelectorAll("form")) form.remove(); // a retry leaves this page: it is offered at the resource
    if (!busy && !drawn.querySelector(".bad")) for (const work of drawn.querySelectorAll(".work")) work.remove(); // all is well
    if (drawn.innerHTML !== this.drawn) {
      this.drawn = drawn.innerHTML;
      this.steps.replaceChildren(drawn);
    }
    return busy;
  }
}

export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

export function button(text, label, act, className = "plain boxed") {
  const element = make("button", className, text);
  element.type = "button";
  if (label !== text) element.setAttribute("aria-label", label);
  element.addEventListener("click", act);
  return element;
}

// Take an item off its list; the keyboard goes on at the one beside it, or at `last()` where there is none.
export function takeOff(item, last) {
  const beside = item.nextElementSibling ?? item.previousElementSibling;
  const held = item.contains(document.activeElement);
  item.remove();
  if (held) (beside?.querySelector(":is(button, a):not([hidden])") ?? last()).focus();
}

// Two files of one resource show the same steps: ids stay unique with the row's own in front.
function rename(named, root, prefix) {
  const before = named.id;
  named.id = `${prefix}-${before}`;
  for (const user of root.querySelectorAll(`[aria-labelledby="${before}"]`)) user.setAttribute("aria-labelledby", named.id);
}
