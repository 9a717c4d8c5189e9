"""Steps of Office files: a PDF preview by LibreOffice, text per slide or page, pictures of the pages."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest import documents, libreoffice
from ingest.errors import IngestError
from ingest.model import MediaKind, Passage, Product, StepInput, StepOutput, Surroundings
from ingest.watch import Limits

ZIPPED = frozenset({"docx", "pptx", "odt", "odp"})
_PARSE_LIMITS = Limits(wall=60, cpu=45, memory=2**30, output=2**20)


def preview(given: StepInput, around: Surroundings) -> StepOutput:
    """Step ``preview``: the file as PDF (role ``preview``).

    Raises IngestError document_encrypted, document_unreadable, preview_crashed, missing_program, or the code of what
    is wrong with the archive.
    """
    kind = str(given.facts["identify"]["format"])
    _refuse_early(given.source, kind, around)
    source = around.scratch / f"preview.{kind}"
    made = around.scratch / "preview"
    made.mkdir(exist_ok=True)
    shutil.copyfile(given.source, source)
    pdf = libreoffice.to_pdf(source, made, around.sandbox, poll=lambda: around.report(0.5))
    return StepOutput(products=(Product("preview", "preview.pdf", pdf, "application/pdf"),))


def text(given: StepInput, around: Surroundings) -> StepOutput:
    """Step ``text``: a passage a slide with its notes, or a page, and one for each chapter.

    PPTX is read from its own parts, all else from the preview. Facts: ``pages``, ``scanned``.
    """
    found = documents.read_pdf(_preview_of(given), around)
    facts = {"pages": found["pages"], "scanned": False}
    if given.facts["identify"]["media_kind"] != MediaKind.SLIDES:
        return StepOutput(facts, passages=tuple(documents.page_passages(found)))
    if given.facts["identify"]["format"] != "pptx":
        return StepOutput(facts, passages=tuple(_slides_of_preview(found)))
    slides = around.sandbox.call(
        "ingest.ooxml:slides",
        {"path": str(given.source)},
        inputs=[given.source],
        limits=_PARSE_LIMITS,
        poll=lambda: around.report(0.7),
    )
    return StepOutput(facts, passages=tuple(_slides(slides, found["pages"])))


def pages(given: StepInput, around: Surroundings) -> StepOutput:
    """Step ``pages``: pictures of the preview's pages, see `documents.draw_pages`."""
    return documents.draw_pages(_preview_of(given), around)


def _preview_of(given: StepInput) -> Path:
    return next(product.path for product in given.products if product.role == "preview")


def _refuse_early(source: Path, kind: str, around: Surroundings) -> None:
    """What LibreOffice would refuse without a reason, or should not see."""
    if kind in ZIPPED:
        around.sandbox.call("ingest.ooxml:check", {"path": str(source)}, inputs=[source], limits=_PARSE_LIMITS)
    elif around.sandbox.call("ingest.ole:is_encrypted", {"path": str(source)}, inputs=[source], limits=_PARSE_LIMITS):
        raise IngestError("document_encrypted", f"{kind} with a password")


def _slides(slides: list[dict[str, Any]], shown: int) -> Iterator[Passage]:
    """Passages of a PPTX; a slide that the preview lacks opens at the preview's last page."""
    for number, slide in enumerate(slides, 1):
        title, words, notes = slide["title"], slide["text"], slide["notes"]
        if title or words or notes:
            yield Passage("slide", words or title, page=min(number, shown), heading=title, notes=notes)


def _slides_of_preview(found: dict[str, Any]) -> Iterator[Passage]:
    titles = {entry["page"]: entry["title"] for entry in reversed(found["outline"])}
    for number, words in enumerate(found["texts"], 1):
        if words:
            yield Passage("slide", words, page=number, heading=titles.get(number, ""))
