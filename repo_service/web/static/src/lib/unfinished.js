// Uploads that this browser began and did not finish. tus-js-client keeps their addresses; choosing a file goes on with it.
import { button, make, takeOff } from "./uploadrow.js";

const PREFIX = "tus::";
const DAY = 24 * 3600 * 1000;
const KEPT_DAYS = 7;

// Show what is left of this person's uploads, in this place; an entry goes when its file is chosen or it is given up.
// `last()`: where the keyboard goes on when none is left.
export class Unfinished {
  constructor(owner, endpoint, say, last) {
    this.owner = owner;
    this.last = last;
    this.section = make("section", "unfinished flow");
    this.section.append(make("h2", "", say.unfinished), make("p", "soft", say.again));
    this.list = make("ul", "steps");
    this.section.append(this.list);
    this.rows = new Map();
    for (const [key, upload] of entries()) {
      if (Date.now() - new Date(upload.creationTime) > KEPT_DAYS * DAY) localStorage.removeItem(key);
      else if (key.includes(`-${owner}-`) && key.includes(endpoint)) this.#add(key, upload, say);
    }
    this.#settle();
  }

  chosen(name) {
    for (const [key, row] of this.rows) if (row.name === name) this.#drop(key);
  }

  #add(key, upload, say) {
    const name = upload.metadata?.name ?? upload.metadata?.filename ?? "";
    const item = make("li", "", "");
    const forget = button(say.forget, say.name(say.forget, name), () => {
      fetch(upload.uploadUrl, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0" } }).catch(() => null);
      localStorage.removeItem(key);
      this.#drop(key);
    });
    item.append(make("span", "unfinished-name", name), forget);
    this.rows.set(key, { name, item });
    this.list.append(item);
  }

  #drop(key) {
    const row = this.rows.get(key);
    if (row) takeOff(row.item, this.last);
    this.rows.delete(key);
    this.#settle();
  }

  #settle() {
    this.section.hidden = this.rows.size === 0;
  }
}

function entries() {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => [key, JSON.parse(localStorage.getItem(key))])
      .filter(([, upload]) => upload?.uploadUrl);
  } catch {
    return []; // a browser that forbids storage remembers nothing
  }
}
