"""The pages as HTML: each in both languages and both views, without scripts, under a strict policy."""

import re
from html.parser import HTMLParser

import pytest

from repo_service.policy import ANONYMOUS
from repo_service.services import catalog
from repo_service.web.reading import stage_of
from tests.repo_service.web.conftest import CUES, Library

PUBLIC = (
    "/",
    "/search",
    "/search?q=嫁接",
    "/search?q=zzzzzz",
    "/institutions",
    "/institutions/xinzheng",
    "/collections",
    "/collections/{collection}",
    "/resources/{video}?t=10",
    "/resources/{slides}?page=2",
    "/resources/{text}",
    "/sign-in",
    "/sign-up",
    "/about",
    "/help",
    "/accessibility",
    "/nothing/here",
)
DESK = (
    ("uploader", "/upload"),
    ("uploader", "/my/resources"),
    ("uploader", "/account"),
    ("system_admin", "/resources/{draft}/edit"),
    ("system_admin", "/resources/{draft}"),
    ("curator", "/collections"),
    ("system_admin", "/collections/{collection}/edit?q=嫁接"),
    ("reviewer", "/review"),
    ("system_admin", "/review/{draft}"),
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Reader(HTMLParser):
    """Reads a page as a strict browser would: what is open, which ids there are, where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.words: list[str] = []
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.wrong += [f"{tag} has {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "script" and "src" not in given and given.get("type") != "application/ld+json":
            self.wrong.append("an inline script")
        if tag == "img" and "alt" not in given:
            self.wrong.append("a picture without alt")
        if tag == "a" and given.get("href"):
            self.links.add(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif tag not in VOID:
            self.wrong.append(f"</{tag}> where {self.open[-3:]} is open")

    def handle_data(self, data: str) -> None:
        if "script" not in self.open and data.strip():
            self.words.append(data.strip())


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def address(library: Library, path: str) -> str:
    return path.format(collection=library.collection, **library.things)


@pytest.mark.parametrize("view", ["standard", "elder"])
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(("who", "path"), [*(("", path) for path in PUBLIC), *DESK])
def test_each_page_is_whole_and_strict(library: Library, who: str, path: str, lang: str, view: str) -> None:
    client = library.client(who)
    joint = "&" if "?" in path else "?"
    answer = client.get(f"{address(library, path)}{joint}lang={lang}&view={view}")
    assert answer.status_code == (404 if path.startswith("/nothing") else 200)
    page = read(answer.text)
    assert page.wrong == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert f'<html lang="{"zh-Hans" if lang == "zh" else "en"}"' in answer.text
    assert ('data-view="elder"' in answer.text) == (view == "elder")
    assert answer.text.count("<h1") == 1
    assert answer.text.count("<main") == 1


@pytest.mark.parametrize("path", ["/about", "/help", "/accessibility", "/sign-in", "/sign-up", "/nothing/here"])
def test_english_pages_hold_no_chinese_but_the_way_back(library: Library, path: str) -> None:
    words = read(library.client().get(f"{path}?lang=en").text).words
    assert [word for word in words if CHINESE.search(word) and word not in ("学", "中文")] == []


def test_links_of_the_frame_lead_somewhere(library: Library) -> None:
    client = library.client()
    links = {link for link in read(client.get("/").text).links if link.startswith("/") and "?" not in link}
    broken = {link: client.get(link).status_code for link in links if client.get(link).status_code != 200}
    assert broken == {}


def test_choices_are_remembered_and_the_address_wins(library: Library) -> None:
    client = library.client()
    client.get("/?lang=en&view=elder&size=largest")
    again = client.get("/help").text
    assert '<html lang="en" data-view="elder" data-size="largest">' in again
    assert '<html lang="zh-Hans">' in client.get("/help?lang=zh&view=standard").text
    client.get("/accessibility?keys=off")
    assert '<html lang="zh-Hans" data-keys="off">' in client.get("/help").text


def test_home_counts_what_is_public(library: Library) -> None:
    text = library.client().get("/").text
    assert "1 家机构共享的 3 门课" in text
    assert "还在做的课" not in text


def test_search_shows_moments_and_leads_to_the_second(library: Library) -> None:
    text = library.client().get("/search?q=实生苗").text
    assert f'href="/resources/{library.things["video"]}?t=10"' in text
    assert "<mark>" in text
    assert "字幕中有这些词" in text


def test_facets_are_a_form_that_works_alone(library: Library) -> None:
    client = library.client()
    text = client.get("/search?media_kind=video&kind=rural_adults").text
    assert re.search(r'name="media_kind" value="video" checked', text)
    assert "家庭急救常识" not in text
    without = re.findall(r'<a class="chip on" href="([^"]+)"', text)
    assert "/search?kind=rural_adults" in without


def test_nothing_found_helps_on(library: Library) -> None:
    text = library.client().get("/search?q=qqqqzzzz&media_kind=video").text
    assert "没有找到" in text
    assert 'href="/search?q=qqqqzzzz"' in text


def test_the_video_plays_without_scripts(library: Library) -> None:
    text = library.client().get(f"/resources/{library.things['video']}?t=10").text
    assert re.search(r'<source src="/media/[^"]+/480p.mp4#t=10.0" type="video/mp4">', text)
    assert '<track kind="captions"' in text
    assert all(cue in text for cue in CUES)
    current = re.search(r'data-at="([\d.]+)" aria-current="true"', text)
    assert current is not None
    assert current[1] == "10.0"


def test_slides_are_read_without_scripts(library: Library) -> None:
    text = library.client().get(f"/resources/{library.things['slides']}?page=2").text
    assert "/pages/2.webp" in text
    assert "可回收物" in text
    assert "过期药品是有害垃圾" in text
    assert 'rel="prev nofollow" href="?page=1"' in text
    assert 'rel="next nofollow" href="?page=3"' in text


def test_turning_a_page_asks_for_the_leaf_alone(library: Library) -> None:
    turned = {"HX-Request": "true", "HX-Target": "section#leaf"}
    address = f"/resources/{library.things['slides']}?page=9"
    leaf, whole = library.client().get(address, headers=turned), library.client().get(address)
    assert leaf.text.lstrip().startswith("<section")
    assert 'data-page="3"' in leaf.text
    assert leaf.headers["cache-control"] == "no-store"
    assert leaf.headers["vary"] == whole.headers["vary"]
    assert leaf.headers["vary"].startswith("Cookie, HX-Target")


def test_a_text_is_read_in_the_page(library: Library) -> None:
    text = library.client().get(f"/resources/{library.things['text']}").text
    assert '<h2 id="section-1">海姆立克法</h2>' in text
    assert 'href="#section-1"' in text


def test_nothing_is_offered_for_download_against_the_licence(library: Library) -> None:
    client = library.client()
    assert "download=1" not in client.get(f"/resources/{library.things['slides']}").text
    assert "download=1" in client.get(f"/resources/{library.things['video']}").text


def test_machines_learn_what_it_is(library: Library) -> None:
    text = library.client().get(f"/resources/{library.things['video']}").text
    assert '"@type": ["LearningResource", "VideoObject"]' in text
    assert '"duration": "PT60S"' in text
    assert '<meta property="og:title" content="桃树芽接与嫁接技术">' in text
    assert "赵保田. 桃树芽接与嫁接技术[EB/OL]. 新郑市农业职教中心, (" in text
    assert "@misc{xuehai-" in text


def test_a_draft_is_nobodys_business(library: Library) -> None:
    assert library.client().get(f"/resources/{library.things['draft']}").status_code == 404
    assert library.client("learner").get(f"/resources/{library.things['draft']}").status_code == 404


def test_a_failed_step_says_why_and_how_to_go_on(library: Library) -> None:
    text = library.client("system_admin").get(f"/resources/{library.things['draft']}/steps").text
    assert "音视频文件损坏或不完整" in text
    assert 'name="step" value="probe"' in text


def test_every_stage_has_its_template(library: Library) -> None:
    stages = [stage_of(catalog.record(library.ctx, ANONYMOUS, library.things[name])) for name in library.things
              if name != "draft"]  # fmt: skip
    assert stages == ["video", "pages", "reading"]


def test_pages_for_people_only_when_signed_in(library: Library) -> None:
    answer = library.client().get("/my/resources?state=draft", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fmy%2Fresources%3Fstate%3Ddraft"


def test_covers_are_drawn_for_ever(library: Library) -> None:
    answer = library.client().get("/covers/2/5ac1.svg")
    assert "嫁" in answer.text
    assert "immutable" in answer.headers["cache-control"]
    assert library.client().get("/covers/2/zzzz.svg").status_code == 200
