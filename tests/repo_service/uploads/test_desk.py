"""The upload page in Chromium: files, a folder, pause, a page that is closed, a refusal, steps until they are over."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from repo_service.policy import OPERATOR
from repo_service.services import accounts
from tests.repo_service.uploads.conftest import Site, content, eventually

pytestmark = pytest.mark.browser
SRT = b"1\n00:00:01,000 --> 00:00:02,000\nhello\n"
expect.set_options(timeout=20_000)
PASSWORD = "correct horse battery staple"


@pytest.fixture
def visitor(site: Site, chromium: Browser) -> Iterator[BrowserContext]:
    """A browser in which an uploader is signed in."""
    accounts.create_user(
        site.ctx,
        OPERATOR,
        email="li@example.cn",
        name="李老师",
        role="uploader",
        institution=site.home.slug,
        password=PASSWORD,
    )
    context = chromium.new_context(base_url=f"http://127.0.0.1:{site.port}", locale="zh-CN")
    page = context.new_page()
    page.goto("/sign-in")
    page.fill("input[type=email]", "li@example.cn")
    page.fill("input[type=password]", PASSWORD)
    page.click("main button[type=submit], main form button")
    page.wait_for_url(lambda url: "sign-in" not in url)
    page.close()
    yield context
    context.close()


@pytest.fixture
def desk(visitor: BrowserContext) -> Iterator[Page]:
    """The upload page; nothing may be refused by its content security policy, nothing may be thrown."""
    page = visitor.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto("/upload")
    yield page
    assert wrong == []


def folder_of(root: Path, files: dict[str, bytes]) -> Path:
    """A folder with these files."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def test_a_video_with_its_captions(site: Site, desk: Page, tmp_path: Path) -> None:
    files = folder_of(tmp_path, {"第一课.mp4": content(1_000_000), "第一课.zh.srt": SRT})
    desk.locator("#upload input[type=file]").first.set_input_files([files / "第一课.mp4", files / "第一课.zh.srt"])
    expect(desk.locator(".upload-tools .tag.ok").first).to_be_visible()
    expect(desk.get_by_role("link", name="查看资源")).to_have_count(2)
    (resource,) = site.resources()
    assert resource.title == "第一课"
    expect(desk.get_by_role("link", name="查看资源").first).to_have_attribute("href", f"/resources/{resource.id}")
    expect(desk.locator(".upload-steps .steps li").first).to_be_visible()
    assert {file.name: file.role for file in site.files(resource.id)} == {
        "第一课.mp4": "source",
        "第一课.zh.srt": "captions",
    }


def test_a_folder_with_folders(site: Site, desk: Page, tmp_path: Path) -> None:
    tree = {"课程/week1/lesson.mp4": b"a" * 1000, "课程/week2/lesson.mp4": b"b" * 999, "课程/week2/lesson.srt": SRT}
    folder_of(tmp_path, tree)
    desk.locator("#upload input[webkitdirectory]").set_input_files(tmp_path / "课程")
    expect(desk.locator(".upload-tools .tag.ok")).to_have_count(3)
    first, second = site.resources()
    assert sorted(len(site.files(one.id)) for one in (first, second)) == [1, 2]


def slowed(page: Page, bytes_a_second: int) -> CDPSession:
    """Let the page's network carry so much only, until the session is detached."""
    session = page.context.new_cdp_session(page)
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
    session.send("Network.emulateNetworkConditions", speed)
    return session


def test_paused_and_resumed_by_keyboard(site: Site, desk: Page, tmp_path: Path) -> None:
    data = content(3_000_000)
    network = slowed(desk, 600_000)
    desk.locator("#upload input[type=file]").first.set_input_files(folder_of(tmp_path, {"a.mp4": data}) / "a.mp4")
    pause = desk.get_by_role("button", name="暂停：a.mp4")
    expect(pause).to_be_visible()
    pause.press("Enter")
    resume = desk.get_by_role("button", name="继续：a.mp4")
    expect(resume).to_be_focused()
    assert site.resources() == []
    network.detach()
    resume.press("Enter")
    expect(desk.locator(".upload-tools .tag.ok")).to_be_visible()
    (file,) = site.files(site.resources()[0].id)
    assert file.sha256 == hashlib.sha256(data).hexdigest()


def test_goes_on_after_the_page_was_closed(site: Site, visitor: BrowserContext, tmp_path: Path) -> None:
    data = content(4_000_000)
    path = folder_of(tmp_path, {"长课.mp4": data}) / "长课.mp4"
    page = visitor.new_page()
    page.goto("/upload")
    slowed(page, 800_000)
    page.locator("#upload input[type=file]").first.set_input_files(path)
    eventually(lambda: any(one.size for one in site.ctx.store.scan("staging/")))
    page.close()
    row = eventually(lambda: (found := site.upload_row()).offset and found)
    page = visitor.new_page()
    page.goto("/upload")
    expect(page.locator(".unfinished")).to_contain_text("长课.mp4")
    page.locator("#upload input[type=file]").first.set_input_files(path)
    expect(page.locator(".upload-tools .tag.ok")).to_be_visible()
    expect(page.locator(".unfinished")).to_be_hidden()
    assert site.upload_row().id == row.id
    (file,) = site.files(site.resources()[0].id)
    assert file.sha256 == hashlib.sha256(data).hexdigest()


def test_a_refusal_says_why(site: Site, desk: Page, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"setup.exe": b"MZ", "b.md": "# 标题".encode()})
    desk.locator("#upload input[type=file]").first.set_input_files([folder / "setup.exe", folder / "b.md"])
    expect(desk.locator(".upload-tools .tag.ok")).to_have_count(1)
    expect(desk.locator(".upload.bad .upload-note")).not_to_be_empty()
    expect(desk.get_by_role("button", name="移除：setup.exe")).to_be_visible()
    assert [one.title for one in site.resources()] == ["b"]
