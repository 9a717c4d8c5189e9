"""A site with institutions, people of every role and resources in every state, behind the real application."""

import hashlib
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from starlette.testclient import TestClient

from repo_service import wiring
from repo_service.app import create_app
from repo_service.context import Context
from repo_service.migrations import run
from repo_service.models import Blob, File, Institution, Resource, User
from repo_service.policy import OPERATOR
from repo_service.services import accounts, seed
from repo_service.services.opens import Opens
from repo_service.settings import Settings
from repo_service.vocab import STATES
from tests import support
from tests.servers.smtp import Mailbox, serving

BASE = "http://127.0.0.1:8000"
MEMBERS = ("uploader", "curator", "reviewer", "institution_admin")
EVERYWHERE = ("learner", "auditor", "system_admin")


@dataclass
class Site:
    """The parts of a running site, with makers for what a test needs."""

    ctx: Context
    app: FastAPI
    home: Institution
    other: Institution
    people: dict[str, User] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def client(self, who: str = "", **headers: str) -> TestClient:
        """A client of nobody, or of a person by their key."""
        sent = {"Accept-Language": "en", **headers}
        if who:
            sent["Authorization"] = f"Bearer {self.key(who)}"
        return TestClient(self.app, base_url=BASE, headers=sent)

    def key(self, who: str) -> str:
        """A key with all scopes."""
        if who not in self.keys:
            _, plain = accounts.create_key(self.ctx, OPERATOR, email=self.people[who].email, scopes=("all",))
            self.keys[who] = plain
        return self.keys[who]

    def resource(self, state: str = "published", *, owner: str = "uploader", **fields: Any) -> Resource:
        """A resource of the home institution in this state."""
        moment = self.ctx.clock() if state == "published" else None
        fields.setdefault("published_at", moment)
        return support.resource(self.ctx, self.home, state=state, created_by=self.people[owner].id, **fields)

    def file(self, resource: Resource, content: bytes = b"0123456789", **fields: Any) -> File:
        """A file of a resource, with its bytes in the store."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.ctx.store.write(f"t{sha256[:20]}", 0, [content])
        self.ctx.store.keep(f"t{sha256[:20]}", sha256)
        now = self.ctx.clock()
        values: dict[str, Any] = {
            "role": "source",
            "path": "given/lesson.mp4",
            "name": "课 一.mp4",
            "media_type": "video/mp4",
            "version": resource.version,
        }
        with self.ctx.db.write() as session:
            if session.get(Blob, sha256) is None:
                session.add(Blob(sha256=sha256, size=len(content), created_at=now))
                session.flush()
            row = File(resource_id=resource.id, sha256=sha256, size=len(content), created_at=now, **values | fields)
            session.add(row)
        return row


@pytest.fixture(autouse=True, scope="session")
def quiet() -> None:
    """Only what goes wrong is worth a line."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a migrated installation with the shipped trees, to copy from."""
    folder = tmp_path_factory.mktemp("seeded") / "data"
    context = wiring.build(Settings(data_dir=folder), index_writer=True)
    run.upgrade(context.db)
    seed.seed(context.db)
    context.close()
    return folder


@pytest.fixture
def ctx(settings: Settings, seeded: Path) -> Iterator[Context]:
    """An installation like the others have, with the shipped trees."""
    if settings.database_url.startswith("sqlite"):
        shutil.copytree(seeded, settings.data_dir)
    context = wiring.build(settings, index_writer=True)
    yield context
    context.close()


@pytest.fixture(scope="session")
def application(seeded: Path) -> FastAPI:
    """The real application, built once: half a second each would be most of the time of these tests."""
    context = wiring.build(Settings(data_dir=seeded))
    return create_app(context)


@pytest.fixture
def site(ctx: Context, application: FastAPI) -> Site:
    """Two institutions; one person for each role, the members of the home institution and an uploader of the other."""
    application.state.ctx = ctx
    application.state.opens = Opens(ctx)
    home = support.institution(ctx, "home", name="郑州职业学院", kind="vocational_school")
    other = support.institution(ctx, "other", name="郑州图书馆", kind="library")
    made = Site(ctx, application, home, other)
    for role in MEMBERS:
        made.people[role] = support.user(ctx, f"{role}@example.cn", in_=home, role=role)
    made.people["colleague"] = support.user(ctx, "colleague@example.cn", in_=home, role="uploader")
    made.people["stranger"] = support.user(ctx, "stranger@example.cn", in_=other, role="uploader")
    for role in EVERYWHERE:
        made.people[role] = support.user(ctx, f"{role}@example.cn", role=role)
    return made


@pytest.fixture
def states(site: Site) -> dict[str, Resource]:
    """One resource of the uploader's in each state."""
    return {state: site.resource(state, title=f"资源 {state}") for state in STATES}


class Time:
    """A clock that a test moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with serving() as made:
        yield made


@pytest.fixture
def time(ctx: Context) -> Time:
    return Time(ctx.clock())


@pytest.fixture
def town(site: Site, box: Mailbox, time: Time) -> Site:
    """The site with mail and a clock of its own."""
    given = {"mail_url": f"smtp://127.0.0.1:{box.port}?tls=none", "mail_from": "学海 <noreply@example.cn>"}
    settings = site.ctx.settings.model_copy(update=given)
    site.ctx = site.app.state.ctx = replace(site.ctx, settings=settings, clock=time)
    return site
