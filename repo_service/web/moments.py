"""A place inside a resource as a link: its mark is a time, a page, a slide or a section."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from repo_service.services.hits import FoundPassage
from repo_service.web.view import clock

WHERE = {"cue": "speech", "chapter": "speech", "slide": "slides", "page": "pages", "section": "sections"}
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_WRITES_HAN = ("zh", "ja", "ko", "yue", "lzh")


@dataclass(frozen=True, slots=True)
class Moment:
    """A place with its address; ``at`` is its second or page, ``language`` is empty where nothing is known of it."""

    url: str
    kind: str
    paged: bool
    mark: str
    text: Markup
    at: float = 0.0
    language: str = ""
    heading: str = ""  # where the words stand in it and not in the text


def moment(place: FoundPassage, language: str = "") -> Moment:
    """A place as a link; a section of a text is reached by its anchor too, without scripts."""
    anchor = f"#section-{place.page}" if place.kind == "section" and place.page else ""
    at = clock(place.start) if place.start is not None and place.page is None else str(place.page or "")
    return Moment(
        url=place.url + anchor,
        kind=place.kind,
        paged=place.page is not None,
        mark=at,
        text=Markup(place.highlighted),  # noqa: S704 — escaped by the service
        at=float(place.page if place.page is not None else place.start or 0.0),
        language=spoken_in(place.text, language),
        heading=place.heading if "<mark>" not in place.highlighted else "",
    )


def spoken_in(text: str, language: str) -> str:
    """The language of a text inside a resource of ``language``: Chinese captions of a foreign film are Chinese."""
    return "zh" if _HAN.search(text) and not language.startswith(_WRITES_HAN) else language


def parts_of(places: Iterable[FoundPassage]) -> list[str]:
    """In which parts of a resource the places are: `speech`, `slides`, `pages`, `sections`."""
    return list(dict.fromkeys(_where(place) for place in places))


def _where(place: FoundPassage) -> str:
    """A chapter is a heading of what it divides: of a book by its page, of a recording by its second."""
    return "pages" if place.kind == "chapter" and place.page is not None else WHERE.get(place.kind, "pages")
