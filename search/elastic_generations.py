"""Generations of the index on a cluster: two indexes each, behind aliases. N is hexadecimal; other names are not ours.

PREFIX-resources-gN, PREFIX-passages-gN   the indexes of a generation
PREFIX-gN-resources, PREFIX-gN-passages   its doors: everybody goes through them; a generation that is given up has none
PREFIX-resources, PREFIX-passages         on the indexes of the live generation

The schema and whether it was filled stand in the mapping. All aliases move in one step, so that there is always exactly
one live generation, and whoever still knows the old one finds its door closed and looks again.
"""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from search import elastic_schema
from search.elastic_client import Client, Gone

STILL_MAKING = 60 * 10**9  # nanoseconds
_FIRST = "g0"  # of a new prefix; the same for all who make it at once, so that one of them wins


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation. ``live``: it answers; others are being filled. ``whole``: both its doors are open."""

    prefix: str
    name: str
    live: bool = False
    version: int = elastic_schema.VERSION
    complete: bool = False
    whole: bool = True

    @property
    def resources(self) -> str:
        """The door to its documents."""
        return f"{self.prefix}-{self.name}-resources"

    @property
    def passages(self) -> str:
        """The door to their passages."""
        return f"{self.prefix}-{self.name}-passages"

    @property
    def indexes(self) -> tuple[str, str]:
        """Documents and passages as the cluster calls them."""
        return f"{self.prefix}-resources-{self.name}", f"{self.prefix}-passages-{self.name}"

    @property
    def flaw(self) -> str:
        """Why it has to be filled anew; empty when nothing is wrong with it."""
        if self.version != elastic_schema.VERSION:
            return f"the index has schema {self.version}, not {elastic_schema.VERSION}"
        return "" if self.whole else "the index has lost its passages"


class Generations:
    """The generations of a prefix. Nothing is remembered here: the cluster knows."""

    def __init__(self, client: Client, prefix: str, shards: int) -> None:
        self._client = client
        self._prefix = prefix
        self._shards = shards
        self._ours = re.compile(rf"{re.escape(prefix)}-(?:resources|passages)-g[0-9a-f]+")

    def all(self) -> list[Generation]:
        """Those whose documents have a door, the live one first."""
        return self._read(self._indexes())

    def _indexes(self) -> Mapping[str, Mapping[str, Any]]:
        """Every index of ours as the cluster describes it, with a door or without. An operator's copy is none."""
        try:
            found = self._client.indexes([f"{self._prefix}-{part}-g*" for part in ("resources", "passages")])
        except Gone:
            return {}
        return {index: about for index, about in found.items() if self._ours.fullmatch(index)}

    def _read(self, found: Mapping[str, Mapping[str, Any]]) -> list[Generation]:
        generations: list[Generation] = []
        stem = f"{self._prefix}-resources-"
        for index in (name for name in found if name.startswith(stem)):
            aliases, meta = found[index].get("aliases", {}), found[index].get("mappings", {}).get("_meta", {})
            one = Generation(
                self._prefix,
                index.removeprefix(stem),
                live=f"{self._prefix}-resources" in aliases,
                version=int(meta.get("schema", 0)),
                complete=bool(meta.get("complete")),
            )
            if one.resources in aliases:
                passages = found.get(one.indexes[1], {}).get("aliases", {})
                generations.append(replace(one, whole=one.passages in passages))
        return sorted(generations, key=lambda one: (not one.live, one.name))

    def live(self) -> Generation | None:
        """The one that answers."""
        return next((one for one in self.all() if one.live), None)

    def first(self) -> Generation:
        """An empty live generation where there is none; who comes second gets the one that the first one made."""
        made = Generation(self._prefix, _FIRST)
        self._create(made, live=True)
        live = [one for one in self.all() if one.live]
        if len(live) > 1:
            self.give_up(made)  # somebody filled one meanwhile
        there = self.live()
        return there if there and there.whole else self.replace()

    def replace(self) -> Generation:
        """An empty live generation in the place of one that cannot be read."""
        empty = self.fill(complete=False)
        self.switch(empty)
        return empty

    def fill(self, *, complete: bool = True) -> Generation:
        """A new generation beside the live one. Those that somebody else was filling are given up for it."""
        made = Generation(self._prefix, f"g{time.time_ns():x}", complete=complete)
        for other in self.all():
            if not other.live:
                self.give_up(other)
        self._sweep()
        self._create(made, live=False)
        return made

    def switch(self, new: Generation) -> None:
        """Make a generation the live one, in one step, and drop the others."""
        resources, passages = new.indexes
        found = self._indexes()
        old = [one for one in self._read(found) if one.name != new.name]
        self._client.alias(
            [
                {"add": {"index": resources, "alias": f"{self._prefix}-resources"}},
                {"add": {"index": passages, "alias": f"{self._prefix}-passages"}},
                *(action for one in old for action in _closing(one) if action["remove"]["index"] in found),
            ]
        )
        self._client.drop([index for one in old for index in one.indexes])

    def give_up(self, generation: Generation) -> None:
        """Close the door of a generation and drop it."""
        with suppress(Gone):
            self._client.alias(_closing(generation))
        self._client.drop(generation.indexes)

    def _create(self, one: Generation, *, live: bool) -> None:
        """Passages first: a generation is there when its documents' index is."""
        settings = elastic_schema.settings(self._shards)
        if live:
            settings["refresh_interval"] = "1s"
        about_resources = elastic_schema.resources(complete=one.complete)
        for part, door, index, mapping in (
            ("passages", one.passages, one.indexes[1], elastic_schema.passages()),
            ("resources", one.resources, one.indexes[0], about_resources),
        ):
            aliases = [door, f"{self._prefix}-{part}"] if live else [door]
            self._client.create(index, settings, mapping, aliases)

    def _sweep(self) -> None:
        """Drop indexes that have no door: of generations that were given up when the cluster was away."""
        found = self._indexes()
        with_door = {index for one in self._read(found) for index in one.indexes}
        self._client.drop([index for index in found if index not in with_door and _settled(index)])


def _settled(index: str) -> bool:
    """Whether nobody can still be making the generation of this index."""
    made = index.rpartition("-g")[2]
    return time.time_ns() - int(made, 16) > STILL_MAKING


def _closing(generation: Generation) -> list[dict[str, dict[str, object]]]:
    return [
        {"remove": {"index": index, "alias": alias, "must_exist": False}}
        for index, part in zip(generation.indexes, ("resources", "passages"), strict=True)
        for alias in (f"{generation.prefix}-{generation.name}-{part}", f"{generation.prefix}-{part}")
    ]
