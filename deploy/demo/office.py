"""Slides, manuals and the picture book as office people make them."""

import subprocess
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import docx
import draw
import pptx
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.util import Cm as Length
from pptx.util import Pt as Points

CHINESE = "Noto Sans CJK SC"


def deck(slides: list[dict[str, Any]], target: Path) -> Path:
    """A PPTX in 16:9: title and bullets beside a coloured bar, notes for the speaker."""
    show = pptx.Presentation()
    show.slide_width, show.slide_height = Length(33.867), Length(19.05)
    for content in slides:
        page = show.slides.add_slide(show.slide_layouts[1])
        bar = page.shapes.add_shape(MSO_SHAPE.RECTANGLE, 0, 0, Length(1), show.slide_height)
        bar.fill.solid()
        bar.fill.fore_color.rgb = RGBColor.from_string("17546F")
        bar.line.fill.background()
        place(page.shapes.title, content["title"], 2, 44)
        place(page.placeholders[1], "\n".join(content["lines"]), 6, 32)
        page.notes_slide.notes_text_frame.text = content["notes"]
    show.save(str(target))
    return target


def place(shape: Any, text: str, top: float, size: int) -> None:
    """Text of ``size`` points, left-bound, ``top`` centimetres from the upper edge."""
    shape.left, shape.top, shape.width, shape.height = Length(3), Length(top), Length(28), Length(18 - top)
    frame = shape.text_frame
    frame.text = text
    frame.vertical_anchor = MSO_ANCHOR.TOP
    for paragraph in frame.paragraphs:
        paragraph.alignment = PP_ALIGN.LEFT
        for run in paragraph.runs:
            run.font.size = Points(size)


def manual(title: str, sections: list[dict[str, Any]], target: Path, size: int = 14) -> Path:
    """A DOCX: a title, then each section on a page of its own; ``size`` of the type in points."""
    paper = docx.Document()
    set_type(paper, size)
    paper.add_heading(title, 0)
    for number, section in enumerate(sections):
        if number:
            paper.add_page_break()
        paper.add_heading(section["title"], 1)
        for paragraph in section["paragraphs"]:
            paper.add_paragraph(paragraph)
    paper.save(str(target))
    return target


def picture_book(pages: list[dict[str, Any]], target: Path) -> Path:
    """A PDF: a drawing a page with its sentence below."""
    book = docx.Document()
    paper = book.sections[0]
    paper.page_width, paper.page_height = Cm(29.7), Cm(21)
    paper.left_margin = paper.right_margin = paper.top_margin = paper.bottom_margin = Cm(2)
    set_type(book, 22)
    for number, page in enumerate(pages):
        drawing = BytesIO()
        draw.scene(page["colours"], number).save(drawing, "PNG")
        drawing.seek(0)
        book.add_picture(drawing, width=Cm(21))
        book.paragraphs[-1].paragraph_format.page_break_before = number > 0
        book.add_paragraph(page["text"])
    with TemporaryDirectory() as name:
        path = Path(name) / target.with_suffix(".docx").name
        book.save(str(path))
        return to_pdf(path, target.parent)


def to_pdf(source: Path, folder: Path | None = None) -> Path:
    """Set a DOCX as PDF; the DOCX goes."""
    folder = folder or source.parent
    with TemporaryDirectory() as profile:
        subprocess.run(
            [
                "soffice",
                f"-env:UserInstallation=file://{profile}",
                *("--headless", "--convert-to", "pdf", "--outdir", str(folder), str(source)),
            ],
            check=True,
            capture_output=True,
        )
    source.unlink()
    return folder / source.with_suffix(".pdf").name


def set_type(paper: Any, size: int) -> None:
    """Chinese type for body and headings."""
    for name in ("Normal", "Heading 1", "Title"):
        style = paper.styles[name]
        style.font.name = CHINESE
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), CHINESE)
    paper.styles["Normal"].font.size = Pt(size)
