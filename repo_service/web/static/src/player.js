// The player: Video.js over the plain <video> or <audio> that works without it.
import "./lib/quiet.js";
import videojs from "video.js";
import zh from "video.js/dist/lang/zh-Hans.json";
import "video.js/dist/video-js.css";
import "../css/player.css";
import { clock } from "./lib/clock.js";
import { keep, recall } from "./lib/memory.js";
import { storyboard } from "./lib/storyboard.js";
import { Transcript } from "./lib/transcript.js";

const SKIP = 10; // seconds of the skip buttons and the arrow keys
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const NEAR_END = 15; // what is left then counts as seen: start from the beginning again

videojs.addLanguage("zh-Hans", zh);

const element = document.getElementById("player");
const { id, at, audioUrl, hls } = element.dataset;
const asked = at === "" ? null : Number(at);

// The page brings the small file for browsers without scripts; here the ladder comes first, the file after it.
const plain = [...element.querySelectorAll("source")].map(({ src, type }) => ({ src: src.split("#")[0], type }));

const player = videojs(element, {
  sources: hls ? [{ src: hls, type: "application/x-mpegURL" }, ...plain] : plain,
  language: document.documentElement.lang,
  playbackRates: SPEEDS,
  audioOnlyMode: element.tagName === "AUDIO",
  html5: { vhs: { overrideNative: !videojs.browser.IS_ANY_SAFARI }, nativeTextTracks: videojs.browser.IS_ANY_SAFARI },
  controlBar: { skipButtons: { backward: SKIP, forward: SKIP }, pictureInPictureToggle: false },
  userActions: { hotkeys },
});

const transcriptPanel = document.getElementById("transcript");
const transcript = transcriptPanel && new Transcript(transcriptPanel, (seconds) => playFrom(seconds));

player.on("timeupdate", () => transcript?.follow(player.currentTime()));
player.on(["seeking", "seeked"], () => transcript?.follow(player.currentTime()));
player.ready(() => {
  if (element.dataset.storyboard) storyboard(player, element.dataset.storyboard);
  rememberChoices();
  rememberPlace();
});

function hotkeys(event) {
  const jump = { ArrowLeft: -SKIP, j: -SKIP, J: -SKIP, ArrowRight: SKIP, l: SKIP, L: SKIP }[event.key];
  if (jump) player.currentTime(Math.max(0, player.currentTime() + jump));
  else if (event.key === " " || event.key === "k" || event.key === "K") player.paused() ? player.play() : player.pause();
  else if (event.key === "m" || event.key === "M") player.muted(!player.muted());
  else if (event.key === "f" || event.key === "F") player.isFullscreen() ? player.exitFullscreen() : player.requestFullscreen();
  else if (event.key === "ArrowUp" || event.key === "ArrowDown") player.volume(player.volume() + (event.key === "ArrowUp" ? 0.1 : -0.1));
  else return;
  event.preventDefault();
}

function playFrom(seconds) {
  player.currentTime(seconds);
  player.play()?.catch(() => {}); // a browser may want a press first; the place is kept
  const address = new URL(location.href);
  address.searchParams.set("t", String(Math.floor(seconds)));
  history.replaceState(null, "", address);
}

// Speed and captions stay as they were chosen last, on all things.
function rememberChoices() {
  const speed = Number(recall("speed"));
  if (SPEEDS.includes(speed)) {
    player.defaultPlaybackRate(speed);
    player.playbackRate(speed);
  }
  player.on("ratechange", () => keep("speed", player.playbackRate()));
  const tracks = player.textTracks();
  const wanted = recall("captions");
  if (wanted !== null) {
    for (const track of Array.from(tracks)) if (track.kind !== "metadata" && track.kind !== "chapters") track.mode = track.language === wanted ? "showing" : "disabled";
  }
  tracks.addEventListener("change", () => {
    const shown = Array.from(tracks).find((track) => track.mode === "showing" && track.kind !== "chapters");
    keep("captions", shown?.language ?? "");
  });
}

// Where the reader left, kept in this browser alone; the address wins over it.
function rememberPlace() {
  const key = `at:${id}`;
  const left = Number(recall(key) ?? 0);
  const button = document.getElementById("resume");
  if (asked !== null) player.one("loadedmetadata", () => player.currentTime(asked));
  else if (button && left > NEAR_END) {
    button.textContent = button.dataset.words.replace("#", clock(left));
  }
  button?.addEventListener("click", (event) => {
    event.preventDefault();
    playFrom(asked ?? (left > NEAR_END ? left : 0));
    player.focus();
  });
  let last = 0;
  player.on("timeupdate", () => {
    const now = player.currentTime();
    if (player.paused() || Math.abs(now - last) < 5) return;
    last = now;
    keep(key, player.remainingTime() < NEAR_END ? 0 : Math.floor(now));
  });
  player.on("pause", () => keep(key, player.remainingTime() < NEAR_END ? 0 : Math.floor(player.currentTime())));
}

// "Listen only": the same place in the sound alone, a tenth of the bytes.
document.getElementById("listen")?.addEventListener("click", (event) => {
  event.preventDefault();
  const place = player.currentTime();
  player.audioOnlyMode(true);
  player.src({ src: audioUrl, type: "audio/mp4" });
  player.one("loadedmetadata", () => playFrom(place));
  event.currentTarget.hidden = true;
});
