"""A machine room in one thread: actors in turn, a clock that only moves when all sleep, and faults by a seed.

Each actor is a greenlet. At every *point* (before and after each commit, each call of the store, the queue, the
index, each report of a step) it may be delayed, stopped for longer than its lease, or killed; then others go on.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from greenlet import GreenletExit, getcurrent, greenlet
from sqlalchemy.orm import Session

from repo_service.db import Database

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
MOST_TURNS = 60_000


class Crash(BaseException):
    """The process is gone, in the middle of whatever it did. Nothing in the code under test may catch it."""


class Broken(BaseException):
    """Something happened that must never happen. Not an Exception, so that the code under test cannot swallow it."""


@dataclass
class Actor:
    """One process: what it does for ever, and when it goes on."""

    name: str
    body: Callable[["Actor"], None]
    wake: float = 0.0
    lives: int = 0
    safe: bool = False  # never killed: the tester's own hand
    thread: greenlet | None = field(default=None, repr=False)


@dataclass
class Faults:
    """How often things go wrong, for one seed."""

    crash: float = 0.0
    stall: float = 0.0
    ring_lost: float = 0.0
    store_away: float = 0.0
    jump: float = 0.0

    @classmethod
    def drawn(cls, rng: random.Random) -> "Faults":
        """Some worlds are calm, some know one kind of fault, most know all."""
        kinds = {"crash": 0.02, "stall": 0.01, "ring_lost": 0.4, "store_away": 0.02, "jump": 0.002}
        mood = rng.random()
        if mood < 0.15:
            return cls()
        chosen = [rng.choice(sorted(kinds))] if mood < 0.35 else sorted(kinds)
        return cls(**{name: kinds[name] * rng.uniform(0.2, 2.0) for name in chosen})


class World:
    """Time, turns and misfortune."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.faults = Faults.drawn(self.rng)
        self.calm = self.faults == Faults()
        self.now = 0.0
        self.skew = 0.0
        self.actors: list[Actor] = []
        self.turns = 0
        self.open_transactions = 0
        self.crashes = 0
        self.jumped = 0.0
        self._main = getcurrent()
        self._ending = False

    def clock(self) -> datetime:
        """What the database's and everybody's clock says; it may jump."""
        return EPOCH + timedelta(seconds=self.now + self.skew)

    def add(self, name: str, body: Callable[[Actor], None], *, safe: bool = False) -> Actor:
        """Let an actor begin; when it is killed it begins again a little later."""
        actor = Actor(name, body, wake=self.now, safe=safe)
        actor.thread = greenlet(lambda: self._live(actor), parent=self._main)
        self.actors.append(actor)
        return actor

    def run(self, until: Callable[[], bool], seconds: float) -> None:
        """Give turns until it is so, looked at now and then. Raises Broken when that takes longer than ``seconds``."""
        limit = self.now + seconds
        while True:
            if self.turns % 16 == 0 and until():
                return
            if self.now > limit or self.turns > MOST_TURNS:
                raise Broken(f"not at rest after {self.now:.0f} s and {self.turns} turns")
            self._turn()

    def stop(self) -> None:
        """End all actors where they stand."""
        self._ending = True
        for actor in self.actors:
            if actor.thread is not None and not actor.thread.dead:
                actor.thread.throw(GreenletExit)

    def point(self) -> None:
        """A place where anything may happen to the actor that is here."""
        actor = self._here()
        if actor is None:
            return
        if self.open_transactions:
            raise Broken("something outside was called from within a transaction")
        draw = self.rng.random()
        if not actor.safe and draw < self.faults.crash:
            self.crashes += 1
            raise Crash(actor.name)
        if not actor.safe and draw < self.faults.crash + self.faults.stall:
            actor.wake = self.now + self.rng.uniform(20, 300)
        else:
            actor.wake = self.now + self.rng.uniform(0, 0.05)
        self._main.switch()

    def sleep(self, seconds: float) -> None:
        """Let time pass for the actor that is here."""
        actor = self._here()
        if actor is not None:
            actor.wake = self.now + seconds
            self._main.switch()

    def _here(self) -> Actor | None:
        here = getcurrent()
        if self._ending or here is self._main:
            return None
        return next(actor for actor in self.actors if actor.thread is here)

    def _turn(self) -> None:
        self.turns += 1
        awake = [actor for actor in self.actors if actor.wake <= self.now]
        if not awake:
            self.now = min(actor.wake for actor in self.actors)
            awake = [actor for actor in self.actors if actor.wake <= self.now]
        if self.faults.jump and self.rng.random() < self.faults.jump:
            self.jumped += abs(jump := self.rng.uniform(-200, 400))
            self.skew += jump
        chosen = self.rng.choice(awake)
        assert chosen.thread is not None
        chosen.thread.switch()

    def _live(self, actor: Actor) -> None:
        while True:
            actor.lives += 1
            try:
                actor.body(actor)
                actor.wake = float("inf")  # it has done what it was for
                self._main.switch()
            except Crash:
                actor.wake = self.now + self.rng.uniform(0.1, 30)
                self._main.switch()


class SimDatabase(Database):
    """The real database code over SQLite in memory; before and after each transaction there is a point."""

    def __init__(self) -> None:
        super().__init__("sqlite://")
        self.world: World | None = None
        self.after_commit: Callable[[], None] = lambda: None
        lent = self.engine.raw_connection()
        assert isinstance(lent.driver_connection, sqlite3.Connection)
        self.raw = lent.driver_connection  # the one connection of this thread, for looking past all points
        lent.close()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read session; nobody else gets a turn while it is open."""
        self._point()
        with self._inside(), super().read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction; what it did is looked at before anybody else gets a turn."""
        self._point()
        with self._inside(), super().write() as session:
            yield session
        self.after_commit()
        self._point()

    @contextmanager
    def _inside(self) -> Iterator[None]:
        if self.world is None:
            yield
            return
        self.world.open_transactions += 1
        try:
            yield
        finally:
            self.world.open_transactions -= 1

    def _point(self) -> None:
        if self.world is not None:
            self.world.point()
