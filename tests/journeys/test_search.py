"""Searching by keyboard, input method and finger, and without scripts: the box, filters, places of one resource."""

import re

import pytest
from playwright.sync_api import CDPSession, Page, Request, expect

from tests.journeys.conftest import CUES, Town, Visit
from tests.journeys.test_access import SMALL, faults

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("town", ["embedded"], indirect=True)]
PINYIN = ("j", "ji", "jia", "jia'j", "jia'jie")


def asked_of(page: Page, path: str) -> list[str]:
    """The query strings of all requests to a path from now on, as they come."""
    found: list[str] = []

    def note(request: Request) -> None:
        if path in request.url:
            found.append(request.url.partition("?")[2])

    page.on("request", note)
    return found


def compose(devtools: CDPSession, page: Page, letters: tuple[str, ...], text: str) -> None:
    """Type as a Chinese input method does: letters that grow, then what is chosen for them; longer than any pause."""
    for composed in letters:
        at = len(composed)
        devtools.send("Input.imeSetComposition", {"text": composed, "selectionStart": at, "selectionEnd": at})
        page.wait_for_timeout(300)
    devtools.send("Input.insertText", {"text": text})


def test_a_key_leads_to_the_box_but_for_those_who_want_none(town: Town, visit: Visit) -> None:
    page = visit("/search")
    for held in ("Control+/", "Alt+/"):
        page.keyboard.press(held)
        expect(page.locator("#q")).not_to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_have_value("/")
    page.goto("/accessibility")
    page.get_by_role("link", name="不用").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="重新使用")).to_be_visible()
    page.goto("/search")
    page.keyboard.press("/")
    expect(page.locator("#q")).not_to_be_focused()
    page.goto("/accessibility")
    page.get_by_role("link", name="重新使用").click()
    page.goto("/search")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()


def test_half_composed_words_are_not_searched(town: Town, visit: Visit) -> None:
    page = visit("/")
    asked = asked_of(page, "/api/v1/suggest")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    compose(page.context.new_cdp_session(page), page, PINYIN, "嫁接")
    expect(page.locator("[role=option] mark").first).to_have_text("嫁接")
    assert page.input_value("#q") == "嫁接"
    assert asked == ["q=%E5%AB%81%E6%8E%A5"]


def test_half_composed_words_are_not_searched_inside_a_resource_either(town: Town, visit: Visit) -> None:
    page = visit(f"/resources/{town.things['video']}")
    asked = asked_of(page, "/places")
    page.focus("#transcript [name=q]")
    compose(page.context.new_cdp_session(page), page, ("b", "bo", "bo'mo"), "薄膜")
    expect(page.locator("#places mark")).to_have_text("薄膜")
    assert asked == ["q=%E8%96%84%E8%86%9C&order=worth"]


def test_the_box_is_a_combobox(town: Town, visit: Visit) -> None:
    page = visit("/")
    box, options = page.locator("#q"), page.locator("[role=option]")
    box.press_sequentially("jia")
    expect(options.first).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    group = page.locator("[role=listbox] > [role=group]").first
    label = group.get_attribute("aria-labelledby")
    expect(page.locator(f"#{label}")).not_to_be_empty()
    expect(page.locator("form.find [role=status]")).to_contain_text("条建议")
    active = box.get_attribute
    page.keyboard.press("ArrowDown")
    first = options.first.get_attribute("id")
    assert active("aria-activedescendant") == first
    expect(page.locator(f"#{first}")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    assert active("aria-activedescendant") is None, "back in the box, with what was typed"
    page.keyboard.press("ArrowUp")
    assert active("aria-activedescendant") == options.last.get_attribute("id")
    page.keyboard.press("Home")
    assert (active("aria-activedescendant"), page.evaluate("document.activeElement.selectionStart")) == (None, 0)
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.selectionStart") == 3
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("[role=listbox]")).to_be_hidden()
    expect(box).to_have_value("jia")
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Alt+ArrowDown")
    expect(options.first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("[role=listbox]")).to_be_hidden()
    expect(page.locator("form.find button")).to_be_focused()
    box.focus()
    page.keyboard.press("Escape")
    expect(box).to_have_value("")


