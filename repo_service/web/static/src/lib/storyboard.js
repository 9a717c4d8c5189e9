// Pictures over the progress bar: WebVTT cues that point into sprites (poster.jpg#xywh=0,0,160,90).
export async function storyboard(player, address) {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) return;
  const cues = parse(await answer.text(), new URL(address, location.href));
  const bar = player.getChild("ControlBar")?.getChild("ProgressControl");
  if (!cues.length || !bar) return;
  const picture = document.createElement("div");
  picture.className = "storyboard";
  picture.setAttribute("aria-hidden", "true");
  picture.hidden = true;
  bar.el().append(picture);
  bar.el().addEventListener("pointerleave", () => (picture.hidden = true));
  bar.el().addEventListener("pointermove", (event) => {
    const seek = bar.getChild("SeekBar").el().getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - seek.left) / seek.width));
    const cue = cues.findLast((candidate) => candidate.start <= share * player.duration()) ?? cues[0];
    const half = cue.width / 2;
    const left = Math.min(Math.max(event.clientX - seek.left, half), seek.width - half) + seek.left - bar.el().getBoundingClientRect().left;
    Object.assign(picture.style, {
      width: `${cue.width}px`,
      height: `${cue.height}px`,
      left: `${left - half}px`,
      backgroundImage: `url("${cue.url}")`,
      backgroundPosition: `-${cue.x}px -${cue.y}px`,
    });
    picture.hidden = false;
  });
}

function parse(text, base) {
  const cues = [];
  for (const block of text.split(/\r?\n\r?\n/)) {
    const found = /([\d:.]+) --> [\d:.]+[^\n]*\n([^\n#]+)#xywh=(\d+),(\d+),(\d+),(\d+)/.exec(block);
    if (!found) continue;
    const [, start, file, x, y, width, height] = found;
    cues.push({ start: seconds(start), url: new URL(file.trim(), base).href, x: +x, y: +y, width: +width, height: +height });
  }
  return cues;
}

function seconds(stamp) {
  return stamp.split(":").reduce((total, part) => total * 60 + Number(part), 0);
}
