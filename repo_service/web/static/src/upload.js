// Uploads by tus: files and folders, paused and resumed, going on after the page was closed, each with its steps to the end.
import Uppy from "@uppy/core";
import Tus from "@uppy/tus";
import chinese from "@uppy/locales/lib/zh_CN.js";
import "./upload.css";
import { Unfinished } from "./lib/unfinished.js";
import { Row, button, make, takeOff } from "./lib/uploadrow.js";
import { words } from "./lib/uploadwords.js";

const CHUNK = 16 * 2 ** 20;
const AT_ONCE = 3;
const RETRIES = [0, 1000, 3000, 5000, 10000, 20000, 30000, 60000];
const ROWS = 300; // files that are shown at once; the others are counted
const FINAL = new Set([403, 404, 413, 415, 422]); // trying again would end the same
const POLL = 2000;
const POLLED = 6; // resources that are asked about in one go

const place = document.getElementById("upload");
if (place) desk(place);

function desk(root) {
  const given = root.dataset;
  const say = words(given.lang ?? "zh");
  const rows = new Map();
  const chooser = document.getElementById("institution");
  // Part of what an upload is remembered by: another person, or another place, does not go on with it.
  const owner = `xuehai${(given.viewer ?? "").replaceAll("-", "")}`;
  const uppy = new Uppy({
    id: `u-${owner}-`,
    autoProceed: true,
    locale: say.drop === words("en").drop ? undefined : chinese,
    restrictions: { maxFileSize: Number(given.maxBytes) || null },
  }).use(Tus, {
    endpoint: given.endpoint,
    headers: { "X-CSRF-Token": given.csrf, "Accept-Language": given.lang ?? "zh" }, // refusals as the page speaks
    chunkSize: CHUNK,
    limit: AT_ONCE,
    retryDelays: RETRIES,
    removeFingerprintOnSuccess: true,
  });

  const status = make("p", "soft");
  status.setAttribute("role", "status");
  const problems = make("div", "flow");
  problems.setAttribute("role", "alert");
  const list = make("ul", "uploads");
  list.setAttribute("aria-label", say.list);
  const all = button(say.pauseAll, say.pauseAll, () => toggleAll());
  all.hidden = true;
  const unfinished = new Unfinished(owner, given.endpoint, say, choose);
  root.classList.add("flow");
  root.append(unfinished.section, dropZone(), problems, bar(), list);

  uppy.on("file-added", (file) => {
    unfinished.chosen(file.name);
    if (rows.size - received() < ROWS) row(file);
    else tell();
  });
  uppy.on("upload-progress", (file, progress) => {
    if (!file) return;
    const shown = row(file);
    if (shown.state === "waiting") shown.show("sending");
    shown.sent(progress.bytesUploaded, progress.bytesTotal);
  });
  uppy.on("upload-pause", (file, paused) => row(file).show(paused ? "paused" : "sending"));
  uppy.on("upload-retry", (file) => row(file).show("sending"));
  uppy.on("upload-error", (file, error, response) => {
    const final = FINAL.has(response?.status);
    row(file).show(final ? "refused" : "failed", reason(response));
    tell();
  });
  uppy.on("upload-success", (file, response) => {
    const resource = response.body?.xhr?.getResponseHeader("Xuehai-Resource");
    if (resource) {
      const shower = [...rows.values()].find((one) => one.resource === resource && one.shower);
      const better = shower?.captions && !row(file).captions; // the steps are looked for at the video
      if (better) shower.follow();
      else if (shower) shower.over = false; // its steps have become more
      row(file).received(resource, !shower || better);
    }
    tell();
  });
  uppy.on("restriction-failed", (file, error) => problem(file ? `${file.name}: ${error.message}` : error.message));
  setInterval(poll, POLL);
  addEventListener("offline", () => problem(say.offline));
  addEventListener("online", () => problems.replaceChildren());

  function row(file) {
    if (!rows.has(file.id)) {
      const made = new Row(file, say, act);
      rows.set(file.id, made);
      list.append(made.item);
      tell();
    }
    return rows.get(file.id);
  }

  function act(what, id) {
    if (what === "retry") uppy.retryUpload(id);
    else if (what === "remove") {
      uppy.removeFile(id);
      if (rows.has(id)) takeOff(rows.get(id).item, choose);
      rows.delete(id);
      tell();
    } else uppy.pauseResume(id);
  }

  function toggleAll() {
    const running = [...rows.values()].some((one) => one.state === "sending" || one.state === "waiting");
    if (running) uppy.pauseAll();
    else uppy.resumeAll();
    for (const one of rows.values()) {
      if (running && (one.state === "sending" || one.state === "waiting")) one.show("paused");
      else if (!running && one.state === "paused") one.show("sending");
    }
    tell();
  }

  function received() {
    let count = 0;
    for (const one of rows.values()) count += one.state === "stored";
    return count;
  }

  function tell() {
    const known = uppy.getFiles().length;
    const hidden = known - rows.size;
    status.textContent = known ? [say.done(received(), known), hidden > 0 ? say.more(hidden) : ""].filter(Boolean).join(" · ") : "";
    const open = [...rows.values()].filter((one) => one.state === "sending" || one.state === "waiting" || one.state === "paused");
    all.hidden = open.length < 2;
    all.textContent = open.some((one) => one.state !== "paused") ? say.pauseAll : say.resumeAll;
    all.removeAttribute("aria-label");
  }

  function add(files, relative = (file) => file.webkitRelativePath) {
    problems.replaceChildren();
    const institution = given.institution || chooser?.value || "";
    const where = new URLSearchParams({ to: given.resource || institution, for: given.replaces ?? "" });
    uppy.getPlugin("Tus").setOptions({ endpoint: `${given.endpoint}?${where}` }); // uploads are remembered by it
    const common = { institution, role: given.role || "source" };
    if (given.resource) common.resource_id = given.resource;
    if (given.replaces) common.replaces = given.replaces;
    const described = files.map((file) => {
      const meta = { ...common, name: file.name, filename: file.name, filetype: file.type };
      const path = relative(file);
      if (path) meta.relativePath = path;
      return { name: file.name, type: file.type, data: file, meta, source: "desk" };
    });
    try {
      uppy.addFiles(described);
    } catch (error) {
      if (!error.isRestriction) problem(error.message); // refused files were named by their event
    }
    tell();
  }

  function choose() {
    return root.querySelector(".drop button");
  }

  function dropZone() {
    const zone = make("div", "drop");
    const files = picker({ multiple: !given.replaces });
    zone.append(make("p", "drop-words", say.drop), button(say.files, say.files, () => files.click(), "go"), files);
    if (!given.replaces && "webkitdirectory" in files) {
      const folder = picker({ multiple: true, webkitdirectory: true });
      zone.append(button(say.folder, say.folder, () => folder.click(), "go quiet"), folder);
    }
    for (const type of ["dragenter", "dragover"]) {
      zone.addEventListener(type, (event) => {
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      const found = await dropped(event.dataTransfer);
      add(found.map((one) => one.file), (file) => found.find((one) => one.file === file).path);
    });
    return zone;
  }

  function picker(options) {
    const input = Object.assign(document.createElement("input"), { type: "file", hidden: true, tabIndex: -1 }, options);
    input.addEventListener("change", () => {
      add([...input.files]);
      input.value = ""; // the same file may be chosen again
    });
    return input;
  }

  function bar() {
    const line = make("div", "row upload-all");
    line.append(status, all);
    return line;
  }

  function problem(text) {
    const notice = make("div", "notice warn");
    notice.append(make("p", "", text));
    problems.append(notice);
  }

  function reason(response) {
    const text = response?.body?.xhr?.responseText;
    try {
      const said = JSON.parse(text);
      return [said.title, ...(said.errors ?? []).map((one) => one.detail)].join(" ");
    } catch {
      return navigator.onLine ? say.lost : say.offline;
    }
  }

  // The resources whose steps are not over, a few at a time and in turn.
  async function poll() {
    if (document.hidden) return;
    const open = [...rows.values()].filter((one) => one.resource && !one.over);
    for (const one of open.slice(0, POLLED)) {
      one.over = !(await one.refresh());
      const id = [...rows].find(([, value]) => value === one)?.[0];
      if (id && open.length > POLLED) {
        rows.delete(id); // to the end of the turn
        rows.set(id, one);
      }
    }
  }
}

// The files of a drop, folders walked through, each with its path below what was dropped.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: null }));
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return found;
}

async function walk(entry, above, found) {
  if (entry.isFile) {
    const file = await new Promise((good, bad) => entry.file(good, bad)).catch(() => null);
    if (file) found.push({ file, path: above ? above + entry.name : null });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((good, bad) => reader.readEntries(good, bad)).catch(() => []);
    if (!some.length) return;
    for (const one of some) await walk(one, `${above}${entry.name}/`, found);
  }
}
