"""A small library behind the real pages: a video with captions, slides, a text, a draft, a collection."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from starlette.testclient import TestClient

from repo_service import wiring
from repo_service.api.deps import COOKIE
from repo_service.app import create_app
from repo_service.context import Context
from repo_service.migrations import run
from repo_service.models import Blob, File, Institution, Job, Passage, Resource, new_id
from repo_service.policy import OPERATOR
from repo_service.services import accounts, collections, curation, indexing, seed
from repo_service.settings import Settings
from tests import support

BASE = "http://127.0.0.1:8000"
PASSWORD = "a password of a test"
CUES = ("大家好，今天学桃树的嫁接。", "砧木要选一年生的实生苗。", "嫁接口用薄膜缠紧。")


@dataclass
class Library:
    """What the tests of this folder read; what they change, they make for themselves."""

    ctx: Context
    app: FastAPI
    home: Institution
    things: dict[str, str] = field(default_factory=dict)
    collection: str = ""
    signed_in: dict[str, str] = field(default_factory=dict)

    def client(self, who: str = "") -> TestClient:
        """A browser of nobody, or of one who signed in by the page."""
        client = TestClient(self.app, base_url=BASE, headers={"Accept": "text/html"})
        if who and who not in self.signed_in:
            given = {"email": f"{who}@example.cn", "password": PASSWORD}
            answer = client.post("/sign-in", data=given, follow_redirects=False)
            self.signed_in[who] = answer.cookies[COOKIE]
        if who:
            client.cookies.set(COOKIE, self.signed_in[who])
        return client

    def token(self, client: TestClient) -> str:
        """The token that the forms of a signed-in person carry."""
        text = client.get("/account").text
        return text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]

    def resource(self, title: str, **fields: Any) -> Resource:
        """A resource of the home institution; published unless told otherwise."""
        given = {"state": "published", "published_at": self.ctx.clock(), "licence": "CC-BY-4.0"} | fields
        row = support.resource(self.ctx, self.home, title, **given)
        with self.ctx.db.write() as session:
            indexing.touch(session, self.ctx, session.get_one(Resource, row.id), visibility=True)
        return row

    def index(self) -> None:
        """Have the index know everything."""
        while indexing.drain(self.ctx):
            continue

    def take_away(self, made: Iterable[str]) -> None:
        """Withdraw what a module made, so that the others do not find it."""
        for one in made:
            curation.withdraw(self.ctx, OPERATOR, one, reason="The test has ended.")
        self.index()

    def file(self, resource: Resource, path: str, role: str, kind: str, content: bytes = b"x", **more: Any) -> File:
        """A file of it with its bytes in the store."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.ctx.store.write(sha256[:20], 0, [content])
        self.ctx.store.keep(sha256[:20], sha256)
        now = self.ctx.clock()
        with self.ctx.db.write() as session:
            if session.get(Blob, sha256) is None:
                session.add(Blob(sha256=sha256, size=len(content), created_at=now))
                session.flush()
            row = File(
                id=new_id(),
                resource_id=resource.id,
                version=1,
                role=role,
                path=path,
                media_type=kind,
                sha256=sha256,
                size=len(content),
                created_at=now,
                **{"name": path.rpartition("/")[2]} | more,
            )
            session.add(row)
        return row

    def passages(self, resource: Resource, file: File, *rows: dict[str, Any]) -> None:
        """The places of its text."""
        with self.ctx.db.write() as session:
            for ordinal, row in enumerate(rows):
                given = {"start": None, "end": None, "page": None} | row
                session.add(
                    Passage(resource_id=resource.id, version=1, file_id=file.id, step="text", ordinal=ordinal, **given)
                )

    def job(self, resource: Resource, file: File, step: str, state: str, **more: Any) -> None:
        """A step over one of its files."""
        with self.ctx.db.write() as session:
            session.add(
                Job(
                    resource_id=resource.id,
                    version=1,
                    file_id=file.id,
                    step=step,
                    step_version=1,
                    state=state,
                    created_at=self.ctx.clock(),
                    **more,
                )
            )


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Built once for all tests of the pages."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder: Path = tmp_path_factory.mktemp("library") / "data"
    ctx = wiring.build(Settings(data_dir=folder), index_writer=True)
    run.upgrade(ctx.db)
    seed.seed(ctx.db)
    place = {"kind": "county_vocational_centre", "division": "410184000000"}
    home = accounts.create_institution(ctx, OPERATOR, slug="xinzheng", name="新郑市农业职教中心", **place)
    made = Library(ctx, create_app(ctx), home)
    _people(ctx)
    _video(made)
    _slides(made)
    _text(made)
    _draft(made)
    items = [collections.ItemDraft(resource_id=made.things["video"], note="先看这一个")]
    draft = collections.CollectionDraft(title="春耕时节", state="published", items=items)
    made.collection = collections.create(ctx, OPERATOR, draft)
    while indexing.drain(ctx):
        continue
    yield made
    ctx.close()


