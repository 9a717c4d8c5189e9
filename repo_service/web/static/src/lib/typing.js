// Tells what was typed once the person pauses. While an input method composes (half of a pinyin syllable, strokes),
// nothing is typed yet: browsers send `input` events for it all the same, and Safari one more after its end.
export function onTyped(input, pause, tell) {
  let timer = 0;
  const wait = () => clearTimeout(timer);
  const begin = () => {
    wait();
    timer = setTimeout(() => tell(input.value.trim()), pause);
  };
  input.addEventListener("compositionstart", wait);
  input.addEventListener("compositionend", begin);
  input.addEventListener("input", (event) => (event.isComposing ? wait() : begin()));
  return wait;
}

// A key that belongs to the input method: Enter takes its candidate, arrows choose among them.
export const composes = (event) => event.isComposing || event.keyCode === 229;
