"""Steps of PDF files, and what Office files share with them once they are PDF. pdfium itself is in `ingest.pdf`."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ingest import repair
from ingest.model import Facts, Passage, Product, StepInput, StepOutput, Surroundings
from ingest.text import cut
from ingest.watch import Limits

PAGE_IMAGES = 300
PASSAGE_CHARACTERS = 3_000
_DRAW_SECONDS = 240.0
_READ_LIMITS = Limits(wall=180, cpu=150, memory=2 * 2**30, output=2**20)
_DRAW_LIMITS = Limits(wall=_DRAW_SECONDS + 60, cpu=_DRAW_SECONDS + 60, memory=2 * 2**30, output=2**30)

Outline = Sequence[dict[str, Any]]


def text(given: StepInput, around: Surroundings) -> StepOutput:
    """Step ``text`` of a PDF: a passage a page, and one for each chapter that its outline names.

    Facts: ``pages``, ``scanned``, and ``note: "scanned"`` for pictures of pages without text.
    Raises IngestError document_encrypted, document_unreadable, document_too_large.
    """
    found = read_pdf(given.source, around)
    return StepOutput(page_facts(found), passages=tuple(page_passages(found)))


def pages(given: StepInput, around: Surroundings) -> StepOutput:
    """Step ``pages`` of a PDF: see `draw_pages`."""
    return draw_pages(given.source, around)


def read_pdf(path: Path, around: Surroundings) -> dict[str, Any]:
    """What `ingest.pdf.read` answers, with lines put together and the outline in the order of the pages."""
    found: dict[str, Any] = around.sandbox.call(
        "ingest.pdf:read",
        {"path": str(path)},
        inputs=[path],
        limits=_READ_LIMITS,
        poll=lambda: around.report(0.3),
    )
    found["texts"] = [repair.join_lines(page) for page in found["texts"]]
    found["outline"].sort(key=lambda entry: entry["page"])
    return found


def page_facts(found: dict[str, Any]) -> Facts:
    """The facts of a PDF that was read."""
    facts: Facts = {"pages": found["pages"], "scanned": found["scanned"]}
    return {**facts, "note": "scanned"} if found["scanned"] else facts


def page_passages(found: dict[str, Any]) -> Iterator[Passage]:
    """A passage a page (several for a crowded one), then the chapters."""
    outline: Outline = found["outline"]
    starts = [entry["page"] for entry in outline]
    for number, page in enumerate(found["texts"], 1):
        heading = _heading(outline, starts, number)
        for part in cut(page, PASSAGE_CHARACTERS):
            yield Passage("page", part, page=number, heading=heading)
    for entry in outline:
        yield Passage("chapter", entry["title"], page=entry["page"], heading=entry["title"])


def draw_pages(path: Path, around: Surroundings) -> StepOutput:
    """Pictures of the first 300 pages of a PDF (role ``page_image``), and a thumbnail of the first page.

    A page that pdfium cannot draw is left out; after four minutes the rest is. The reader draws pages from the PDF
    itself: pictures serve those without scripts. Facts: ``pages``, and ``page_images``, how many were drawn.
    """
    folder = around.scratch / "pages"
    folder.mkdir(exist_ok=True)
    drawn = around.sandbox.call(
        "ingest.pdf:draw",
        {"path": str(path), "folder": str(folder), "first_pages": PAGE_IMAGES, "seconds": _DRAW_SECONDS},
        inputs=[path],
        output=folder,
        limits=_DRAW_LIMITS,
        poll=lambda: around.report(_share_drawn(folder)),
    )
    facts = {"pages": drawn["pages"], "page_images": len(drawn["images"])}
    return StepOutput(facts, tuple(_pictures(drawn, folder)))


def _share_drawn(folder: Path) -> float:
    """How far drawing is, by the folder: the child writes there how many pages it will draw."""
    expected = folder / "expected"
    told = expected.read_bytes()[:9] if expected.exists() else b""
    return min(0.99, sum(1 for _ in folder.iterdir()) / int(told)) if told.isdigit() and int(told) else 0.0


def _pictures(drawn: dict[str, Any], folder: Path) -> Iterator[Product]:
    for image in drawn["images"]:
        size = {key: image[key] for key in ("page", "width", "height")}
        yield Product("page_image", f"pages/{image['name']}", folder / image["name"], "image/webp", size)
    small = drawn["thumbnail"]
    if small:
        size = {key: small[key] for key in ("width", "height")}
        yield Product("thumbnail", "thumbnail.webp", folder / small["name"], "image/webp", size)


def _heading(outline: Outline, starts: list[int], page: int) -> str:
    """The title under which a page begins: the last one of an earlier page, or the first of its own."""
    before = bisect_right(starts, page - 1)
    if before < len(starts) and starts[before] == page:
        return str(outline[before]["title"])
    return str(outline[before - 1]["title"]) if before else ""
