"""Parts of pages that are asked for anew: on a slow network, on none, by keyboard, and on the way back."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import PAGES, PASSWORD, Town, Visit, in_view, new_page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("town", ["embedded"], indirect=True)]
NOT_THROUGH = {"zh": "没有连上", "en": "did not get through"}
Weak = Callable[..., Page]


@pytest.fixture
def weak(town: Town, chromium: Browser) -> Iterator[Weak]:
    """``weak("/search", width=360)``: a page whose network may fail, which browsers tell their console as errors."""
    opened: list[Page] = []

    def go(path: str, *, width: int = 1280, view: str = "standard") -> Page:
        page = new_page(town, chromium, "", [], width=width)
        opened.append(page)
        page.goto(in_view(path, view))
        return page

    yield go
    for page in opened:
        page.context.close()


def slow(page: Page, latency: int) -> None:
    """Let each answer take so many milliseconds more from now on."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    limits = {"offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
    devtools.send("Network.emulateNetworkConditions", limits)


def test_boxes_ticked_in_quick_succession_all_count(town: Town, visit: Visit) -> None:
    page = visit("/search")
    kinds = page.evaluate("() => [...document.querySelectorAll('[name=media_kind]')].map(one => one.value)")
    assert len(kinds) > 2
    slow(page, 700)
    for kind in kinds:
        page.locator(f"#f-media_kind-{kind}").click()
        page.wait_for_timeout(80)
    expect(page.locator(".chip.on")).to_have_count(len(kinds))
    assert sorted(re.findall(r"media_kind=(\w+)", page.url)) == sorted(kinds)
    for kind in kinds:
        expect(page.locator(f"#f-media_kind-{kind}")).to_be_checked()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_tick_without_a_network_is_taken_back_and_said(town: Town, weak: Weak, lang: str) -> None:
    page = weak(f"/search?lang={lang}")
    address, shown = page.url, page.locator(".hit").count()
    page.context.set_offline(True)
    page.locator("#f-media_kind-video").click()
    expect(page.locator("#said")).to_contain_text(NOT_THROUGH[lang])
    expect(page.locator("#said")).to_be_in_viewport(ratio=1)
    expect(page.locator("#f-media_kind-video")).not_to_be_checked()
    assert (page.url, page.locator(".hit").count()) == (address, shown)
    page.context.set_offline(False)
    page.locator("#f-media_kind-video").click()
    expect(page.locator(".hit")).to_have_count(1)
    expect(page.locator("#said")).to_have_class("unseen")
    expect(page.locator("#f-media_kind-video")).to_be_checked()


def test_a_refusal_does_not_take_the_place_of_results(town: Town, weak: Weak) -> None:
    page = weak("/search")
    page.route("**/search?*", lambda route: route.fulfill(status=503, content_type="text/html", body="<p>busy</p>"))
    address = page.url
    page.locator("#f-media_kind-video").click()
    expect(page.locator("#said")).to_contain_text(NOT_THROUGH["zh"])
    expect(page.locator("#f-media_kind-video")).not_to_be_checked()
    expect(page.locator(".hit").first).to_be_visible()
    assert page.url == address


@pytest.mark.parametrize("view", ["standard", "elder"])
def test_a_drawer_without_a_network_closes_and_keeps_its_ticks(town: Town, weak: Weak, view: str) -> None:
    page = weak("/search", width=360, view=view)
    page.get_by_role("link", name="筛选").click()
    page.locator("#f-media_kind-video").check()
    page.context.set_offline(True)
    page.get_by_role("button", name="应用筛选").click()
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#said")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("link", name="筛选")).to_be_focused()
    page.context.set_offline(False)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="应用筛选").click()
    expect(page.locator(".chip.on")).to_have_count(1)


