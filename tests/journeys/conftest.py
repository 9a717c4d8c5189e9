"""A site as people meet it: real files through the real pipeline, a real server, a real Chromium."""

import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
import uvicorn
from playwright.sync_api import Browser, Page, StorageState, ViewportSize

from repo_service import wiring
from repo_service.api.hot import Hot
from repo_service.app import create_app
from repo_service.context import Context
from repo_service.migrations import run
from repo_service.policy import OPERATOR
from repo_service.services import accounts, collections, curation, seed
from tests import support
from tests.conftest import PATIENCE
from tests.servers.profiles import PROFILES, NewInstallation, as_settings

PASSWORD = "a password of a journey"
CUES = ((0, "大家好，今天学桃树的嫁接。"), (6, "砧木要选一年生的实生苗。"), (12, "嫁接口用薄膜从下往上缠紧。"))
PAGES = ("用药安全手册", "布洛芬一天不超过三次", "药盒要写清日期")
WIDTH, HEIGHT = 1280, 800
ROLES = ("uploader", "curator", "reviewer", "learner")


@dataclass
class Town:
    """The site with its address and the things in it."""

    ctx: Context
    url: str
    things: dict[str, str] = field(default_factory=dict)
    signed_in: dict[str, StorageState] = field(default_factory=dict)


@pytest.fixture(scope="session", params=PROFILES)
def town(
    request: pytest.FixtureRequest, new_installation: NewInstallation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """Built and served once for all journeys, on the embedded defaults and on the grown servers."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder = tmp_path_factory.mktemp("town")
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        settings = as_settings(new_installation(request.param), data_dir=folder / "data", public_url=url)
        ctx = wiring.build(settings, index_writer=True)
        run.upgrade(ctx.db)
        seed.seed(ctx.db)
        made = Town(ctx, url)
        _fill(made, folder)
        with _served(ctx, door):
            yield made
        ctx.close()


Visit = Callable[..., Page]


@pytest.fixture
def visit(town: Town, chromium: Browser) -> Iterator[Visit]:
    """``visit("/search", who="uploader", width=360, scripts=False, view="elder")``: a page that says when it errs."""
    opened: list[Page] = []
    wrong: list[str] = []

    def go(path: str = "/", *, who: str = "", width: int = WIDTH, scripts: bool = True, view: str = "standard") -> Page:
        page = new_page(town, chromium, who, wrong, width=width, scripts=scripts)
        opened.append(page)
        page.goto(in_view(path, view))
        return page

    yield go
    for page in opened:
        page.context.close()
    assert wrong == []


def new_page(
    town: Town, chromium: Browser, who: str, wrong: list[str], *, width: int = WIDTH, scripts: bool = True
) -> Page:
    """A page with nothing kept from others, signed in as somebody; what errs in it is told to ``wrong``."""
    context = chromium.new_context(
        base_url=town.url,
        viewport=ViewportSize(width=width, height=HEIGHT),
        java_script_enabled=scripts,
        storage_state=town.signed_in.get(who),
    )
    context.set_default_timeout(3 * PATIENCE)
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    if who and who not in town.signed_in:
        page.goto("/sign-in")
        page.fill("#email", f"{who}@example.cn")
        page.fill("#password", PASSWORD)
        page.click("main button.go")
        town.signed_in[who] = context.storage_state()
    return page


def in_view(path: str, view: str) -> str:
    """The address of a page in the standard or the elder view."""
    return f"{path}{'&' if '?' in path else '?'}view={view}"


def _fill(town: Town, folder: Path) -> None:
    place = {"kind": "county_vocational_centre", "division": "410184000000"}
    home = accounts.create_institution(town.ctx, OPERATOR, slug="xinzheng", name="新郑市农业职教中心", **place)
    for role in ROLES:
        member = {} if role == "learner" else {"institution": "xinzheng"}
        accounts.create_user(
            town.ctx, OPERATOR, email=f"{role}@example.cn", name="王老师", role=role, password=PASSWORD, **member
        )
    town.things["video"] = support.deposit(town.ctx, home, "桃树嫁接.mp4", _film(folder), publish=False)
    support.deposit(town.ctx, home, "桃树嫁接.srt", _subtitles(), publish=False)
    town.things["book"] = support.deposit(town.ctx, home, "用药安全手册.pdf", pdf(PAGES))
    town.things["text"] = support.deposit(town.ctx, home, "急救.md", "# 急救\n\n## 海姆立克法\n\n站在背后。".encode())
    curation.publish(town.ctx, OPERATOR, town.things["video"])
    support.settle(town.ctx)
    items = [collections.ItemDraft(resource_id=one) for one in town.things.values()]
    draft = collections.CollectionDraft(title="春耕时节", state="published", items=items)
    town.things["collection"] = collections.create(town.ctx, OPERATOR, draft)


def _film(folder: Path) -> bytes:
    """Eighteen seconds of moving picture and sound."""
    made = folder / "film.mp4"
    pictures = ("-f", "lavfi", "-i", "testsrc=size=426x240:rate=12:duration=18")
    sound = ("-f", "lavfi", "-i", "sine=frequency=300:duration=18")
    form = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "24", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest")
    subprocess.run(["ffmpeg", "-v", "error", *pictures, *sound, *form, str(made)], check=True)
    return made.read_bytes()


def _subtitles() -> bytes:
    lines = [
        f"{n}\n00:00:{start:02},000 --> 00:00:{start + 5:02},000\n{text}\n" for n, (start, text) in enumerate(CUES, 1)
    ]
    return "\n".join(lines).encode()


def pdf(pages: tuple[str, ...]) -> bytes:
    """A PDF whose Chinese needs the character maps of its reader: the font is named, not embedded."""
    font = (
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[<</Type/Font"
        "/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>"
        "/FontDescriptor<</Type/FontDescriptor/FontName/STSong-Light/Flags 4/FontBBox[0 -200 1000 900]/ItalicAngle 0"
        "/Ascent 880/Descent -120/CapHeight 880/StemV 93>>/DW 1000>>]>>"
    )
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>", font]
    for n, text in enumerate(pages):
        drawn = f"BT /F 24 Tf 40 300 Td <{text.encode('utf-16-be').hex()}> Tj ET"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 400]/Contents {5 + 2 * n} 0 R/Resources<</Font<</F 3 0 R>>>>>>"
        )
        objects.append(f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream")
    body, places = "%PDF-1.7\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj{one}endobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF"
    return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode()


@contextmanager
def _served(ctx: Context, door: socket.socket) -> Iterator[None]:
    """The application behind uvicorn on an open door."""
    server = uvicorn.Server(uvicorn.Config(Hot(create_app(ctx)), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield
    server.should_exit = True
    thread.join(10)
