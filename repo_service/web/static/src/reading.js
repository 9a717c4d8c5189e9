// The contents beside a text: searched, followed while scrolling, and ?page=N of a search hit leads to its section.
import { Transcript } from "./lib/transcript.js";

const text = document.getElementById("reading");
const heads = [...text.querySelectorAll("[id^='section-']")];
const numberOf = (head) => Number(head.id.slice("section-".length));
const show = (number) => document.getElementById(`section-${number}`)?.scrollIntoView();

const transcript = new Transcript(document.getElementById("transcript"), (number, line) => {
  show(number);
  history.replaceState(null, "", line.href);
});

function follow() {
  const passed = heads.filter((head) => head.getBoundingClientRect().top < window.innerHeight / 3);
  if (heads.length) transcript.follow(numberOf(passed.at(-1) ?? heads[0]));
}

document.addEventListener("scroll", follow, { passive: true });
const asked = new URLSearchParams(location.search).get("page");
if (asked && !location.hash) show(asked);
follow();
