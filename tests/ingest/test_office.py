"""Office files: what their parts say, which need a password, and what LibreOffice is allowed to do."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ingest import libreoffice, ole, ooxml, xml
from ingest.errors import IngestError
from ingest.sandbox import Sandbox
from tests.ingest.whole import ingest

PASSWORDS = {
    "courseware/poi/document/password_tika_binaryrc4.doc",
    "courseware/poi/slideshow/Password_Protected-np-hello.ppt",
    "courseware/poi/slideshow/ppt_with_png_encrypted.ppt",
    "hostile/office-poi/poifs/60320-protected.xlsx",
    "hostile/office-poi/slideshow/Password_Protected-56-hello.ppt",
    "hostile/office-poi/slideshow/Password_Protected-hello.ppt",
    "hostile/office-poi/slideshow/clusterfuzz-testcase-minimized-POIFuzzer-5681320547975168.ppt",
    "hostile/office-poi/slideshow/clusterfuzz-testcase-minimized-POIFuzzer-6411649193738240.ppt",
    "hostile/office-poi/spreadsheet/crash-9bf3cd4bd6f50a8a9339d363c2c7af14b536865c.xlsx",
    "hostile/office-poi/spreadsheet/password.xls",
    "hostile/office-poi/spreadsheet/xor-encryption-abc.xls",
}
_MAIN = "application/vnd.openxmlformats-officedocument"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_SHOW = "http://schemas.openxmlformats.org/presentationml/2006/main"


def packed(path: Path, parts: Mapping[str, str], content_type: str) -> Path:
    """A zip of XML parts with its table of content types."""
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/{next(iter(parts))}" ContentType="{content_type}"/></Types>'
    )
    main = relations({"r1": ("officeDocument", next(iter(parts)))})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"[Content_Types].xml": types, "_rels/.rels": main, **parts}.items():
            archive.writestr(name, data)
    return path


def relations(targets: Mapping[str, tuple[str, str]]) -> str:
    entries = "".join(
        f'<Relationship Id="{key}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<?xml version="1.0"?><Relationships xmlns="{namespace}">{entries}</Relationships>'


def shape(words: str, kind: str = "") -> str:
    place = f'<p:nvPr><p:ph type="{kind}"/></p:nvPr>' if kind else "<p:nvPr/>"
    return f"<p:sp><p:nvSpPr>{place}</p:nvSpPr><p:txBody><a:p><a:r><a:t>{words}</a:t></a:r></a:p></p:txBody></p:sp>"


def part(root: str, inside: str, attributes: str = "") -> str:
    spaces = f'xmlns:p="{_SHOW}" xmlns:a="{_DRAWING}" xmlns:r="{_RELATIONS}"'
    return f'<?xml version="1.0"?><p:{root} {spaces} {attributes}>{inside}</p:{root}>'


def show(path: Path) -> Path:
    """Three slides out of order, the second hidden, with notes, numbers and a fallback that repeats the text."""
    ids = "".join(f'<p:sldId id="25{number}" r:id="r{number}"/>' for number in (3, 1, 2))
    fallback = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<mc:Choice>{shape('选中')}</mc:Choice><mc:Fallback>{shape('备用')}</mc:Fallback></mc:AlternateContent>"
    )
    slides = {
        "ppt/slides/a.xml": part("sld", shape("焊接 安全", "title") + shape("戴好面罩") + shape("7", "sldNum")),
        "ppt/slides/b.xml": part("sld", shape("藏起来的"), 'show="0"'),
        "ppt/slides/c.xml": part("sld", fallback),
    }
    return packed(
        path,
        {
            "ppt/presentation.xml": part("presentation", f"<p:sldIdLst>{ids}</p:sldIdLst>"),
            "ppt/_rels/presentation.xml.rels": relations(
                {"r3": ("slide", "slides/a.xml"), "r1": ("slide", "slides/b.xml"), "r2": ("slide", "/ppt/slides/c.xml")}
            ),
            **slides,
            "ppt/slides/_rels/a.xml.rels": relations({"n": ("notesSlide", "../notes.xml")}),
            "ppt/notes.xml": part("notes", shape("讲慢一点", "body") + shape("7", "sldNum")),
        },
        f"{_MAIN}.presentationml.presentation.main+xml",
    )


def document(path: Path, body: str, prolog: str = "") -> Path:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    main = f'<?xml version="1.0"?>{prolog}<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'
    return packed(path, {"word/document.xml": main}, f"{_MAIN}.wordprocessingml.document.main+xml")


def test_slides_in_order_with_notes_and_without_furniture(tmp_path: Path) -> None:
    assert ooxml.slides(str(show(tmp_path / "show.pptx"))) == [
        {"title": "焊接 安全", "text": "戴好面罩", "notes": "讲慢一点"},
        {"title": "", "text": "选中", "notes": ""},
    ]


def test_all_the_real_shows_read(data_dir: Path) -> None:
    found = {path.name: ooxml.slides(str(path)) for path in (data_dir / "courseware/poi").rglob("*.pptx")}
    assert found["SampleShow.pptx"][0]["notes"].startswith("I am the notes of the first slide")
    assert all(found[name] for name in found)


def test_passwords_are_told_before_a_program_opens_the_file(data_dir: Path) -> None:
    files = [path for path in data_dir.rglob("*") if path.suffix in (".doc", ".ppt", ".xls", ".xlsx")]
    assert {str(path.relative_to(data_dir)) for path in files if ole.is_encrypted(str(path))} == PASSWORDS


@pytest.mark.parametrize("prolog", ["<!DOCTYPE x>", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'])
def test_a_document_type_is_refused(prolog: str, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="xml_forbidden"):
        ooxml.check(str(document(tmp_path / "a.docx", "", prolog)))


def test_a_document_type_in_utf16_is_seen(tmp_path: Path) -> None:
    path = document(tmp_path / "a.docx", "")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/styles.xml", "<!DOCTYPE x><x/>".encode("utf-16"))
    with pytest.raises(IngestError, match="xml_forbidden"):
        ooxml.check(str(path))


def with_styles(tmp_path: Path, data: bytes) -> str:
    """A document one of whose parts has these bytes."""
    path = document(tmp_path / "a.docx", "")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("word/styles.xml", data)
    return str(path)


LONG = f"<!-- {'无' * 200_000} -->"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
@pytest.mark.parametrize(
    "before",
    [LONG, "\n" * 200_000, f"<?pad {'.' * 200_000}?>", f"{LONG}\n<?pad?>{LONG}"],
    ids=["comment", "lines", "instruction", "all"],
)
def test_a_document_type_is_seen_behind_whatever_may_stand_before_it(
    before: str, encoding: str, tmp_path: Path
) -> None:
    said = f"<?xml version='1.0' encoding='{encoding}'?>{before}<!DOCTYPE x><x/>"
    with pytest.raises(IngestError, match="xml_forbidden"):
        ooxml.check(with_styles(tmp_path, said.encode(encoding)))


def test_a_part_that_is_no_xml_to_us_is_searched_to_its_end(tmp_path: Path) -> None:
    """Another reader may take what ours refuses: longer comments, UTF-16 that does not say so."""
    for data in (
        b"<!-- " + b"." * 2 * xml.MAX_PROLOG + b" --><!DOCTYPE x><x/>",
        f"<!-- {'.' * 100_000} --><!DOCTYPE x><x/>".encode("utf-16-le"),
    ):
        with pytest.raises(IngestError, match="xml_forbidden"):
            ooxml.check(with_styles(tmp_path, data))


@pytest.mark.parametrize(
    "data",
    [b"", b"none", b"<!-- <!DOCTYPE x> --><x/>", b"<x><![CDATA[<!DOCTYPE html>]]></x>", f"{LONG}<x/>".encode()],
    ids=["empty", "none", "comment", "cdata", "long"],
)
def test_what_declares_no_document_type_passes(data: bytes, tmp_path: Path) -> None:
    ooxml.check(with_styles(tmp_path, data))


def test_a_prolog_is_read_no_further_than_to_the_root() -> None:
    pieces = iter([b"<!-- a", b" --><x>", b"never asked for"])
    assert xml.declares_type(pieces) is False
    assert next(pieces) == b"never asked for"


def nested(levels: int) -> bytes:
    return b"<a>" * levels + b"</a>" * levels


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<a>", "xml_unreadable"),
        (b"<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "xml_forbidden"),
        (b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/'><a/>", "xml_forbidden"),
        (nested(100_000), "xml_unreadable"),
        (b"<a>" + b" " * 2000 + b"</a>", "xml_too_large"),
    ],
)
def test_xml_that_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(IngestError) as caught:
        xml.parse(data, limit=1000 if code == "xml_too_large" else xml.MAX_BYTES)
    assert caught.value.code == code


def test_hostile_xml(data_dir: Path) -> None:
    told: dict[str, str] = {}
    for path in (data_dir / "hostile/xml").glob("*.xml"):
        try:
            told[path.name] = str(xml.parse(path.read_bytes()).tag)
        except IngestError as error:
            told[path.name] = error.code
    assert {name for name, outcome in told.items() if outcome != "xml_forbidden"} == {"simple.xml", "simple-ns.xml"}


def heading(words: str) -> str:
    return f'<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>'


def test_a_chinese_document_becomes_pages_that_can_be_found(tmp_path: Path) -> None:
    page_break = '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
    body = f"{heading('第一章 育苗')}<w:p><w:r><w:t>番茄怕涝。</w:t></w:r></w:p>{page_break}{heading('第二章 移栽')}"
    outcome = ingest(document(tmp_path / "a.docx", body), tmp_path / "work")
    assert outcome.state == "ready"
    assert outcome.record["pages"] == 2
    assert [(p.kind, p.page) for p in outcome.passages if "番茄怕涝" in p.text] == [("page", 1)]
    assert [(p.page, p.heading) for p in outcome.passages if p.kind == "chapter"] == [
        (1, "第一章 育苗"),
        (2, "第二章 移栽"),
    ]
    assert {product.role for product in outcome.products} == {"preview", "page_image", "thumbnail"}


def test_a_hidden_slide_is_in_neither_preview_nor_text(data_dir: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(data_dir / "courseware/poi/slideshow/SampleShow.pptx") as real:
        parts = {name: real.read(name) for name in real.namelist()}
    parts["ppt/slides/slide1.xml"] = parts["ppt/slides/slide1.xml"].replace(b"<p:sld ", b'<p:sld show="0" ', 1)
    with zipfile.ZipFile(tmp_path / "show.pptx", "w") as changed:
        for name, data in parts.items():
            changed.writestr(name, data)
    outcome = ingest(tmp_path / "show.pptx", tmp_path / "work", steps=frozenset({"preview", "text"}))
    assert outcome.record["pages"] == 1
    assert [(passage.page, passage.heading) for passage in outcome.passages] == [(1, "This is the second slide")]


@pytest.fixture
def converted(tmp_path: Path) -> Callable[[Path], Path]:
    made = tmp_path / "made"
    made.mkdir()
    return lambda source: libreoffice.to_pdf(source, made, Sandbox(), poll=lambda: None)


def test_what_is_no_document_is_refused(tmp_path: Path, converted: Callable[[Path], Path]) -> None:
    (tmp_path / "a.pptx").write_bytes(b"PK\x03\x04" + bytes(500))
    with pytest.raises(IngestError) as caught:
        converted(tmp_path / "a.pptx")
    assert caught.value.code == "document_unreadable"
    assert not caught.value.retryable


def test_the_profile_is_thrown_away(tmp_path: Path, converted: Callable[[Path], Path]) -> None:
    pdf = converted(document(tmp_path / "a.docx", heading("一")))
    assert [path.name for path in pdf.parent.iterdir()] == ["a.pdf"]
