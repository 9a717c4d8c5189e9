"""Pages of results: on, back, and from a page that is no more to the first one."""

import html
import re
from collections.abc import Iterator

import pytest

from repo_service.services import paging
from repo_service.web.searching import CHOSEN, PAGE
from tests.repo_service.web.conftest import Library

WORD = "蜡染"


@pytest.fixture(scope="module")
def many(library: Library) -> Iterator[Library]:
    """Two pages of resources and one more, taken away again for the other modules."""
    made = [library.resource(f"{WORD}第 {number} 课").id for number in range(2 * PAGE + 1)]
    library.index()
    yield library
    library.take_away(made)


def titles(page: str) -> list[str]:
    """The addresses of the hits."""
    return re.findall(r'<article class="hit">.*?<h2[^>]*><a href="([^"]+)', page, re.DOTALL)


def link(page: str, rel: str) -> str:
    """Where the link to another page leads; empty when there is none."""
    found = re.search(f'rel="{rel}" href="([^"]+)"', page)
    return html.unescape(found[1]) if found else ""


def test_lead_on_and_back(many: Library) -> None:
    client = many.client()
    first = client.get(f"/search?q={WORD}&lang=zh").text
    second = client.get(link(first, "next")).text
    third = client.get(link(second, "next")).text
    assert [len(titles(page)) for page in (first, second, third)] == [PAGE, PAGE, 1]
    assert len({*titles(first), *titles(second), *titles(third)}) == 2 * PAGE + 1
    assert (link(first, "prev"), link(second, "prev")) == ("", ""), "the first page has a link of its own"
    assert ("第一页" in first, "第一页" in second) == (False, True)
    assert titles(client.get(link(third, "prev")).text) == titles(second)


@pytest.mark.parametrize(
    ("cursor", "said"),
    [
        ("nonsense", "这里是第一页"),
        (paging.encode("another index", PAGE), "这里是第一页"),
        (paging.encode("another index", 10_000), "请用筛选缩小范围"),
    ],
)
def test_one_that_is_no_more_costs_nobody_the_search(many: Library, cursor: str, said: str) -> None:
    client = many.client()
    lost = client.get("/search", params={"q": WORD, "licence": "CC-BY-4.0", "lang": "zh", "cursor": cursor})
    assert lost.status_code == 200
    assert said in lost.text
    assert f'value="{WORD}"' in lost.text
    assert titles(lost.text) == titles(client.get(f"/search?q={WORD}&licence=CC-BY-4.0").text)
    assert titles(client.get(link(lost.text, "next")).text)


def test_an_address_with_endless_filters_is_answered_in_brief(many: Library) -> None:
    """Each chosen filter has a link without it that names the others: a page would grow with their square."""
    endless = [("year", str(year)) for year in range(3_000)] + [(f"x{n}", "y") for n in range(3_000)]
    page = many.client().get("/search", params=[("q", WORD), *endless])
    assert page.status_code == 200
    assert page.text.count('class="chip on"') == CHOSEN
    assert len(page.content) < 500_000
