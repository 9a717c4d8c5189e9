// Copying the text of an element. Browsers keep their clipboard from pages of plain http; what is selected they copy there too.
// Answers whether it was copied; where it was not, it is left selected, to be copied by hand.
export async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent.trim());
    return true;
  } catch {
    const selection = window.getSelection();
    selection.selectAllChildren(element);
    if (!document.execCommand("copy")) return false;
    selection.removeAllRanges();
    return true;
  }
}
