"""Facets as the page shows them: in an order that can be read, and trees open where something is chosen."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from repo_service.context import Context
from repo_service.services import labels
from repo_service.services.finding import FacetValue
from repo_service.services.trees import TREES, ancestors, parents

SHOWN = ("media_kind", "kind", "institution_kind", "institution", "division", "subject", "duration", "captions",
         "degree", "vocational", "level", "language", "licence", "downloadable", "year")  # fmt: skip
OPEN = frozenset({"media_kind", "kind", "institution_kind", "institution", "division", "subject"})
FIRST = 6  # values that stand there at once; the others are one press away
MANY = 20  # values from which on one may type to find one
_NATURAL: Mapping[str, Sequence[str]] = {"duration": list(labels.DURATIONS), "level": list(labels.LEVELS)}
Up = Callable[[str, str, frozenset[str]], str]  # (facet, value, those below it) → the address with it in their place


@dataclass(frozen=True, slots=True)
class Branch:
    """A value of a facet. Where something below it is chosen, ``up`` is the address that widens the search to it."""

    value: FacetValue
    up: str = ""
    below: "Level | None" = None


@dataclass(frozen=True, slots=True)
class Level:
    """Values that stand together; ``more`` are those one press away, unless a chosen one is among them."""

    first: list[Branch] = field(default_factory=list)
    more: list[Branch] = field(default_factory=list)
    open: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """One facet."""

    name: str
    level: Level
    open: bool
    many: bool = False


def boxes(ctx: Context, found: Mapping[str, Sequence[FacetValue]], up: Up) -> list[Box]:
    """The facets that help to choose, in the order of the page."""
    made = []
    for name in SHOWN:
        values = found.get(name, [])
        if name in TREES:
            level = _tree(ctx, name, values, up)
        else:
            level = _level([Branch(value) for value in _readable(name, values)])
        chosen = any(value.selected for value in values)
        if len(level.first) > 1 or chosen:
            made.append(Box(name, level, chosen or name in OPEN, len(level.more) > MANY))
    return made


def _readable(name: str, values: Sequence[FacetValue]) -> list[FacetValue]:
    """Most frequent first, but years from the newest on, and lengths and levels from small to large."""
    if name == "year":
        return sorted(values, key=lambda one: one.value, reverse=True)
    order = _NATURAL.get(name)
    return sorted(values, key=lambda one: order.index(one.value) if one.value in order else 99) if order else [*values]


def _level(branches: list[Branch]) -> Level:
    first, more = branches[:FIRST], branches[FIRST:]
    if len(more) == 1:  # the word "more" would take its place
        first, more = branches, []
    return Level(first, more, any(one.value.selected or one.up for one in more))


def _tree(ctx: Context, name: str, values: Sequence[FacetValue], up: Up) -> Level:
    """The tree from its first fork on, open along what is chosen and one step below it."""
    with ctx.db.read() as session:
        parent = parents(session, name, [one.value for one in values])
    known = {one.value: one for one in values}
    children: dict[str, list[FacetValue]] = defaultdict(list)
    for one in values:
        above = parent.get(one.value, "")
        children[above if above in known else ""].append(one)
    below: dict[str, set[str]] = defaultdict(set)  # chosen ones, by all that lies above them
    for one in values:
        for above in ancestors(one.value, parent) if one.selected else ():
            below[above].add(one.value)

    def fork(value: str) -> list[FacetValue]:
        """The next values to choose from: a way without a fork is gone to its end."""
        some = children[value]
        while len(some) == 1 and not some[0].selected and children[some[0].value]:
            some = children[some[0].value]
        return some

    def branch(one: FacetValue) -> Branch:
        under = frozenset(below[one.value])
        if not (one.selected or under):
            return Branch(one)
        return Branch(one, up(name, one.value, under) if under else "", level(fork(one.value)))

    def level(some: Sequence[FacetValue]) -> Level:
        return _level([branch(one) for one in some])

    return level(fork(""))
