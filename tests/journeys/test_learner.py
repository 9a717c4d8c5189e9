"""A learner's ways: searching Chinese, landing on the second, reading a page; by keyboard and without scripts too."""

import re
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import CUES, PAGES, Town, Visit

pytestmark = pytest.mark.browser


def reach(page: Page, low: float, high: float) -> None:
    """Wait until the player stands between two seconds; the policy of the site forbids waiting by script."""
    found = -1.0
    for _ in range(600):
        found = float(page.evaluate("() => document.querySelector('video')?.currentTime ?? -1"))
        if low <= found <= high:
            return
        page.wait_for_timeout(50)
    pytest.fail(f"the player stands at {found}, not between {low} and {high}")


def test_from_a_word_to_the_very_second(town: Town, visit: Visit) -> None:
    page = visit("/")
    page.fill("#q", "砧木")
    page.press("#q", "Enter")
    moment = page.locator(".moments a").first
    expect(moment).to_contain_text("砧木要选一年生的实生苗")
    moment.click()
    expect(page).to_have_url(re.compile(r"\?t=6"))
    reach(page, 6, 7)
    expect(page.locator(".transcript [aria-current]")).to_contain_text(CUES[1][1])


@pytest.mark.parametrize("who", ["", "learner"])
def test_opening_a_hit_is_told_in_passing(town: Town, visit: Visit, who: str) -> None:
    page = visit("/search?q=砧木", who=who)
    hit = page.locator("article.hit").first
    with page.expect_request("**/search/clicks") as told:  # its answer may come when the page is gone
        hit.locator("h2 a").click()
    expect(page).to_have_url(f"{town.url}/resources/{town.things['video']}")
    sent = parse_qs(told.value.post_data or "")
    assert (sent["q"], sent["resource_id"], sent["rank"]) == (["砧木"], [town.things["video"]], ["1"])
    again: dict[str, str | float | bool] = {name: values[0] for name, values in sent.items()}
    assert page.request.post(f"{town.url}/search/clicks", form=again).status == 204  # that is how it was answered
    heard: list[str] = []
    page.on("request", lambda request: heard.append(request.url))
    page.goto("/search?q=砧木&media_kind=video")
    hit.locator("h2 a").click()
    expect(page).to_have_url(f"{town.url}/resources/{town.things['video']}")
    assert not [url for url in heard if url.endswith("/search/clicks")], "filters narrow on purpose"


def test_it_plays_follows_and_goes_on_where_it_stopped(town: Town, visit: Visit) -> None:
    page = visit(f"/resources/{town.things['video']}")
    page.locator(".transcript a", has_text="嫁接口用薄膜").click()
    reach(page, 12.5, 17)
    expect(page.locator(".transcript [aria-current]")).to_contain_text(CUES[2][1])
    page.evaluate("() => { const video = document.querySelector('video'); video.pause(); video.currentTime = 2; }")
    reach(page, 2, 2.5)
    page.locator(".video-js").focus()
    page.keyboard.press("ArrowRight")
    reach(page, 11.5, 13)
    speeds = page.locator(".vjs-playback-rate .vjs-menu-item-text").all_text_contents()
    assert sorted(speeds) == ["0.5x", "0.75x", "1.25x", "1.5x", "1.75x", "1x", "2x"]


def test_reading_a_page_with_its_text_layer(town: Town, visit: Visit) -> None:
    page = visit("/search?q=布洛芬")
    page.locator(".moments a").first.click()
    expect(page).to_have_url(re.compile(r"\?page=2"))
    expect(page.locator(".leaf-sheet[data-drawn='2'] canvas")).to_be_visible()
    expect(page.locator(".textLayer")).to_contain_text(PAGES[1])
    page.keyboard.press("ArrowRight")
    expect(page.locator(".leaf-sheet[data-drawn='3']")).to_be_visible()
    expect(page.locator(".textLayer")).to_contain_text(PAGES[2])
    expect(page).to_have_url(re.compile(r"\?page=3"))
    expect(page.locator(".transcript [aria-current]")).to_contain_text(PAGES[2])


def test_ticking_a_facet_searches_at_once(town: Town, visit: Visit) -> None:
    page = visit("/search")
    everything = page.locator(".hit").count()  # what other journeys published counts too
    assert everything >= len(town.things) - 1  # a collection is not a hit
    page.locator("label", has_text="视频").locator("input").check()
    expect(page).to_have_url(re.compile("media_kind=video"))
    expect(page.locator(".hit")).to_have_count(1)
    page.locator(".chip.on").click()
    expect(page.locator(".hit")).to_have_count(everything)


def test_everything_is_read_without_scripts(town: Town, visit: Visit) -> None:
    page = visit("/", scripts=False)
    page.fill("#q", "布洛芬")
    page.click(".find button")
    page.locator(".moments a").first.click()
    expect(page.locator(".leaf-sheet img")).to_be_visible()
    expect(page.locator(".leaf-text")).to_contain_text(PAGES[1])
    page.get_by_role("link", name="下一页").click()
    expect(page.locator(".leaf-text")).to_contain_text(PAGES[2])
    page.goto(f"/resources/{town.things['video']}?t=6")
    assert "#t=6" in (page.get_attribute("video source[type='video/mp4']", "src") or "")
    expect(page.locator(".transcript [aria-current]")).to_contain_text(CUES[1][1])


def test_the_keyboard_reaches_everything(town: Town, visit: Visit) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    expect(page.locator("#q")).to_be_focused()
    outline = "getComputedStyle(document.activeElement.closest('.find')).boxShadow"
    assert page.evaluate(outline) != "none"


WITHOUT = {  # what a browser lacks
    "": "",
    "clipboard": "Object.defineProperty(navigator, 'clipboard', { value: undefined });",  # on plain http
    "copy": "Object.defineProperty(navigator, 'clipboard', { value: undefined }); document.execCommand = () => false;",
}


@pytest.mark.parametrize("lacking", list(WITHOUT))
def test_a_citation_is_said_to_be_copied_only_where_it_was(town: Town, visit: Visit, lacking: str) -> None:
    page = visit("/about")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('before')")
    page.add_init_script(WITHOUT[lacking])
    page.goto(f"/resources/{town.things['text']}")
    citation = page.locator("#cite-gb").inner_text()
    page.get_by_role("button", name="复制引用").click()
    said = page.locator("[data-copy] + [role=status]")
    expect(said).to_contain_text("手动复制" if lacking == "copy" else "已复制")
    selected = page.evaluate("getSelection().toString()")
    assert selected == (citation if lacking == "copy" else "")
    page.goto("/search")
    page.focus("#q")
    page.keyboard.press("ControlOrMeta+v")
    expect(page.locator("#q")).to_have_value("before" if lacking == "copy" else citation)
