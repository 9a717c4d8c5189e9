"""What pdfium says of a PDF. Runs inside the sandbox; the steps that call it are in `ingest.documents`."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from ingest import repair
from ingest.errors import IngestError

MAX_PAGES = 5_000
MAX_CHARACTERS_A_PAGE = 50_000
MAX_OUTLINE = 1_000
READING_WIDTH = 1100
MAX_PIXELS = 4_000_000
MAX_SIDE = 8_000  # WebP ends at 16,383
THUMBNAIL = (640, 854)
_QUALITY = 80
_SAMPLED_PAGES = 24
_SCAN_CHARACTERS = 25
_SCAN_COVER = 0.5


def read(path: str) -> dict[str, Any]:
    """Text of each page, outline and nature of a PDF.

    ``pages`` (number), ``texts`` (one a page, lines repaired), ``outline`` (``title``, ``page`` from 1, ``level``
    from 0), ``scanned``. Raises IngestError document_encrypted, document_unreadable or document_too_large.
    """
    with closing(_open(path)) as document:
        count = _count(document)
        texts = [_page_text(document, index) for index in range(count)]
        if all(text is None for text in texts):
            raise IngestError("document_unreadable", "no page can be loaded")
        scanned = _is_scan(document, [text or "" for text in texts])
        return {
            "pages": count,
            "texts": repair.without_running_lines([text or "" for text in texts]),
            "outline": _outline(document, count),
            "scanned": scanned,
        }


def draw(path: str, folder: str, first_pages: int, seconds: float) -> dict[str, Any]:
    """Draw the first pages as WebP at reading width, and page 1 as a thumbnail, into ``folder``.

    Stops between two pages when ``seconds`` have passed. The file ``expected`` tells the number to be drawn, so that
    whoever watches the folder knows how far it is. ``images``: ``page``, ``name``, ``width``, ``height``;
    ``thumbnail``: the same without page, or None when the first page cannot be drawn.
    """
    started = time.monotonic()
    images: list[dict[str, Any]] = []
    thumbnail = None
    with closing(_open(path)) as document:
        count = _count(document)
        Path(folder, "expected").write_text(str(min(count, first_pages)), encoding="ascii")
        document.init_forms()
        for index in range(min(count, first_pages)):
            if time.monotonic() - started > seconds:
                break
            drawn = _draw_page(document, index, Path(folder), with_thumbnail=index == 0)
            if drawn is not None:
                images.append({"page": index + 1, **drawn[0]})
                thumbnail = drawn[1] or thumbnail
    return {"pages": count, "images": images, "thumbnail": thumbnail}


def _open(path: str) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise IngestError("document_encrypted", str(error)) from error
        raise IngestError("document_unreadable", str(error)) from error


def _count(document: pypdfium2.PdfDocument) -> int:
    count = len(document)
    if not count:
        raise IngestError("document_unreadable", "it has no pages")
    if count > MAX_PAGES:
        raise IngestError("document_too_large", f"{count} pages, at most {MAX_PAGES} are read")
    return count


def _page_text(document: pypdfium2.PdfDocument, index: int) -> str | None:
    """The repaired text of one page; empty when it means nothing, None when the page cannot be loaded."""
    try:
        with closing(document[index]) as page, closing(page.get_textpage()) as text:
            found: str = text.get_text_range(count=min(text.count_chars(), MAX_CHARACTERS_A_PAGE))
    except pypdfium2.PdfiumError:
        return None
    return repair.clean(found) if repair.readable(found) else ""


def _outline(document: pypdfium2.PdfDocument, pages: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for bookmark in document.get_toc(max_depth=4):
        target = bookmark.get_dest()
        index = target.get_index() if target else None
        title = repair.clean(bookmark.get_title()).replace("\n", " ")[:300]
        if title and index is not None and 0 <= index < pages:
            found.append({"title": title, "page": index + 1, "level": bookmark.level})
        if len(found) == MAX_OUTLINE:
            break
    return found


def _is_scan(document: pypdfium2.PdfDocument, texts: list[str]) -> bool:
    """Whether most pages are a picture of a page: next to no text, and images over half of the area."""
    sample = range(0, len(texts), max(1, len(texts) // _SAMPLED_PAGES))
    bare = [index for index in sample if len(texts[index].strip()) < _SCAN_CHARACTERS]
    if len(bare) * 2 <= len(sample):
        return False
    pictures = sum(1 for index in bare if _picture_cover(document, index) >= _SCAN_COVER)
    return pictures * 2 > len(sample)


def _picture_cover(document: pypdfium2.PdfDocument, index: int) -> float:
    """The share of a page that its images cover, at most 1; overlaps count twice."""
    try:
        with closing(document[index]) as page:
            width, height = page.get_size()
            covered = sum(_areas(page))
    except pypdfium2.PdfiumError:
        return 0.0
    return min(1.0, covered / (width * height)) if width * height > 0 else 0.0


def _areas(page: pypdfium2.PdfPage) -> Iterator[float]:
    for number, image in enumerate(page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=3)):
        left, bottom, right, top = image.get_bounds()
        yield max(0.0, right - left) * max(0.0, top - bottom)
        if number > 500:
            return


def _draw_page(
    document: pypdfium2.PdfDocument, index: int, folder: Path, *, with_thumbnail: bool
) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
    try:
        with closing(document[index]) as page:
            width, height = page.get_size()
            if not (0 < width < 1e6 and 0 < height < 1e6):
                return None
            scale = min(READING_WIDTH / width, MAX_SIDE / height, (MAX_PIXELS / (width * height)) ** 0.5)
            if width * scale < 1 or height * scale < 1:
                return None
            picture = page.render(scale=scale, rev_byteorder=True).to_pil().convert("RGB")
    except pypdfium2.PdfiumError:
        return None
    image = _saved(picture, folder, f"{index + 1}.webp")
    if not with_thumbnail:
        return image, None
    picture.thumbnail(THUMBNAIL)
    return image, _saved(picture, folder, "thumbnail.webp")


def _saved(picture: Any, folder: Path, name: str) -> dict[str, Any]:
    picture.save(folder / name, "WEBP", quality=_QUALITY, method=2)
    return {"name": name, "width": picture.width, "height": picture.height}
