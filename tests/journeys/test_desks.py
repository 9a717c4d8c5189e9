"""The ways of those who give: a file from the drop zone to the public, by three people; a curator's collection."""

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import support
from tests.journeys.conftest import Town, Visit, new_page

pytestmark = pytest.mark.browser


def test_a_file_comes_in_is_watched_reviewed_and_found(town: Town, visit: Visit, tmp_path: Path) -> None:
    given = tmp_path / "气焊安全须知.md"
    given.write_text("# 气焊安全须知\n\n## 回火防止器\n\n每次作业前检查回火防止器的水位。\n", encoding="utf-8")
    uploader = visit("/upload", who="uploader")
    uploader.locator("#upload input[type=file]").first.set_input_files(given)
    expect(uploader.locator("#upload")).to_contain_text("气焊安全须知")
    uploader.locator("#upload a[href^='/resources/']").first.wait_for()
    uploader.goto("/my/resources")
    row = uploader.locator("tr", has_text="气焊安全须知")
    expect(row).to_contain_text("排队中")
    support.settle(town.ctx)
    expect(row).to_contain_text("已就绪")  # by itself, without a reload
    row.get_by_role("link", name="气焊安全须知").click()
    uploader.fill("#description", "开工之前看一遍。")
    uploader.get_by_role("button", name="保存").click()
    expect(uploader.locator(".notice.ok")).to_contain_text("已保存")
    uploader.get_by_role("button", name="提交审核").click()
    expect(uploader.locator(".standing")).to_contain_text("已提交")

    reviewer = visit("/review", who="reviewer")
    reviewer.get_by_role("link", name="去审核").first.click()
    reviewer.get_by_role("button", name="通过").click()
    reviewer.get_by_role("button", name="发布").click()
    expect(reviewer.locator(".notice.ok")).to_contain_text("已发布")
    support.settle(town.ctx)

    learner = visit("/search?q=回火防止器水位")
    learner.locator(".moments a").first.click()
    expect(learner.locator("#section-2")).to_be_in_viewport()


def test_the_steps_of_a_video_stand_at_the_video_and_not_at_its_captions(
    town: Town, visit: Visit, tmp_path: Path
) -> None:
    film, captions = tmp_path / "修剪.mp4", tmp_path / "修剪.srt"
    picture = ("-f", "lavfi", "-i", "testsrc=size=128x72:rate=5:duration=1", "-pix_fmt", "yuv420p")
    subprocess.run(["ffmpeg", "-v", "error", *picture, str(film)], check=True)
    captions.write_text("1\n00:00:00,000 --> 00:00:01,000\n先剪枯枝\n", encoding="utf-8")
    page = visit("/upload", who="uploader")
    page.locator("#upload input[type=file]").first.set_input_files([captions, film])
    expect(page.locator(".upload a[href^='/resources/']:visible")).to_have_count(2)
    support.settle(town.ctx)
    expect(page.locator(".upload", has_text="修剪.mp4").locator(".upload-steps")).to_contain_text("已就绪")
    expect(page.locator(".upload", has_text="修剪.srt").locator(".upload-steps")).to_be_empty()


def test_a_curator_makes_and_orders_a_collection(town: Town, visit: Visit) -> None:
    page = visit("/collections", who="curator")
    page.fill("#title", "村里的课")
    page.get_by_role("button", name="新建").click()
    for word in ("用药安全", "嫁接"):
        page.fill("[name=q]", word)
        page.press("[name=q]", "Enter")
        page.get_by_role("button", name=re.compile("^添加")).first.click()
        expect(page.locator(".tag.ok")).to_have_text("已收入")
    page.locator("[name=place]").nth(1).fill("0")
    page.locator("[name=note]").nth(1).fill("先看这一个")
    page.select_option("#state", "published")
    page.get_by_role("button", name="保存").click()
    expect(page.locator(".notice.ok")).to_contain_text("已保存")
    everybody = visit(page.url.split("?")[0].removesuffix("/edit"))
    expect(everybody.locator(".sequence li").first).to_contain_text("桃树嫁接")
    expect(everybody.locator(".sequence li").first).to_contain_text("先看这一个")


@pytest.mark.parametrize(("lang", "said"), [("", "没有这个机构"), ("en", "no such institution")])
def test_refusals_of_uploads_speak_as_the_page_does(
    town: Town, chromium: Browser, tmp_path: Path, lang: str, said: str
) -> None:
    page = new_page(town, chromium, "uploader", [])  # a browser that prefers English; it tells refusals as errors
    page.goto(f"/upload?lang={lang}")
    page.evaluate("document.querySelector('#institution option').value = 'none-such'")
    given = tmp_path / "一课.md"
    given.write_text("# 一课", encoding="utf-8")
    page.locator("#upload input[type=file]").first.set_input_files(given)
    expect(page.locator(".upload-note")).to_contain_text(said)
    page.context.close()


def test_giving_up_unfinished_uploads_keeps_the_keyboard_at_them(town: Town, visit: Visit) -> None:
    page = visit("/upload", who="uploader")
    page.route("**/files/left-*", lambda route: route.fulfill(status=204))
    remember = """() => {
      const owner = `xuehai${document.getElementById("upload").dataset.viewer.replaceAll("-", "")}`;
      for (const name of ["一.mp4", "二.mp4"]) {
        const left = { uploadUrl: `/files/left-${name}`, creationTime: new Date(), metadata: { name } };
        localStorage.setItem(`tus::u-${owner}-${name}-/files/::1`, JSON.stringify(left));
      }
    }"""
    page.evaluate(remember)
    page.reload()
    page.get_by_role("button", name="不再继续：二.mp4").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="不再继续：一.mp4")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".unfinished")).to_be_hidden()
    expect(page.get_by_role("button", name="选择文件", exact=True)).to_be_focused()


def test_taking_an_upload_off_the_list_keeps_the_keyboard_at_it(town: Town, visit: Visit, tmp_path: Path) -> None:
    page = visit("/upload", who="uploader")
    page.route("**/files/*", lambda route: None)  # no answer yet
    for name in ("一.md", "二.md"):
        (tmp_path / name).write_text("# 课", encoding="utf-8")
    page.locator("#upload input[type=file]").first.set_input_files([tmp_path / "一.md", tmp_path / "二.md"])
    page.get_by_role("button", name="移除：一.md").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="暂停：二.md")).to_be_focused()
    page.get_by_role("button", name="移除：二.md").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="选择文件", exact=True)).to_be_focused()
