"""Every page in both views: axe finds nothing, no phone scrolls sideways, targets and type are large enough."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.journeys.conftest import HEIGHT, WIDTH, Town, Visit, in_view, new_page

# What a page looks like does not hang on its servers: once, on the embedded defaults.
pytestmark = [pytest.mark.browser, pytest.mark.parametrize("town", ["embedded"], indirect=True)]
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAGES = (
    ("", "/"),
    ("", "/search?q=嫁接"),
    ("", "/search?q=qqqzzz"),
    ("", "/resources/{video}?t=6"),
    ("", "/resources/{book}?page=2"),
    ("", "/resources/{text}"),
    ("", "/institutions"),
    ("", "/institutions/xinzheng"),
    ("", "/collections"),
    ("", "/collections/{collection}"),
    ("", "/sign-in"),
    ("", "/sign-up"),
    ("", "/help"),
    ("", "/about"),
    ("", "/accessibility"),
    ("uploader", "/upload"),
    ("uploader", "/account"),
    ("curator", "/my/resources?institution=xinzheng"),
    ("curator", "/resources/{video}/edit"),
    ("curator", "/collections/{collection}/edit?q=嫁接"),
    ("curator", "/search?q=嫁接"),
    ("curator", "/search/words?expressions=砧木=树桩"),
    ("curator", "/search/pins?q=嫁接"),
    ("curator", "/search/explain?q=嫁接&id={video}"),
    ("curator", "/search/in-vain"),
    ("learner", "/search?q=驾接"),
    ("reviewer", "/review"),
    ("reviewer", "/review/{video}"),
)
# Links that stand alone, buttons and fields; those inside of sentences are as tall as their line.
SMALL = """least => [...document.querySelectorAll(
    "main :is(a, button, select, summary, label:has(input)), header a, footer a, .viewbar a,"
    + " main input:not([type=hidden], [type=checkbox])")]
  .filter(one => one.checkVisibility())
  .filter(one => !one.closest("p:not(:has(> a.reach)), .reading, [aria-hidden=true], .textLayer"))
  .map(one => [one, one.getBoundingClientRect()])
  .filter(([one, box]) => box.width && (box.height < least - 0.5 || box.width < least - 0.5))
  .map(([one, box]) => `${one.outerHTML.slice(0, 90)} ${Math.round(box.width)}x${Math.round(box.height)}`)"""


def faults(page: Page) -> list[str]:
    """What axe finds, as one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"][:3]]


class Tabs:
    """One tab for each who looks: a new one costs more than what is looked at, with axe that is compiled anew in it.

    It forgets what a page left there, so that each page comes as into a new one.
    """

    def __init__(self, town: Town, chromium: Browser) -> None:
        self.wrong: list[str] = []
        self._town, self._chromium = town, chromium
        self._pages: dict[str, Page] = {}

    def turn_to(self, path: str, who: str, view: str) -> Page:
        """Show a page, at the size of a desk."""
        page = self._pages.get(who)
        if page is None:
            page = self._pages[who] = new_page(self._town, self._chromium, who, self.wrong)
        page.set_viewport_size(ViewportSize(width=WIDTH, height=HEIGHT))
        page.goto(in_view(path, view))
        return page

    def forget(self, who: str) -> None:
        """Leave the page, and with it all that it set but the session."""
        page = self._pages[who]
        page.evaluate("localStorage.clear()")
        page.goto("about:blank")
        page.context.clear_cookies()
        for one in self._town.signed_in[who]["cookies"] if who else ():
            page.context.add_cookies([{"name": one["name"], "value": one["value"], "url": self._town.url}])

    def close(self) -> None:
        """Close all of them."""
        for page in self._pages.values():
            page.context.close()


@pytest.fixture(scope="module")
def tabs(town: Town, chromium: Browser) -> Iterator[Tabs]:
    made = Tabs(town, chromium)
    yield made
    made.close()


@pytest.fixture
def turn_to(tabs: Tabs) -> Iterator[Callable[[str, str, str], Page]]:
    """``turn_to(path, who, view)``: a page that says when it errs."""
    looked: set[str] = set()

    def go(path: str, who: str, view: str) -> Page:
        looked.add(who)
        return tabs.turn_to(path, who, view)

    yield go
    for who in looked:
        tabs.forget(who)
    wrong, tabs.wrong[:] = list(tabs.wrong), []
    assert wrong == []


@pytest.mark.parametrize("view", ["standard", "elder"])
@pytest.mark.parametrize(("who", "path"), PAGES)
def test_each_page_is_open_to_everybody(
    town: Town, turn_to: Callable[[str, str, str], Page], who: str, path: str, view: str
) -> None:
    page = turn_to(path.format(**town.things), who, view)
    if "{video}?" in path or "{book}?" in path:
        page.locator(".vjs-control-bar, .leaf-sheet[data-drawn]").first.wait_for()
    assert faults(page) == []
    assert page.evaluate(SMALL, 60 if view == "elder" else 44) == []
    page.set_viewport_size({"width": 360, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize(("size", "least"), [("normal", 18), ("largest", 30)])
def test_type_of_the_elder_view(town: Town, visit: Visit, size: str, least: int) -> None:
    page = visit(f"/search?q=嫁接&size={size}", view="elder", width=360)
    assert float(page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")) >= least
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_nothing_is_lost_at_twice_the_size(town: Town, visit: Visit) -> None:
    page = visit(f"/resources/{town.things['video']}", width=640)  # 1280 at 200 %
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_the_dark_is_as_readable(town: Town, visit: Visit) -> None:
    page = visit("/search?q=嫁接")
    page.emulate_media(color_scheme="dark")
    assert faults(page) == []
    page.goto(f"/resources/{town.things['video']}")
    assert faults(page) == []
