"""What was read from the database and is read again and again, kept in memory until anybody commits anything."""

from collections.abc import Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from repo_service.db import Database

V = TypeVar("V")


class OfMoment(Generic[V]):
    """Values by key, for each database those of its present moment: small ones, since nothing else bounds them.

    On PostgreSQL the look at the moment is a round trip, so it pays where it saves more than one.
    """

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[Database, tuple[Hashable, dict[Hashable, V]]] = WeakKeyDictionary()

    def at(self, db: Database) -> dict[Hashable, V]:
        """What is known of this moment, to be read and added to.

        Whoever adds a value reads it after this call: then it is as new as the moment, or newer.
        """
        stamp = db.stamp()
        held = self._held.get(db)
        if held is None or held[0] != stamp:
            held = self._held[db] = stamp, {}
        return held[1]
