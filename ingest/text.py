"""Markdown and plain text in any encoding: a reading view and passages. `render` runs inside the sandbox."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest import markdown, plaintext, repair
from ingest.encoding import decode
from ingest.errors import IngestError
from ingest.model import Passage, Product, StepInput, StepOutput, Surroundings
from ingest.watch import Limits

MAX_BYTES = 16 * 2**20
PASSAGE_CHARACTERS = 1_500
_LIMITS = Limits(wall=90, cpu=60, memory=2 * 2**30, output=128 * 2**20, files=4)
_PIECES = re.compile(r"[^。！？；!?;\n]*[。！？；!?;\n]*")


def text(given: StepInput, around: Surroundings) -> StepOutput:
    """The ``text`` step of Markdown and plain text: product ``reading.html`` and a passage for each heading.

    A passage's ``page`` is N of the heading's id ``section-N``, None before the first heading. Facts: ``encoding``,
    ``characters``, ``sections``. Raises IngestError document_too_large.
    """
    folder = around.scratch / "reading"
    folder.mkdir(exist_ok=True)
    is_markdown = given.facts["identify"].get("media_type") == "text/markdown"
    found = around.sandbox.call(
        "ingest.text:render",
        {"path": str(given.source), "folder": str(folder), "is_markdown": is_markdown},
        inputs=[given.source],
        output=folder,
        limits=_LIMITS,
        poll=lambda: around.report(0.5),
    )
    sections = found.pop("sections")
    passages = tuple(passage for section in sections for passage in _passages(section))
    product = Product("reading", "reading.html", folder / "reading.html", "text/html")
    return StepOutput({**found, "sections": len(sections)}, (product,), passages)


def render(path: str, folder: str, is_markdown: bool) -> dict[str, Any]:
    """Write ``reading.html``, a sanitised fragment in UTF-8; encoding, characters, and text by section."""
    source = Path(path)
    if source.stat().st_size > MAX_BYTES:
        raise IngestError("document_too_large", f"more than {MAX_BYTES} bytes of text")
    words, encoding = decode(source.read_bytes())
    html, sections = markdown.render(words) if is_markdown else plaintext.render(words)
    Path(folder, "reading.html").write_text(html, encoding="utf-8")
    told = [
        {
            "number": section.number,
            "heading": section.heading,
            "text": repair.clean("\n".join(section.lines), typeset=False),
        }
        for section in sections
        if section.heading or any(line.strip() for line in section.lines)
    ]
    return {"encoding": encoding, "characters": len(words), "sections": told}


def cut(words: str, limit: int = PASSAGE_CHARACTERS) -> Iterator[str]:
    """Parts of at most ``limit`` characters, cut between sentences where there are any; blank parts left out."""
    part = ""
    for sentence in _PIECES.findall(words):
        if len(part) + len(sentence) > limit and part.strip():
            yield part.strip()
            part = ""
        while len(sentence) > limit:
            yield sentence[:limit]
            sentence = sentence[limit:]
        part += sentence
    if part.strip():
        yield part.strip()


def _passages(section: dict[str, Any]) -> Iterator[Passage]:
    heading, number = section["heading"], section["number"] or None
    for part in cut(section["text"] or heading):
        yield Passage("section", part, page=number, heading=heading)
