"""PDF: text a page, outline, scans, pictures of pages; pdfium is called here without its box."""

from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageDraw

from ingest import documents, pdf
from ingest.errors import IngestError


def scan_of(pages: int, path: Path) -> Path:
    """A PDF of page-filling pictures, as a copier makes it."""
    sheets = []
    for number in range(pages):
        sheet = Image.new("L", (600, 800), 230)
        ImageDraw.Draw(sheet).text((50, 50), f"page {number}", fill=0)
        sheets.append(sheet)
    sheets[0].save(path, save_all=True, append_images=sheets[1:])
    return path


def blank(path: Path, width: float, height: float) -> Path:
    document = pypdfium2.PdfDocument.new()
    document.new_page(width, height).close()
    document.save(path)
    document.close()
    return path


def test_a_chinese_manual(data_dir: Path) -> None:
    found = pdf.read(str(data_dir / "courseware/debian-zh/maint-guide.zh-cn.pdf"))
    assert found["pages"] == len(found["texts"]) == 63
    assert not found["scanned"]
    assert {"title": "需要的开发工具", "page": 9, "level": 1} in found["outline"]
    assert "Debian 新维护者手册" in found["texts"][0]
    assert "Debian 新维护者手册" not in found["texts"][20]  # the running head


def test_passages_know_their_chapter() -> None:
    found = {
        "texts": ["扉页", "甲的开头", "甲的中间", "乙的开头"],
        "outline": [{"title": "甲", "page": 2, "level": 0}, {"title": "乙", "page": 4, "level": 0}],
    }
    passages = list(documents.page_passages(found))
    assert [(p.kind, p.page, p.heading) for p in passages] == [
        ("page", 1, ""),
        ("page", 2, "甲"),
        ("page", 3, "甲"),
        ("page", 4, "乙"),
        ("chapter", 2, "甲"),
        ("chapter", 4, "乙"),
    ]


def test_a_scan_is_recognised_and_a_blank_page_is_none(tmp_path: Path) -> None:
    assert pdf.read(str(scan_of(3, tmp_path / "scan.pdf")))["scanned"]
    assert not pdf.read(str(blank(tmp_path / "blank.pdf", 595, 842)))["scanned"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("courseware/py-pdf-samples/005-libreoffice-writer-password/libreoffice-writer-password.pdf", "encrypted"),
        ("hostile/made/pdf/pages_loop.pdf", "unreadable"),
        ("hostile/pdf/poppler-937-0-fuzzed.pdf", "unreadable"),
    ],
)
def test_what_cannot_be_read_says_why(name: str, code: str, data_dir: Path) -> None:
    with pytest.raises(IngestError) as caught:
        pdf.read(str(data_dir / name))
    assert caught.value.code == f"document_{code}"
    assert not caught.value.retryable


def test_too_many_pages(tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument.new()
    for _ in range(pdf.MAX_PAGES + 1):
        document.new_page(10, 10).close()
    document.save(tmp_path / "many.pdf")
    document.close()
    with pytest.raises(IngestError, match="document_too_large"):
        pdf.read(str(tmp_path / "many.pdf"))


def test_pages_are_drawn_at_reading_width_and_no_more_than_asked(tmp_path: Path) -> None:
    drawn = pdf.draw(str(scan_of(4, tmp_path / "scan.pdf")), str(tmp_path), 3, 60)
    assert [image["page"] for image in drawn["images"]] == [1, 2, 3]
    assert drawn["pages"] == 4
    with Image.open(tmp_path / "2.webp") as picture:
        assert picture.size == (drawn["images"][1]["width"], drawn["images"][1]["height"])
        assert picture.width == pdf.READING_WIDTH
    assert drawn["thumbnail"]["width"] <= 640
    assert (tmp_path / "expected").read_text() == "3"


def test_time_ends_drawing_between_pages(tmp_path: Path) -> None:
    assert pdf.draw(str(scan_of(4, tmp_path / "scan.pdf")), str(tmp_path), 4, -1)["images"] == []


@pytest.mark.parametrize(("width", "height"), [(14_400, 10), (10, 14_400), (14_400, 14_400)])
def test_pixels_are_capped_for_strange_pages(width: float, height: float, tmp_path: Path) -> None:
    drawn = pdf.draw(str(blank(tmp_path / "odd.pdf", width, height)), str(tmp_path), 1, 60)
    for image in drawn["images"]:
        assert image["width"] * image["height"] <= pdf.MAX_PIXELS * 1.01
