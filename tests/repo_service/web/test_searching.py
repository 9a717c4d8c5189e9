"""The page of a search: what was read instead of what was typed, and what to do about it."""

import pytest

from tests.repo_service.web.conftest import Library


def test_a_corrected_query_says_so_and_can_be_searched_as_typed(library: Library) -> None:
    client = library.client()
    page = client.get("/search?q=嫁节&media_kind=video&lang=zh").text
    assert "以下是“嫁接”的检索结果。" in page
    assert "桃树芽接与<mark>嫁接</mark>技术" in page
    assert 'href="/search?q=%E5%AB%81%E8%8A%82&amp;media_kind=video&amp;exact=true"' in page, "filters stay"
    typed = client.get("/search?q=嫁节&media_kind=video&exact=true&lang=zh").text
    assert "已按原样检索" in typed
    assert '<input type="hidden" name="exact" value="true">' in typed
    assert "<mark>" not in typed
    assert "Search instead for “嫁节”" in client.get("/search?q=嫁节&lang=en").text


def test_the_api_can_be_asked_to_correct_nothing(library: Library) -> None:
    client = library.client()
    read = client.get("/api/v1/search?q=jiajie").json()
    assert (read["corrected_query"], read["total"]) == ("嫁接", 1)
    typed = client.get("/api/v1/search?q=jiajie&exact=true").json()
    assert (typed["corrected_query"], typed["total"]) == (None, 0)


@pytest.mark.parametrize(("lang", "said"), [("zh", "检索词太长"), ("en", "The query was very long")])
def test_a_query_that_is_too_long_says_so(library: Library, lang: str, said: str) -> None:
    client = library.client()
    assert said in client.get("/search", params={"q": "(" * 450, "lang": lang}).text
    assert said not in client.get("/search", params={"q": "嫁接", "lang": lang}).text
