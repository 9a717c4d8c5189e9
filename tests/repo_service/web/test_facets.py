"""The filters of the search page: counts beside what is chosen, trees that are gone down and up, one press away."""

import html
import re
from collections.abc import Iterator

import pytest

from repo_service.policy import OPERATOR
from repo_service.services import accounts
from repo_service.services.finding import FacetValue
from repo_service.services.trees import narrowest, parents
from repo_service.web.facets import FIRST, Box, Branch, boxes
from tests.repo_service.web.conftest import Library

WORD = "蓼蓝"
HENAN, ZHENGZHOU, JINSHUI, JINGBALU, XINZHENG, FUZHOU = (
    "410000000000", "410100000000", "410105000000", "410105001000", "410184000000", "350100000000",
)  # fmt: skip
PLACES = {"jinshui": JINSHUI, "jingbalu": JINGBALU, "xinzheng-two": XINZHENG, "fuzhou": FUZHOU}


@pytest.fixture(scope="module")
def towns(library: Library) -> Iterator[Library]:
    """A resource in each of four places at three heights of the tree, taken away again for the other modules."""
    home = library.home
    made: list[str] = []
    for slug, division in PLACES.items():
        place = {"kind": "community_centre", "division": division}
        library.home = accounts.create_institution(library.ctx, OPERATOR, slug=slug, name=f"{slug} 学堂", **place)
        made.append(library.resource(f"{WORD}染布", subjects=["S66"], year=2020 + len(made)).id)
    library.home = home
    library.index()
    yield library
    library.take_away(made)


def box(library: Library, address: str, name: str) -> str:
    """What a facet shows."""
    page = library.client().get(address, params=None).text
    return page.partition(f"<summary>{name}</summary>")[2].partition("</fieldset>")[0]


def ticked(shown: str) -> dict[str, bool]:
    """Each box that can be ticked, and whether it is."""
    found = re.findall(r'<input type="checkbox" id="f-\w+-([^"]+)"[^>]*?( checked)?>', shown)
    return {value: bool(checked) for value, checked in found}


def counted(shown: str) -> dict[str, int]:
    """What stands beside each value, by its name."""
    return {name: int(n) for name, n in re.findall(r'>([^<>]+)</span><span class="count">(\d+)', shown)}


def test_the_tree_begins_where_it_forks(towns: Library) -> None:
    shown = box(towns, f"/search?q={WORD}", "行政区划")
    assert ticked(shown) == {HENAN: False, "350000000000": False}
    assert counted(shown) == {"河南省": 3, "福建省": 1}


def test_what_is_ticked_opens_to_the_next_fork(towns: Library) -> None:
    shown = box(towns, f"/search?q={WORD}&division={HENAN}", "行政区划")
    assert ticked(shown) == {HENAN: True, JINSHUI: False, XINZHENG: False, "350000000000": False}
    assert counted(shown)["福建省"] == 1, "counts of a facet ignore what is chosen in it"


def test_one_below_takes_the_place_of_the_one_above(towns: Library) -> None:
    client = towns.client()
    answer = client.get(f"/search?q={WORD}&division={HENAN}&division={JINSHUI}&cursor=x", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(f"&division={JINSHUI}")
    page = client.get(answer.headers["location"]).text
    assert page.count('<article class="hit">') == 2
    shown = box(towns, answer.headers["location"], "行政区划")
    assert ticked(shown) == {JINSHUI: True, JINGBALU: False, XINZHENG: False, "350000000000": False}
    up = re.search(r'href="([^"]+)"><span class="up">河南省', shown)
    assert up is not None
    assert client.get(html.unescape(up[1])).text.count('<article class="hit">') == 3


def test_branches_are_alternatives_and_widen_each_for_itself(towns: Library) -> None:
    address = f"/search?q={WORD}&division={JINGBALU}&division={FUZHOU}"
    assert towns.client().get(address).text.count('<article class="hit">') == 2
    shown = box(towns, address, "行政区划")
    up = re.search(r'href="([^"]+)"><span class="up">金水区', shown)
    assert up is not None
    kept = html.unescape(up[1])
    assert (f"division={FUZHOU}" in kept, f"division={JINGBALU}" in kept) == (True, False)
    assert f"division={JINSHUI}" in kept


def test_a_typed_branch_is_widened_out_of_the_words(towns: Library) -> None:
    shown = box(towns, f"/search?q={WORD} 行政区划:金水区", "行政区划")
    up = re.search(r'href="([^"]+)"><span class="up">河南省', shown)
    assert up is not None
    assert "%3A" not in up[1]
    assert towns.client().get(html.unescape(up[1])).text.count('<article class="hit">') == 3


def test_years_are_read_from_the_newest(towns: Library) -> None:
    shown = box(towns, f"/search?q={WORD}", "制作年份")
    assert list(ticked(shown)) == ["2023", "2022", "2021", "2020"]


def test_what_many_want_is_one_press_away(library: Library) -> None:
    client = library.client()
    quick = re.findall(r'<a class="chip" rel="nofollow" href="([^"]+)">有字幕 <span', client.get("/search").text)
    assert quick == ["/search?captions=true"]
    page = client.get(quick[0]).text
    assert page.count("✕") == 1
    assert 'rel="nofollow" href="/search?captions=true&amp;captions=true"' not in page


def test_all_filters_are_taken_away_at_once(library: Library) -> None:
    page = library.client().get("/search?q=嫁接 类型:视频&captions=true&sort=newest&view=standard").text
    assert '<a class="chip clear" href="/search?q=%E5%AB%81%E6%8E%A5&amp;sort=newest">' in page


def test_what_else_is_asked_stays_with_the_search_box(library: Library) -> None:
    page = library.client().get("/search?q=嫁接&media_kind=video&sort=newest").text
    assert '<input type="hidden" form="q-form" name="media_kind" value="video">' in page
    assert '<input type="hidden" form="q-form" name="sort" value="newest">' in page


def test_of_a_branch_and_what_is_above_it_the_branch_is_meant(library: Library) -> None:
    with library.ctx.db.read() as session:
        assert parents(session, "division", [JINSHUI])[JINSHUI] == ZHENGZHOU
        assert narrowest(session, {"division": (HENAN, JINGBALU), "kind": ("a", "b")}) == {
            "division": (JINGBALU,),
            "kind": ("a", "b"),
        }


def test_a_long_facet_is_short_until_it_is_opened(library: Library) -> None:
    def values(n: int, chosen: int = -1) -> list[FacetValue]:
        return [FacetValue(value=f"v{i}", label=f"v{i}", count=1, selected=i == chosen) for i in range(n)]

    def made(some: list[FacetValue]) -> Box:
        (only,) = boxes(library.ctx, {"institution": some}, lambda *_: "")
        return only

    one_more = made(values(FIRST + 1)).level
    assert (len(one_more.first), one_more.more) == (FIRST + 1, [])
    long = made(values(60, chosen=40))
    assert (len(long.level.first), len(long.level.more), long.level.open, long.many) == (FIRST, 54, True, True)
    assert isinstance(long.level.first[0], Branch)
    assert boxes(library.ctx, {"institution": values(1)}, lambda *_: "") == []