def test_enter_searches_what_was_typed_or_takes_what_is_chosen(town: Town, visit: Visit) -> None:
    page = visit("/")
    page.locator("#q").press_sequentially("急救")
    expect(page.locator("[role=option]", has_text="急救").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/search"))
    page.locator("#q").fill("")
    page.locator("#q").press_sequentially("急救")
    option = page.locator("[role=option]", has_text="急救").first
    expect(option).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/resources/{town.things['text']}"))


def test_a_finger_takes_a_suggestion(town: Town, visit: Visit) -> None:
    page = visit("/", width=360, view="elder")
    page.locator("#q").press_sequentially("jijiu")
    option = page.locator("[role=option]").first
    expect(option).to_be_visible()
    box = option.bounding_box()
    assert box is not None
    assert box["height"] >= 60
    option.click()
    expect(page).to_have_url(re.compile("/resources/"))


def test_unknown_kinds_of_suggestions_have_a_name_too(town: Town, visit: Visit) -> None:
    page = visit("/?lang=en")
    some = [{"text": "嫁接", "kind": "query", "url": "/search?q=x"}, {"text": "嫁", "kind": "new", "url": "/about"}]
    page.route("**/api/v1/suggest*", lambda route: route.fulfill(json=some))
    page.locator("#q").press_sequentially("j")
    expect(page.locator(".options .kind")).to_have_text(["Popular searches", "Others"])


def test_a_tick_searches_keeps_the_focus_and_is_announced(town: Town, visit: Visit) -> None:
    page = visit("/search?q=嫁接 急救 用药")
    video = page.locator("#f-media_kind-video")
    video.focus()
    page.keyboard.press("Space")
    expect(page.locator("#said")).to_contain_text("找到 1 项资源")
    expect(page.locator("#f-media_kind-video")).to_be_focused()
    expect(page).to_have_title(re.compile("视频"))
    page.locator("#f-media_kind-text").check()
    expect(page.locator(".chip.on")).to_have_count(2)
    assert sorted(re.findall(r"media_kind=(\w+)", page.url)) == ["text", "video"]
    assert "media_kind=text" in (page.get_by_role("link", name="English").get_attribute("href") or "")
    page.go_back()
    expect(page.locator(".chip.on")).to_have_count(1)
    expect(page.locator("#f-media_kind-text")).not_to_be_checked()
    page.go_forward()
    expect(page.locator(".chip.on")).to_have_count(2)
    page.fill("#q", "嫁接")
    page.press("#q", "Enter")
    expect(page).to_have_url(re.compile("q=[^&]+&media_kind=.+&media_kind="))


@pytest.mark.parametrize("scripts", [True, False])
def test_filters_are_a_drawer_on_a_phone(town: Town, visit: Visit, scripts: bool) -> None:
    page = visit("/search", width=360, scripts=scripts)
    expect(page.locator("#filters")).to_be_hidden()
    page.get_by_role("link", name="筛选").click()
    expect(page.locator("#filters")).to_be_visible()
    page.locator("#f-media_kind-video").check()
    page.locator("#f-media_kind-text").check()
    page.get_by_role("button", name="应用筛选").click()
    expect(page.locator(".chip.on")).to_have_count(2)
    expect(page.locator("#filters")).to_be_hidden()
    assert page.url.count("media_kind") == 2
    if scripts:
        focused = "document.activeElement.matches('[data-results]')"
        assert page.evaluate(focused), "the next press of Tab leads to the results, not to the foot of the page"
        page.go_back()
        expect(page.locator(".chip.on")).to_have_count(0)
        expect(page.locator("#filters")).to_be_hidden()


@pytest.mark.parametrize("view", ["standard", "elder"])
def test_the_box_has_room_on_a_phone_at_twice_the_size(town: Town, visit: Visit, view: str) -> None:
    page = visit("/search?q=老年", width=180, view=view)
    box = page.locator("#q").bounding_box()
    assert box is not None
    assert box["width"] >= 120
    assert page.evaluate("document.documentElement.scrollWidth") <= 180


@pytest.mark.parametrize("view", ["standard", "elder"])
def test_the_drawer_is_open_to_everybody(town: Town, visit: Visit, view: str) -> None:
    page = visit("/search", width=360, view=view)
    page.get_by_role("link", name="筛选").click()
    for closed in page.locator("details.facet:not([open]) > summary").all():
        closed.click()
    assert faults(page) == []
    assert page.evaluate(SMALL, 60 if view == "elder" else 44) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#f-media_kind-video").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#filters")).to_be_hidden()


def test_the_places_of_one_resource_by_worth_and_in_their_order(town: Town, visit: Visit) -> None:
    page = visit(f"/resources/{town.things['video']}")
    page.fill("#transcript [name=q]", "嫁接 薄膜")
    expect(page.locator(".places li")).to_have_count(2)
    expect(page.locator(".places .at").first).to_have_text("00:12")
    expect(page.locator(".transcript")).to_be_hidden()
    page.get_by_role("link", name="按先后").click()
    expect(page.locator(".places .at").first).to_have_text("00:00")
    expect(page.get_by_role("link", name="按先后")).to_be_focused()
    expect(page).to_have_url(re.compile("order=time"))
    assert faults(page) == []
    page.locator(".places a", has_text=CUES[2][1]).click()
    expect(page).to_have_url(re.compile(r"t=12"))
    page.get_by_role("link", name="显示全部文字").click()
    expect(page.locator(".transcript li:visible")).to_have_count(len(CUES))
    assert "q=" not in page.url


def test_the_places_of_a_book_turn_its_pages(town: Town, visit: Visit) -> None:
    page = visit(f"/resources/{town.things['book']}?q=buluofen 日期", scripts=True)
    expect(page.locator(".places .at")).to_contain_text(["第 3 页"])
    page.locator(".places a", has_text="写清日期").click()
    expect(page.locator(".leaf-sheet[data-drawn='3']")).to_be_visible()
    expect(page.locator(".places")).to_be_visible()


def test_places_are_found_without_scripts(town: Town, visit: Visit) -> None:
    page = visit(f"/resources/{town.things['video']}", scripts=False, width=360, view="elder")
    page.fill("#transcript [name=q]", "薄膜")
    page.get_by_role("button", name="找").click()
    expect(page.locator(".places li")).to_have_count(1)
    page.get_by_role("link", name="显示全部文字").click()
    expect(page.locator(".transcript li")).to_have_count(len(CUES))
