// The reader of pages: the server sends each page as a picture and its text; here pdf.js draws it sharp, with a text
// layer to select from, once the PDF is there. Turning pages is htmx or, without scripts, plain links.
import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";
import { keep, recall } from "./lib/memory.js";
import { say } from "./lib/said.js";
import { Transcript } from "./lib/transcript.js";

const ZOOMS = [1, 1.25, 1.5, 2, 2.5, 3];
const reader = document.getElementById("reader");
const { pdf, vendor, id } = reader.dataset;
pdfjs.GlobalWorkerOptions.workerSrc = `${vendor}pdf.worker.min.mjs`;

let opened = null; // the document, opened at the first need
let task = null; // what is being drawn
let zoom = Number(recall("zoom")) || 1;

const panel = document.getElementById("transcript");
const transcript =
  panel &&
  new Transcript(panel, (_page, line) => {
    window.htmx.ajax("GET", line.href, { source: reader, target: "#leaf", select: "#leaf", swap: "outerHTML", push: line.href });
  });

function open() {
  opened ??= pdfjs.getDocument({
    url: pdf,
    cMapUrl: `${vendor}cmaps/`,
    cMapPacked: true,
    standardFontDataUrl: `${vendor}standard_fonts/`,
    wasmUrl: `${vendor}wasm/`,
    iccUrl: `${vendor}iccs/`,
    enableScripting: false,
    isEvalSupported: false,
  }).promise;
  return opened;
}

async function draw() {
  const leaf = document.getElementById("leaf");
  const number = Number(leaf.dataset.page);
  transcript?.follow(number);
  keep(`page:${id}`, number);
  const sheet = leaf.querySelector(".leaf-sheet");
  for (const tools of leaf.querySelectorAll("[data-needs-script]")) tools.hidden = false;
  sheet.style.setProperty("--zoom", zoom);
  if (!pdf) return;
  const page = await (await open()).getPage(number);
  if (!sheet.isConnected) return;
  const width = sheet.clientWidth * zoom;
  const viewport = page.getViewport({ scale: width / page.getViewport({ scale: 1 }).width });
  const canvas = document.createElement("canvas");
  const sharp = Math.min(window.devicePixelRatio || 1, 3);
  canvas.width = Math.floor(viewport.width * sharp);
  canvas.height = Math.floor(viewport.height * sharp);
  canvas.setAttribute("aria-hidden", "true");
  task?.cancel();
  task = page.render({ canvas, viewport, transform: sharp === 1 ? null : [sharp, 0, 0, sharp, 0, 0] });
  await task.promise;
  const text = document.createElement("div");
  text.className = "textLayer";
  text.style.setProperty("--total-scale-factor", viewport.scale);
  text.style.setProperty("--scale-factor", viewport.scale);
  await new pdfjs.TextLayer({ textContentSource: page.streamTextContent(), container: text, viewport }).render();
  if (!sheet.isConnected) return;
  sheet.querySelectorAll("canvas, .textLayer").forEach((old) => old.remove());
  sheet.append(canvas, text);
  sheet.dataset.drawn = number;
}

const redraw = () => draw().catch((error) => error.name === "RenderingCancelledException" || console.warn(error));

function setZoom(step) {
  const index = ZOOMS.indexOf(zoom) < 0 ? 0 : ZOOMS.indexOf(zoom);
  zoom = ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, index + step))];
  keep("zoom", zoom);
  redraw();
}

reader.addEventListener("click", (event) => {
  const step = event.target.closest("[data-zoom]")?.dataset.zoom;
  if (step) setZoom(Number(step));
});
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, [contenteditable]") || event.altKey || event.ctrlKey || event.metaKey) return;
  const turn = { ArrowLeft: "prev", ArrowRight: "next", PageUp: "prev", PageDown: "next" }[event.key];
  const link = turn && document.querySelector(`#leaf a[rel~="${turn}"]`);
  if (!link || scrolls(event.target, event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  link.click();
});

// Whether the keys scroll a box here, sideways or down: a page drawn large, the list beside it.
function scrolls(from, sideways) {
  for (let box = from; box && box !== document.body; box = box.parentElement) {
    const style = getComputedStyle(box);
    const [over, how] = sideways ? [box.scrollWidth - box.clientWidth, style.overflowX] : [box.scrollHeight - box.clientHeight, style.overflowY];
    if (over > 1 && (how === "auto" || how === "scroll")) return true;
  }
  return false;
}

// Who turns pages by keyboard stays at the same link, or at the page where that one is gone; htmx finds what has an id.
let held = false;
const turned = (event) => ["leaf", "reader"].includes(event.detail.ctx?.target?.id);
document.addEventListener("htmx:before:swap", (event) => {
  if (turned(event)) held = reader.contains(document.activeElement);
});
document.addEventListener("htmx:after:swap", (event) => {
  redraw();
  if (!turned(event)) return;
  const leaf = document.getElementById("leaf");
  if (held && !reader.contains(document.activeElement)) leaf.focus({ preventScroll: true });
  say(leaf.getAttribute("aria-label"));
});
let width = reader.clientWidth;
let pause = 0;
new ResizeObserver(() => {
  if (reader.clientWidth === width) return; // drawing changes the height
  width = reader.clientWidth;
  clearTimeout(pause);
  pause = setTimeout(redraw, 150);
}).observe(reader);

const left = Number(recall(`page:${id}`));
const resume = document.getElementById("resume");
if (resume && left > 1 && !new URLSearchParams(location.search).has("page")) {
  resume.href = `?page=${left}`;
  resume.textContent = resume.dataset.words.replace("#", left);
  resume.hidden = false;
}
redraw();
