"""Office files that are zips of XML, judged and read by their parts. Runs inside the sandbox."""

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from ingest import repair, xml
from ingest.archives import Archive
from ingest.errors import IngestError

MAX_SLIDES = 3_000
_PART_BYTES = 8 * 2**20
_DECLARATION = b"<!doctype"
_MANIFEST = "META-INF/manifest.xml"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_FURNITURE = {"sldNum", "dt", "ftr", "hdr"}
_TITLES = {"title", "ctrTitle"}


def check(path: str) -> None:
    """Judge an Office Open XML or OpenDocument file before a program opens it.

    Raises IngestError with the code of the archive's fault, document_encrypted, or xml_forbidden where a part declares
    a document type, which neither format allows.
    """
    with Path(path).open("rb") as file:
        archive = Archive(file)
        if _MANIFEST in archive.entries and b"encryption-data" in archive.read(_MANIFEST, _PART_BYTES):
            raise IngestError("document_encrypted", "OpenDocument with a password")
        for name in archive.entries:
            if name.lower().endswith((".xml", ".rels", ".vml")) and _declares_type(archive, name):
                raise IngestError("xml_forbidden", f"{name} declares a document type")


def _declares_type(archive: Archive, name: str) -> bool:
    """Whether a part declares a document type; for one that is no XML to us, whether it names one anywhere."""
    declared = xml.declares_type(archive.stream(name))
    if declared is not None:
        return declared
    seen = b""
    for piece in archive.stream(name):
        seen = seen[1 - len(_DECLARATION) :] + piece.replace(b"\0", b"").lower()  # NULs: UTF-16
        if _DECLARATION in seen:
            return True
    return False


def slides(path: str) -> list[dict[str, Any]]:
    """The slides that are shown, in order: ``title``, ``text`` (without the title), ``notes``; repaired lines."""
    with Path(path).open("rb") as file:
        archive = Archive(file)
        found = []
        for name in _slide_parts(archive)[:MAX_SLIDES]:
            root = _part(archive, name)
            if root is not None and root.get("show") not in ("0", "false"):
                found.append(_slide(archive, name, root))
        return found


def _slide_parts(archive: Archive) -> list[str]:
    """Names of the slide parts in the order of the show."""
    main = next(
        (target for kind, target in _related(archive, "").values() if kind == "officeDocument"), "ppt/presentation.xml"
    )
    root = _part(archive, main)
    if root is None:
        raise IngestError("document_unreadable", "no presentation in the file")
    related = _related(archive, main)
    ids = [str(entry.get(f"{_R}id")) for entry in root.iter(f"{_P}sldId")]
    return [related[key][1] for key in ids if key in related]


def _slide(archive: Archive, name: str, root: etree._Element) -> dict[str, Any]:
    title: list[str] = []
    body: list[str] = []
    for shape in root.iter(f"{_P}sp", f"{_P}graphicFrame"):
        kind = _placeholder(shape)
        if kind not in _FURNITURE and not _within(shape, _FALLBACK):
            (title if kind in _TITLES else body).extend(_paragraphs(shape))
    notes: list[str] = []
    for kind, target in _related(archive, name).values():
        part = _part(archive, target) if kind in ("notesSlide", "diagramData") else None
        if part is None:
            continue
        if kind == "diagramData":
            body.extend(_paragraphs(part))
        else:
            shapes = (shape for shape in part.iter(f"{_P}sp") if _placeholder(shape) == "body")
            notes.extend(line for shape in shapes for line in _paragraphs(shape))
    return {
        "title": repair.clean(" ".join(title), typeset=False).replace("\n", " "),
        "text": repair.clean("\n".join(body), typeset=False),
        "notes": repair.clean("\n".join(notes), typeset=False),
    }


def _placeholder(shape: etree._Element) -> str:
    """What a shape stands for in the layout: title, body, sldNum …; empty for a free shape."""
    found = shape.find(f"./*/{_P}nvPr/{_P}ph")
    return "" if found is None else str(found.get("type", "body"))


def _paragraphs(element: etree._Element) -> Iterator[str]:
    for paragraph in element.iter(f"{_A}p"):
        if _within(paragraph, _FALLBACK):
            continue
        words = "".join(
            "\n" if part.tag == f"{_A}br" else part.text or "" for part in paragraph.iter(f"{_A}t", f"{_A}br")
        )
        if words.strip():
            yield words.strip()


def _within(element: etree._Element, tag: str) -> bool:
    return next(element.iterancestors(tag), None) is not None


def _part(archive: Archive, name: str) -> etree._Element | None:
    return xml.parse(archive.read(name, _PART_BYTES)) if name in archive.entries else None


def _related(archive: Archive, name: str) -> dict[str, tuple[str, str]]:
    """Relations of a part ("" for the package itself): id → (last word of the type, name of the other part)."""
    folder, file = posixpath.split(name)
    root = _part(archive, posixpath.join(folder, "_rels", f"{file}.rels"))
    found: dict[str, tuple[str, str]] = {}
    for entry in root if root is not None else ():
        if entry.get("TargetMode") != "External" and entry.get("Id"):
            target = posixpath.normpath(posixpath.join("/", folder, str(entry.get("Target")))).lstrip("/")
            found[str(entry.get("Id"))] = (str(entry.get("Type")).rpartition("/")[2], target)
    return found
