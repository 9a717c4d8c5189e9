// The status line of a page: what changed, unseen and for screen readers; and, for everybody, that an answer did not come.
const LIVE = "#found, #reader"; // the parts of pages that are asked for anew

// failed: shown to those who see too, until something else is said.
export function say(text, failed = false) {
  const said = document.getElementById("said");
  if (!said) return;
  said.className = failed ? "notice warn" : "unseen";
  said.textContent = text;
  if (failed) said.scrollIntoView({ block: "nearest" });
}

// When no answer comes for a live part, or a refusal, which is not put in its place either: call `undo(source)`, say so.
export function onFailure(undo) {
  const failed = ({ detail: { ctx } }) => {
    if (!ctx?.target?.closest?.(LIVE)) return;
    undo(ctx.sourceElement);
    say(document.getElementById("said")?.dataset.failed ?? "", true);
  };
  document.addEventListener("htmx:error", failed);
  document.addEventListener("htmx:response:error", failed);
  document.addEventListener("htmx:before:swap", (event) => {
    const { target, response } = event.detail.ctx ?? {};
    if (response?.status >= 400 && target?.closest?.(LIVE)) event.preventDefault();
  });
}