def _people(ctx: Context) -> None:
    for role in ("uploader", "curator", "reviewer", "learner", "system_admin"):
        place = "xinzheng" if role in ("uploader", "curator", "reviewer") else None
        accounts.create_user(
            ctx,
            OPERATOR,
            email=f"{role}@example.cn",
            name=f"王{role}",
            role=role,
            institution=place,
            password=PASSWORD,
        )


def _video(library: Library) -> None:
    row = library.resource(
        "桃树芽接与嫁接技术",
        description="果农最常用的两种嫁接方法。",
        media_kind="video",
        duration=60.0,
        has_captions=True,
        kinds=["rural_adults"],
        subjects=["S66"],
        keywords=["桃树"],
        creators=["赵保田"],
    )
    given = library.file(row, "given/lesson.mp4", "source", "video/mp4", b"video")
    made = {"source_id": given.id}
    library.file(row, "hls/master.m3u8", "hls", "application/vnd.apple.mpegurl", b"#EXTM3U", **made)
    library.file(row, "480p.mp4", "mp4", "video/mp4", b"small", **made)
    library.file(row, "audio.m4a", "audio", "audio/mp4", b"sound", **made)
    words = {"language": "zh-Hans", "label": "中文"}
    library.file(row, "captions/zh.vtt", "captions_vtt", "text/vtt", b"WEBVTT", attributes=words, **made)
    cues = [
        {"kind": "cue", "text": text, "start": n * 10.0, "end": n * 10.0 + 8, "language": "zh-Hans"}
        for n, text in enumerate(CUES)
    ]
    library.passages(row, given, *cues)
    library.things["video"] = row.id


def _slides(library: Library) -> None:
    row = library.resource("社区垃圾分类培训", media_kind="slides", pages=3, licence="LicenseRef-audience")
    given = library.file(row, "given/deck.pptx", "source", "application/vnd.ms-powerpoint", b"deck")
    library.file(row, "preview.pdf", "preview", "application/pdf", b"%PDF-1.7", source_id=given.id)
    for page in (1, 2, 3):
        size = {"page": page, "width": 1280, "height": 720}
        library.file(row, f"pages/{page}.webp", "page_image", "image/webp", source_id=given.id, attributes=size)
    texts = [("四个桶", ""), ("四类垃圾\n可回收物", "过期药品是有害垃圾"), ("怎么劝", "")]
    slides = [
        {"kind": "slide", "page": n, "heading": text.split("\n")[0], "text": text, "notes": notes}
        for n, (text, notes) in enumerate(texts, 1)
    ]
    library.passages(row, given, *slides)
    library.things["slides"] = row.id


def _text(library: Library) -> None:
    row = library.resource("家庭急救常识", media_kind="text")
    given = library.file(row, "given/aid.md", "source", "text/markdown", b"# aid")
    html = '<h2 id="section-1">海姆立克法</h2><p>站在背后</p>'.encode()
    library.file(row, "reading.html", "reading", "text/html", html, source_id=given.id)
    library.passages(row, given, {"kind": "section", "page": 1, "heading": "海姆立克法", "text": "站在背后"})
    library.things["text"] = row.id


def _draft(library: Library) -> None:
    row = library.resource("还在做的课", state="draft", published_at=None)
    given = library.file(row, "given/new.mp4", "source", "video/mp4", b"new")
    library.job(row, given, "identify", "done")
    library.job(row, given, "probe", "failed", error_code="media_unreadable", failures=3)
    library.job(row, given, "transcode", "cancelled")
    library.things["draft"] = row.id
