"""Makes the sample courseware from the texts in `content/`: python deploy/demo/build.py OUT

Lectures are drawn slide by slide and narrated by espeak-ng, with captions timed by the narration itself. Everything is
CC0. Writes the files and `OUT/<institution>/metadata.json` (file name → record) for `xuehai deposit --metadata`.
"""

import json
import sys
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import draw
import narrate
import office

CONTENT = Path(__file__).parent / "content"
RECORD = ("title", "description", "kinds", "subjects", "keywords", "creators", "level", "year", "licence", "language")
AXES = {"degree": {"adult_degree"}, "vocational": {"vocational_skills", "professional", "workers"}}

Content = dict[str, Any]


def lecture(content: Content, target: Path) -> list[Path]:
    """An MP4 of narrated slides and its SRT."""
    pictures = [draw.slide(slide, content["colour"], number) for number, slide in enumerate(content["slide"], 1)]
    return narrate.lecture(
        pictures, [slide["say"] for slide in content["slide"]], content.get("language", "zh-Hans"), target
    )


def audio(content: Content, target: Path) -> list[Path]:
    """An MP3 and its SRT."""
    return narrate.audio(content["say"], content.get("language", "zh-Hans"), target)


def picture_book(content: Content, target: Path) -> list[Path]:
    """A PDF whose pages are drawings with their sentence as real text below."""
    return [office.picture_book(content["page"], target.with_suffix(".pdf"))]


def slides(content: Content, target: Path) -> list[Path]:
    """A PPTX with speaker notes."""
    return [office.deck(content["slide"], target.with_suffix(".pptx"))]


def word(content: Content, target: Path) -> list[Path]:
    """A DOCX with headings."""
    return [office.manual(content["title"], content["section"], target.with_suffix(".docx"))]


def pdf(content: Content, target: Path) -> list[Path]:
    """A PDF set by LibreOffice from a DOCX."""
    paper = office.manual(content["title"], content["section"], target.with_suffix(".docx"), content.get("size", 14))
    return [office.to_pdf(paper)]


def markdown(content: Content, target: Path) -> list[Path]:
    """A Markdown file."""
    path = target.with_suffix(".md")
    path.write_text(content["text"].lstrip(), encoding="utf-8")
    return [path]


def text(content: Content, target: Path) -> list[Path]:
    """A text file in the encoding that old offices use."""
    path = target.with_suffix(".txt")
    path.write_bytes(content["text"].lstrip().encode(content.get("encoding", "utf-8")))
    return [path]


def image(content: Content, target: Path) -> list[Path]:
    """A wall chart."""
    path = target.with_suffix(".png")
    draw.wall_chart(content["title"], content["terms"]).save(path)
    return [path]


FORMS: dict[str, Callable[[Content, Path], list[Path]]] = {
    "lecture": lecture,
    "audio": audio,
    "picture_book": picture_book,
    "slides": slides,
    "word": word,
    "pdf": pdf,
    "markdown": markdown,
    "text": text,
    "image": image,
}


def make(source: Path, out: Path) -> tuple[str, str, Content]:
    """Make one resource; answer its institution, the name of its main file, its record."""
    content = tomllib.loads(source.read_text(encoding="utf-8"))
    folder = out / content["institution"]
    folder.mkdir(parents=True, exist_ok=True)
    made = FORMS[content["form"]](content, folder / source.stem)
    record = {key: content[key] for key in RECORD if key in content}
    record |= {axis: bool(kinds & set(content["kinds"])) for axis, kinds in AXES.items()}
    return content["institution"], made[0].name, record


def main() -> None:
    """Build everything, two at a time."""
    out = Path(sys.argv[1])
    about = {"institutions.toml", "collections.toml"}  # who and what belongs together, not courseware
    sources = sorted(path for path in CONTENT.glob("*.toml") if path.name not in about)
    records: dict[str, dict[str, Content]] = {}
    with ThreadPoolExecutor(2) as pool:
        for number, (institution, name, record) in enumerate(pool.map(lambda path: make(path, out), sources), 1):
            records.setdefault(institution, {})[name] = record
            print(f"[{number}/{len(sources)}] {record['title']}", file=sys.stderr, flush=True)
    for institution, by_name in records.items():
        (out / institution / "metadata.json").write_text(
            json.dumps(by_name, ensure_ascii=False, indent=1), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
