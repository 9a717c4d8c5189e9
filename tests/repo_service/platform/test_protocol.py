"""Addresses longer than a parser takes are cut, whatever they hold; what follows a long part is still read."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import parse_qs, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repo_service.commands.protocol import LONGEST_QUERY, shortened
from tests.serving import Served

PARTS = st.lists(st.binary(max_size=20).map(lambda some: some * 1000), max_size=12)


@given(st.sampled_from([b"/search", b"/"]), PARTS)
def test_a_shortened_address_fits_and_keeps_its_path(path: bytes, parts: list[bytes]) -> None:
    short = shortened(path + b"?" + b"&".join(parts))
    assert short.partition(b"?")[0] == path
    assert len(short) <= len(path) + 1 + LONGEST_QUERY
    assert shortened(short) == short


def test_short_addresses_are_left_alone() -> None:
    for address in (b"/", b"/search?q=%E5%AB%81&year=2020&year=2021", b"/search?", b"/a?b?c"):
        assert shortened(address) == address


def test_what_stands_after_a_long_part_is_read() -> None:
    asked = parse_qs(shortened(b"/search?q=" + b"%28" * 100_000 + b"&limit=3").partition(b"?")[2].decode())
    assert asked["limit"] == ["3"]
    assert len(asked["q"][0]) > 1000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("served") / "data")
    yield running
    running.end()


@pytest.mark.slow
@pytest.mark.xdist_group("serve")
@pytest.mark.parametrize("typed", ["(" * 100_000, "[" * 100_000, "嫁接 " * 10_000, "a*b?.*" * 20_000])
def test_a_whole_book_in_the_search_box_is_cut_with_a_notice(served: Served, typed: str) -> None:
    for path in ("/api/v1/search", "/search", "/api/v1/suggest"):
        with urllib.request.urlopen(f"{served.ready['url']}{path}?q={quote(typed)}&limit=3", timeout=60) as answer:
            body = answer.read()
            assert answer.status == 200
        if path == "/api/v1/search":
            assert "query_cut" in json.loads(body)["notices"]


@pytest.mark.slow
@pytest.mark.xdist_group("serve")
def test_a_path_that_is_too_long_is_refused(served: Served) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{served.ready['url']}/{'a' * 100_000}", timeout=60)
    with refused.value as answer:
        assert answer.code == 400
