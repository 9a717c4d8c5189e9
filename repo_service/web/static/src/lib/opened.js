// Tells which hit was opened for which query, so that search can be judged by it. It names nobody, sets no cookie and
// changes no address; the link is followed at once. Without scripts nothing is told.
export function tellOpened(hits) {
  const view = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const told = new Set();

  const tell = (event) => {
    const link = event.target.closest("a[href^='/resources/']");
    const hit = link?.closest("article.hit");
    if (!hit || event.button > 1) return;
    const id = link.getAttribute("href").match(/^\/resources\/([0-9a-f-]{36})/)?.[1];
    if (!id || told.has(id)) return;
    told.add(id);
    const place = [...hits.querySelectorAll("article.hit")].indexOf(hit);
    const { asked, first, csrf } = hits.dataset;
    const body = { q: asked, resource_id: id, rank: Number(first) + place, view, csrf_token: csrf };
    navigator.sendBeacon("/search/clicks", new URLSearchParams(body));
  };
  hits.addEventListener("click", tell);
  hits.addEventListener("auxclick", tell); // the middle button opens a new tab
}
