"""The page of a search: what was read instead of what was typed, and what to do about it."""

import html
import re
from urllib.parse import quote, unquote

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


@pytest.mark.parametrize(
    ("q", "facet", "values"),
    [
        ("嫁接 类型:视频", "media_kind", ["video"]),
        ("嫁接 type:Video", "media_kind", ["video"]),
        ("機構:新郑市农业职教中心", "institution", ["xinzheng"]),
        ("institution:xinzheng 嫁接", "institution", ["xinzheng"]),
        ("字幕:有", "captions", ["true"]),
        ("captions:yes", "captions", ["true"]),
        ("教育类型:农村成人", "kind", ["rural_adults"]),
        ("许可:CC-BY-4.0 嫁接", "licence", ["CC-BY-4.0"]),
        ("学科:园艺", "subject", ["S6"]),
        ("语言：中文 嫁接", "language", ["zh-Hans", "zh-Hant", "zh-CN", "zh-TW", "zh"]),
        ("language:Chinese", "language", ["zh-Hans", "zh-Hant", "zh-CN", "zh-TW", "zh"]),
        ("时长:5 嫁接", "duration", ["5"]),
        ("类型:MP4 嫁接", "media_kind", ["video"]),
        ("许可:cc-by-4 嫁接", "licence", ["CC-BY-4.0"]),
    ],
)
def test_filters_can_be_typed_by_their_names(library: Library, q: str, facet: str, values: list[str]) -> None:
    found = library.client().get("/api/v1/search", params={"q": q}).json()
    (typed,) = found["typed_filters"]
    assert (typed["facet"], typed["values"]) == (facet, values)
    assert {value["value"] for value in found["facets"][facet] if value["selected"]} == set(values)
    if facet != "duration":
        assert "桃树芽接与嫁接技术" in [hit["title"] for hit in found["hits"]]


@pytest.mark.parametrize(
    ("q", "values"),
    [
        ("language:en", ["en"]),
        ("语言:英", ["en"]),
        ("语言:英语", ["en"]),
        ("licence:cc0", ["CC0-1.0"]),
        ("类型:PPT", ["slides"]),
        ("类型:pdf", ["document"]),
        ("区划:新郑", ["410184000000", "410184403000"]),  # the city, and a new district that is called so
        ("区划:新", ["新"]),
    ],
)
def test_names_are_understood_by_their_beginning_and_never_in_the_middle_of_another(
    library: Library, q: str, values: list[str]
) -> None:
    """``en`` is not French, though it stands in that word."""
    (typed,) = library.client().get("/api/v1/search", params={"q": q}).json()["typed_filters"]
    assert typed["values"] == values


def test_what_is_quoted_negated_or_unknown_is_no_filter(library: Library) -> None:
    for q in ("“类型:视频”", "-类型:视频", "作者:赵保田", "比例1:2", "机构:没有的学校"):
        assert library.client().get("/api/v1/search", params={"q": q}).json()["typed_filters"] == [], q


def test_a_typed_filter_is_a_chip_that_can_be_taken_away(library: Library) -> None:
    page = library.client().get("/search", params={"q": "嫁接 类型:视频", "lang": "zh"}).text
    assert '<a class="chip on" href="/search?q=%E5%AB%81%E6%8E%A5"><span class="unseen">媒体</span>视频' in page


def test_a_search_in_vain_shows_what_would_be_found(library: Library) -> None:
    client = library.client()
    found = client.get("/api/v1/search", params={"q": "嫁接", "media_kind": "audio"}).json()
    assert found["total"] == 0
    first = found["hints"][0]
    assert (first["kind"], first["text"], first["total"]) == ("filter", "音频", 1)
    assert client.get(first["url"]).text.count('<article class="hit">') == 1
    near = client.get("/api/v1/search", params={"q": "jijiuxx"}).json()["hints"]
    assert ("near", "家庭急救常识") in [(hint["kind"], hint["text"]) for hint in near]
    words = client.get("/api/v1/search", params={"q": "“嫁接” 桃树 -芽接", "exact": "true"}).json()
    assert words["total"] == 0
    vain = client.get("/api/v1/search", params={"q": "qqxxzz"}).json()
    assert {hint["kind"] for hint in vain["hints"]} == {"subject"}
    assert vain["hints"][0]["url"].startswith("/search?subject=")
    page = client.get("/search", params={"q": "qqxxzz", "lang": "en"}).text
    assert "Many resources are about:" in page


def test_a_search_is_kept_followed_and_forgotten(library: Library) -> None:
    client = library.client("learner")
    page = client.get("/search?q=嫁接&media_kind=video").text
    assert 'name="address" value="q=%E5%AB%81%E6%8E%A5&amp;media_kind=video"' in page
    token = library.token(client)
    for _ in range(2):
        given = {"csrf_token": token, "address": "q=%E5%AB%81%E6%8E%A5&media_kind=video&cursor=x&csrf_token=y"}
        assert "已保存到我的账户页面" in client.post("/search/saved", data=given).text
    account = client.get("/account").text
    assert account.count("嫁接 · 视频") == 3, "kept once: its name, and the names of its two buttons"
    feed = re.search(r'href="(/search/feed.atom[^"]+)"', account)
    assert feed is not None
    assert "桃树芽接与嫁接技术" in client.get(html.unescape(feed[1])).text
    remove = re.search(r'action="(/search/saved/[^"]+/remove)"', account)
    assert remove is not None
    stranger = library.client("reviewer")
    other = stranger.post(remove[1], data={"csrf_token": library.token(stranger)})
    assert other.status_code == 404
    assert "嫁接 · video" not in client.post(remove[1], data={"csrf_token": token}).text
    assert "保存这个检索" not in library.client().get("/search?q=嫁接").text


def test_a_typed_filter_is_unticked_like_a_chosen_one(library: Library) -> None:
    page = library.client().get("/search?q=类型:视频 嫁接").text
    form = page[page.index("data-live") :]
    assert '<input type="hidden" name="q" value="嫁接">' in form[: form.index("</form>")]
    assert re.search(r'name="media_kind"[^>]*value="video"[^>]*checked', form) is not None


def test_a_query_without_any_word_says_so(library: Library) -> None:
    for typed in ("😀", "？", "((((("):
        page = library.client().get("/search", params={"q": typed}).text
        assert "没有可以检索的词" in page
        assert "找到" not in page[page.index('id="total"') :][:200]
    assert "没有可以检索的词" not in library.client().get("/search", params={"q": "-剪纸"}).text


def test_signing_in_comes_back_to_the_search(library: Library) -> None:
    page = library.client().get("/search?q=嫁接&media_kind=video").text
    (address,) = re.findall(r'href="/sign-in\?next=([^"]*)"', page)
    assert unquote(html.unescape(address)) == f"/search?q={quote('嫁接')}&media_kind=video"
