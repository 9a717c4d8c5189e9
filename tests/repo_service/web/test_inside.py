"""Searching inside one resource: from a hit with more places than it shows, by worth and in their order."""

import html
import re
from collections.abc import Iterator

import pytest

from repo_service.policy import OPERATOR
from repo_service.services import curation, indexing
from repo_service.services.hits import FoundPassage
from repo_service.web.moments import parts_of, spoken_in
from tests.repo_service.web.conftest import Library

CUES = ("今天说扎染。", "扎染先选布。", "扎染的扎染结要紧。", "染液要热。", "最后晾干扎染布。")


@pytest.fixture(scope="module")
def film(library: Library) -> Iterator[str]:
    """A film of which four sentences hold the same word; the id."""
    row = library.resource("一堂课", media_kind="video", duration=60.0, has_captions=True, language="zh-Hans")
    given = library.file(row, "given/film.mp4", "source", "video/mp4", b"film")
    library.file(row, "480p.mp4", "mp4", "video/mp4", b"small film", source_id=given.id)
    cues = [{"kind": "cue", "text": text, "start": n * 10.0, "end": n * 10.0 + 5} for n, text in enumerate(CUES)]
    library.passages(row, given, *({"language": "zh-Hans"} | cue for cue in cues))
    while indexing.drain(library.ctx):
        continue
    yield row.id
    curation.withdraw(library.ctx, OPERATOR, row.id, reason="The test has ended.")
    while indexing.drain(library.ctx):
        continue


def marks(page: str) -> list[str]:
    """The marks of the places that are shown, in their order."""
    return re.findall(
        r'<span class="at">([^<]+)</span>', page.partition('class="moments places"')[2].partition("</ol>")[0]
    )


def test_a_hit_says_how_many_more_places_there_are(library: Library, film: str) -> None:
    page = library.client().get("/search?q=扎染").text
    more = re.search(r'<a class="others"[^>]+href="([^"]+)"[^>]*>([^<]+)<', page)
    assert more is not None
    assert (html.unescape(more[1]), more[2]) == (f"/resources/{film}?q=%E6%89%8E%E6%9F%93#transcript", "这里还有 1 处")
    found = library.client().get(html.unescape(more[1])).text
    assert "找到 4 处“扎染”。" in found
    assert "<mark>扎染</mark>先选布" in found


def test_places_stand_by_worth_or_in_their_order(library: Library, film: str) -> None:
    client = library.client()
    by_worth = marks(client.get(f"/resources/{film}?q=扎染").text)
    in_order = marks(client.get(f"/resources/{film}?q=扎染&order=time").text)
    assert in_order == ["00:00", "00:10", "00:20", "00:40"]
    assert sorted(by_worth) == in_order
    assert by_worth[0] == "00:20", "the sentence that holds the word twice"
    assert marks(client.get(f"/resources/{film}?q=扎染&order=other").text) == by_worth


def test_a_place_keeps_the_search_open(library: Library, film: str) -> None:
    page = library.client().get(f"/resources/{film}?q=扎染&order=time").text
    assert f'href="/resources/{film}?t=10&amp;q=%E6%89%8E%E6%9F%93&amp;order=time"' in page
    assert '<div class="whole" hidden>' in page
    assert '<div class="whole">' in library.client().get(f"/resources/{film}").text


def test_traditional_words_and_questions_are_found_inside_too(library: Library, film: str) -> None:
    for words in ("紮染", "怎么扎染"):
        assert marks(library.client().get(f"/resources/{film}/places?q={words}").text), words


def test_the_part_alone_is_drawn_for_who_types(library: Library, film: str) -> None:
    client = library.client()
    part = client.get(f"/resources/{film}/places?q=晾干&lang=en").text
    client.cookies.clear()
    assert "<html" not in part
    assert "1 place found for “晾干”." in part
    assert client.get(f"/resources/{film}/places?q=").text.strip() == ""
    nothing = client.get(f"/resources/{film}/places?q=qqzz").text
    assert "找到 0 处" in nothing
    assert marks(nothing) == []


def test_what_is_not_public_is_searched_by_nobody(library: Library) -> None:
    address = f"/resources/{library.things['draft']}/places?q=做"
    assert library.client().get(address).status_code == 404
    assert library.client("uploader").get(address).text.strip() == ""


def test_chinese_captions_of_a_foreign_film_are_chinese() -> None:
    assert spoken_in("今天说扎染", "en") == "zh"
    assert spoken_in("今天说扎染", "zh-Hant") == "zh-Hant"
    assert spoken_in("Tie and dye", "zh-Hans") == "zh-Hans"


def test_a_chapter_of_a_book_is_on_its_pages_and_one_of_a_recording_in_its_speech() -> None:
    book = FoundPassage(kind="chapter", page=3, text="嫁接", highlighted="嫁接", url="/")
    film = FoundPassage(kind="chapter", start=12.0, text="嫁接", highlighted="嫁接", url="/")
    assert (parts_of([book]), parts_of([film]), parts_of([book, film])) == (["pages"], ["speech"], ["pages", "speech"])
