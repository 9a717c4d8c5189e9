"""Steps of Office files: a PDF preview by LibreOffice, text per slide or page, pictures of the pages."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest import documents
from ingest.errors import IngestError
from ingest.model import MediaKind, Passage, Product, StepInput, StepOutput, Surroundings
from ingest.watch import Limits

ZIPPED = frozenset({"docx", "pptx", "xlsx"})
_PARSE_LIMITS = Limits(wall=60, cpu=45, memory=2**30, output=2**20)
_CONVERT_LIMITS = Limits(wall=120, cpu=120, memory=3 * 2**30, output=512 * 2**20, processes=48)
_CRASHED = 128

# No macro runs, no link is followed, no update is asked for, nothing is recovered from an earlier start.
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
{items}
</oor:items>
"""
_SETTINGS = (
    ("Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Common/Misc", "FirstRun", "false"),
    ("Common/Save/Document", "AutoSave", "false"),
    ("Writer/Content/Update", "Link", "0"),
    ("Calc/Content/Update", "Link", "1"),
)


def preview(given: StepInput, around: Surroundings) -> StepOutput:
    """Step ``preview``: the file as PDF (role ``preview``).

    Raises IngestError document_encrypted, document_unreadable, preview_crashed, missing_program, or the code of what
    is wrong with the archive.
    """
    kind = str(given.facts["identify"]["format"])
    _refuse_early(given.source, kind, around)
    folder = around.scratch / "preview"
    made = folder / "made"
    made.mkdir(parents=True, exist_ok=True)
    source = folder / f"preview.{kind}"
    shutil.copyfile(given.source, source)
    _convert(source, made, around)
    return StepOutput(products=(Product("preview", "preview.pdf", made / "preview.pdf", "application/pdf"),))


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


def _convert(source: Path, made: Path, around: Surroundings) -> None:
    """Let LibreOffice write ``made/preview.pdf``, from a fresh profile that is thrown away."""
    profile = made / "profile"
    _write_profile(profile)
    done = around.sandbox.run(
        [
            "soffice",
            f"-env:UserInstallation={profile.absolute().as_uri()}",
            "--headless",
            "--norestore",
            "--nolockcheck",
            "--nodefault",
            "--convert-to",
            "pdf",
            "--outdir",
            str(made.absolute()),
            str(source.absolute()),
        ],
        inputs=[source],
        output=made,
        limits=_CONVERT_LIMITS,
        poll=lambda: around.report(0.5),
    )
    shutil.rmtree(profile, ignore_errors=True)
    result = made / "preview.pdf"
    if result.is_file() and result.stat().st_size:
        return
    if done.status >= _CRASHED:
        raise IngestError("preview_crashed", f"soffice: status {done.status}: {done.stderr}", retryable=True)
    raise IngestError("document_unreadable", f"soffice: {done.stderr or done.stdout.decode('utf-8', 'replace')}")


def _write_profile(profile: Path) -> None:
    items = (
        f'<item oor:path="/org.openoffice.Office.{path}"><prop oor:name="{name}" oor:op="fuse">'
        f"<value>{value}</value></prop></item>"
        for path, name, value in _SETTINGS
    )
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_PROFILE.format(items="\n".join(items)))


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