def test_the_way_back_leads_to_whole_pages_of_a_book(town: Town, visit: Visit) -> None:
    page = visit(f"/resources/{town.things['book']}")
    expect(page.locator(".leaf-sheet[data-drawn='1']")).to_be_visible()
    for number in (2, 3):
        page.get_by_role("link", name="下一页").click()
        expect(page.locator(f".leaf-sheet[data-drawn='{number}']")).to_be_visible()
    page.get_by_role("link", name="关于", exact=True).click()
    expect(page).to_have_url(re.compile("/about"))
    page.go_back()
    expect(page.locator("header.bar")).to_be_visible()
    expect(page.locator(".leaf-sheet[data-drawn='3']")).to_be_visible()
    page.go_back()
    expect(page.locator(".leaf-sheet[data-drawn='2']")).to_be_visible()
    expect(page.locator("#transcript [aria-current]")).to_contain_text(PAGES[1])
    page.locator("#transcript a", has_text=PAGES[0]).click()
    expect(page.locator(".leaf-sheet[data-drawn='1']")).to_be_visible()
    page.go_back()
    expect(page.locator(".leaf-sheet[data-drawn='2']")).to_be_visible()


def test_the_way_back_after_signing_out_shows_nothing_of_the_account(town: Town, visit: Visit) -> None:
    page = visit("/sign-in?next=/account")
    page.fill("#email", "learner@example.cn")
    page.fill("#password", PASSWORD)
    page.click("main button.go")
    expect(page.locator("main")).to_contain_text("learner@example.cn")
    page.get_by_role("button", name="退出登录").click()
    expect(page.get_by_role("link", name="登录")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.locator("main")).not_to_contain_text("learner@example.cn")


def drawn(page: Page, number: int) -> None:
    """Wait until a page of the book is there."""
    expect(page.locator(f".leaf-sheet[data-drawn='{number}']")).to_be_visible()


def test_pages_are_turned_by_keyboard_from_where_one_is(town: Town, visit: Visit) -> None:
    page = visit(f"/resources/{town.things['book']}")
    drawn(page, 1)
    page.get_by_role("link", name="下一页").focus()
    page.keyboard.press("Enter")
    drawn(page, 2)
    expect(page.locator("#said")).to_have_text("第 2 页，共 3 页")
    expect(page.get_by_role("link", name="下一页")).to_be_focused()
    page.keyboard.press("Enter")
    drawn(page, 3)
    expect(page.locator("#leaf")).to_be_focused()
    page.locator(".leaf-scroll").focus()
    page.keyboard.press("ArrowLeft")
    drawn(page, 2)
    expect(page.locator(".leaf-scroll")).to_be_focused()
    assert page.locator("#said").get_attribute("class") == "unseen"


def test_keys_scroll_what_scrolls_and_turn_pages_elsewhere(town: Town, visit: Visit) -> None:
    page = visit(f"/resources/{town.things['book']}")
    drawn(page, 1)
    for _ in range(3):
        page.get_by_role("button", name="更大").click()
    page.locator(".leaf-scroll").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    place = (
        "[document.querySelector('.leaf-scroll').scrollLeft > 0, document.querySelector('.leaf-scroll').scrollTop > 0]"
    )
    for _ in range(100):
        if page.evaluate(place) == [True, True]:
            break
        page.wait_for_timeout(50)
    assert page.evaluate(place) == [True, True]
    page.locator("ol.transcript").focus()
    page.keyboard.press("PageDown")  # three lines need no scrolling
    drawn(page, 2)
    assert page.url.endswith("page=2"), "and nothing had turned a page before"
    page.evaluate("document.querySelector('ol.transcript').style.maxHeight = '3rem'")
    page.evaluate("document.querySelector('ol.transcript').style.minHeight = 0")
    page.locator("ol.transcript a").nth(1).focus()
    page.keyboard.press("PageDown")
    page.wait_for_timeout(500)
    assert page.url.endswith("page=2")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_page_that_does_not_come_is_said(town: Town, weak: Weak, lang: str) -> None:
    page = weak(f"/resources/{town.things['book']}?lang={lang}", width=360)
    drawn(page, 1)
    page.context.set_offline(True)
    page.locator("#leaf-next").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text(NOT_THROUGH[lang])
    expect(page.locator("#said")).to_be_in_viewport(ratio=1)
    expect(page.locator("#leaf-next")).to_be_focused()
    page.context.set_offline(False)
    page.keyboard.press("Enter")
    drawn(page, 2)
    expect(page.locator("#said")).to_have_class("unseen")
