"""What a resource page shows of a record: its stage, the text beside it, one page of it, its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from repo_service.services.catalog import PassageView
from repo_service.services.records import FileView, PageView, Record
from repo_service.web.view import clock

MANY = 10_000  # passages of one resource that a page takes: a whole day of captions
GIST = 90  # characters of a page that its line in the list shows
ALSO_FOR_DOWNLOAD = ("mp4", "audio", "preview")  # made files that are worth keeping


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the text beside the thing; ``at`` is its second or page."""

    address: str
    at: float
    mark: str
    text: str
    language: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page or slide: picture, text, notes, and the pages around it (None at the ends)."""

    page: int
    total: int
    picture: PageView | None
    text: str
    notes: str
    prev: int | None
    next: int | None


@dataclass(frozen=True, slots=True)
class Download:
    """A file in the list; ``url`` is empty where the licence does not let it go."""

    title: str
    kind: str
    size: int
    url: str


def stage_of(record: Record) -> str:
    """Which template shows the thing itself: video, audio, pages, reading, image or none."""
    play = record.playback
    if record.media_kind == "audio" and (play.hls_url or play.audio_url):
        return "audio"
    if play.hls_url or play.mp4_url:
        return "video"
    if play.reading_url:
        return "reading"
    if play.pages or play.preview_url:
        return "pages"
    return "image" if play.image_url else "none"


def spoken(record: Record, passages: Sequence[PassageView], language: str, at: float | None) -> list[Line]:
    """The cues of one language as lines; the one at the asked second is current."""
    cues = [cue for cue in passages if cue.kind == "cue" and cue.start is not None and cue.language == language]
    current = max((i for i, cue in enumerate(cues) if at is not None and (cue.start or 0.0) <= at), default=-1)
    return [
        Line(
            address=_with(record, t=f"{cue.start or 0.0:g}", text=language if len(languages_of(passages)) > 1 else ""),
            at=cue.start or 0.0,
            mark=clock(cue.start or 0.0),
            text=cue.text.replace("\n", " "),
            language=cue.language,
            current=i == current,
        )
        for i, cue in enumerate(cues)
    ]


def languages_of(passages: Sequence[PassageView]) -> list[str]:
    """The languages in which the thing was captioned, in the order of their tracks."""
    return list(dict.fromkeys(cue.language for cue in passages if cue.kind == "cue"))


def language_for(record: Record, passages: Sequence[PassageView], asked: str) -> str:
    """The language of the text beside the thing: as asked, else the record's own, else the first there is."""
    known = languages_of(passages)
    main = record.language.split("-")[0]
    fitting = [language for language in known if language.split("-")[0] == main]
    return asked if asked in known else next(iter(fitting or known), "")


def leaf_of(record: Record, passages: Sequence[PassageView], asked: int) -> Leaf:
    """The page that was asked for, or the nearest one that there is."""
    pictures = {picture.page: picture for picture in record.playback.pages}
    here = [passage for passage in passages if passage.page is not None]
    total = max([record.pages or 0, *pictures, *(passage.page or 0 for passage in here)], default=0) or 1
    page = min(max(asked, 1), total)
    mine = [passage for passage in here if passage.page == page]
    return Leaf(
        page=page,
        total=total,
        picture=pictures.get(page),
        text="\n".join(passage.text for passage in mine if passage.text),
        notes="\n".join(passage.notes for passage in mine if passage.notes),
        prev=page - 1 if page > 1 else None,
        next=page + 1 if page < total else None,
    )


def leaves(record: Record, passages: Sequence[PassageView], current: int) -> list[Line]:
    """A line for each page or slide that has text: its heading, else how it begins."""
    return [
        Line(
            address=_with(record, page=str(passage.page)),
            at=passage.page,
            mark=str(passage.page),
            text=passage.heading or _gist(passage.text),
            language=passage.language,
            current=passage.page == current,
        )
        for passage in passages
        if passage.page is not None and passage.kind in ("page", "slide")
    ]


def sections(passages: Sequence[PassageView]) -> list[Line]:
    """A line for each heading of a text; the reading view has the ids ``section-N`` on its headings."""
    headed = {p.page: p.heading for p in reversed(passages) if p.kind == "section" and p.heading and p.page is not None}
    return [
        Line(address=f"#section-{number}", at=number, mark=str(place), text=headed[number])
        for place, number in enumerate(sorted(headed), 1)
    ]


def downloads(record: Record, *, desk: bool) -> list[Download]:
    """Given files and the made ones that are worth keeping."""
    given = [file for file in record.files if file.source_id is None]
    made = [file for file in record.files if file.source_id is not None and file.role in ALSO_FOR_DOWNLOAD]
    return [_download(file, record.downloadable or desk) for file in given + made]


def main_download(record: Record, found: Sequence[Download]) -> str:
    """The one file that a learner most likely wants: the small video, else the first that was given."""
    if record.playback.mp4_url and record.downloadable:
        return record.playback.mp4_url
    return next((file.url for file in found if file.url), "")


def _download(file: FileView, allowed: bool) -> Download:
    return Download(title=file.name, kind=file.role, size=file.size, url=file.url if allowed else "")


def _gist(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= GIST else f"{flat[:GIST]}…"


def _with(record: Record, **parameters: str) -> str:
    return f"{record.url}?{urlencode({name: value for name, value in parameters.items() if value})}"
