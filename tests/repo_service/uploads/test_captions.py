"""Captions and the video of their name end as one resource, whichever came first, and no empty draft stays."""

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repo_service.models import Resource
from repo_service.policy import OPERATOR
from repo_service.services import deposits, filenames
from tests import support
from tests.repo_service.uploads.conftest import Client, Site, content

SRT = b"1\n00:00:01,000 --> 00:00:02,000\nhello\n"
NAMES = st.text(min_size=1, max_size=40)


def roles(site: Site, resource_id: str) -> dict[str, str]:
    """The given files of a resource by name."""
    return {file.name: file.role for file in site.files(resource_id)}


@pytest.mark.parametrize("order", list(permutations(["lesson.mp4", "lesson.zh.srt", "lesson.en.vtt"])))
def test_any_order_ends_in_one_resource(site: Site, order: tuple[str, ...]) -> None:
    ids = {site.client.upload(SRT + name.encode(), filename=name) for name in order}
    assert len(ids) == 1
    (resource,) = site.resources()
    assert resource.title == "lesson"
    assert roles(site, resource.id) == {
        "lesson.mp4": "source",
        "lesson.zh.srt": "captions",
        "lesson.en.vtt": "captions",
    }
    assert [job.step for job in site.jobs()] == ["identify"] * 3


def test_what_does_not_belong_together_stays_apart(site: Site) -> None:
    stranger = support.user(site.ctx, "b@example.cn", in_=site.home)
    names = ["lesson.mp4", "lesson2.srt", "other.srt", "lesson.srt.zip", "lesson.pdf"]
    ids = [site.client.upload(content(100), filename=name) for name in names]
    ids.append(Client(site.port, site.key_of(stranger.email)).upload(SRT, filename="lesson.srt"))
    assert len(set(ids)) == len(ids)


def test_folders_keep_the_same_names_apart(site: Site) -> None:
    def up(path: str) -> str:
        return site.client.upload(SRT + path.encode(), filename=path.rpartition("/")[2], relativePath=path)

    first, second = up("week1/lesson.mp4"), up("week2/lesson.mp4")
    assert up("week1/lesson.srt") == first
    assert up("week2/lesson.srt") == second
    assert up("week3/lesson.srt") not in (first, second)


def test_captions_go_to_the_nearest_name(site: Site) -> None:
    chinese = site.client.upload(content(10), filename="lesson.zh.mp4")
    english = site.client.upload(content(11), filename="lesson.en.mp4")
    plain = site.client.upload(content(12), filename="lesson.mp4")
    assert site.client.upload(SRT, filename="lesson.zh.srt") in (chinese, plain)
    assert site.client.upload(SRT, filename="lesson.en.forced.srt") in (english, plain)


def test_a_published_video_is_joined_only_when_asked(site: Site) -> None:
    video = site.client.upload(content(100), filename="lesson.mp4")
    with site.ctx.db.write() as session:
        session.get_one(Resource, video).state = "published"
    assert site.client.upload(SRT, filename="lesson.srt") != video
    assert site.client.upload(SRT, filename="other.srt", resource_id=video, role="captions") == video


def test_a_title_that_was_edited_stays(site: Site) -> None:
    waiting = site.client.upload(SRT, filename="lesson.zh.srt")
    with site.ctx.db.write() as session:
        row = session.get_one(Resource, waiting)
        row.title, row.metadata_rev = "第一课", 2
    assert site.client.upload(content(100), filename="lesson.mp4") == waiting
    assert site.resources()[0].title == "第一课"


def test_a_replaced_file_begins_a_version_with_the_others(site: Site) -> None:
    resource = site.client.upload(content(100), filename="lesson.mp4")
    site.client.upload(SRT, filename="lesson.srt")
    (video, _) = site.files(resource)
    assert site.client.upload(content(200), filename="better.mp4", resource_id=resource, replaces=video.id) == resource
    now = [file for file in site.files(resource) if file.version == 2]
    assert {file.name: file.role for file in now} == {"better.mp4": "source", "lesson.srt": "captions"}
    (row,) = site.resources()
    assert (row.version, row.served_version) == (2, 1)
    assert site.client.create(10, resource_id=resource, replaces=video.id).code == "file_not_found"


def test_files_of_this_machine_pair_by_their_folder(site: Site, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "课.mp4").write_bytes(content(100, ord(folder)))
        (tmp_path / folder / "课.chs.srt").write_bytes(SRT)
    found = [
        deposits.deposit_path(site.ctx, OPERATOR, tmp_path / folder / name, site.home.slug).resource_id
        for name in ("课.chs.srt", "课.mp4")
        for folder in ("a", "b")
    ]
    assert found[:2] == found[2:]
    assert len(set(found)) == 2
    assert all("folder" not in str(file.name) for one in found for file in site.files(one))


@given(NAMES)
def test_a_cleaned_name_is_safe(raw: str) -> None:
    name = filenames.clean(raw)
    assert 0 < len(name) <= filenames.LONGEST
    assert not set(name) & set("/\\\0\n\r\u202e\u200b")
    assert filenames.clean(name) == name


@given(
    NAMES, st.sampled_from(["", ".zh", ".zh-Hans", ".en.sdh", "_chs", ".mp4"]), st.sampled_from(["srt", "VTT", "ass"])
)
def test_what_belongs_together_is_found_by_its_key(stem: str, tag: str, extension: str) -> None:
    video = filenames.parse(f"x{stem}.mp4")
    captions = filenames.parse(f"x{stem}{tag}.{extension}")
    if video.played and captions.captions and len(stem) < 30 and filenames.clean(f"x{stem}.mp4") == f"x{stem}.mp4":
        assert filenames.belongs(captions, video)
        assert captions.key == video.key


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\课程\\第一课.mp4", "第一课.mp4"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\x00b\x07.mp4", "ab.mp4"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("长" * 400 + ".mp4", "长" * 196 + ".mp4"),
    ],
)
def test_hostile_names(served: Site, raw: str, name: str) -> None:
    if name.endswith(".exe"):
        assert served.client.create(10, filename=raw).status == 415
        return
    (file,) = served.files(served.client.upload(content(10), filename=raw))
    assert (file.name, file.path) == (name, f"given/{file.id}")


def test_a_name_in_gbk(served: Site) -> None:
    (file,) = served.files(served.client.upload(content(10), filename="第一课.mp4".encode("gbk")))
    assert file.name == "第一课.mp4"
