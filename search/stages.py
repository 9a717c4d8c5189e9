"""In which order a query is tried, strictest first; the same for every engine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from search import spelling
from search.model import Query
from search.query import MAX_CHARACTERS, Plan, understand
from search.synonyms import Synonyms

Mode = Literal["everything", "strict", "spoken", "loose", "forgiving"]


class Lookup(Protocol):
    """What reading a query asks of an index."""

    def known(self, word: str) -> bool:
        """Whether any document holds this word."""
        ...

    def vocabulary(self, beginning: str, most: int) -> list[tuple[str, int]]:
        """(pinyin or initials + separator + word, documents) of the words whose key begins so."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """One way to try a query.

    everything: no words were given. strict: every word. spoken: every pair of syllables that was typed. loose: some of
    the words. forgiving: some of the words, or what sounds like them. ``corrected`` is the query that is tried instead
    of the typed one.
    """

    plan: Plan
    mode: Mode
    corrected: str = ""


def stages(query: Query, lookup: Lookup) -> Iterator[Stage]:
    """The ways to try a query; the first one that finds something is taken, or else the last one. At most three."""
    if query.exact or query.like:
        yield from _as_typed(query)
        return
    plan, corrected = _written_out(query.text, lookup)
    plan = with_others(plan, query.synonyms)
    if plan.empty:
        yield Stage(plan, "everything")
    elif plan.spoken:
        yield Stage(plan, "spoken", corrected)
        yield Stage(plan, "forgiving", corrected)
    elif plan.loose:
        yield Stage(plan, "loose", corrected)
    else:
        yield Stage(plan, "strict", corrected)
        meant = "" if corrected else spelling.homophones(query.text[:MAX_CHARACTERS], lookup.vocabulary)
        if meant:
            read = replace(understand(meant), notices=plan.notices)
            yield Stage(with_others(read, query.synonyms), "strict", meant)
        yield Stage(plan, "forgiving", corrected)


def _as_typed(query: Query) -> Iterator[Stage]:
    """Words as they are, without sounds; only when some suffice, with what means the same."""
    plan = replace(understand(query.text), sounds=())
    if query.like:
        plan = with_others(plan, query.synonyms)
    if plan.empty:
        yield Stage(plan, "everything")
        return
    if not (plan.loose or query.like):
        yield Stage(plan, "strict")
    yield Stage(plan, "loose")


def with_others(plan: Plan, synonyms: Synonyms) -> Plan:
    """The plan with what means the same as its words."""
    others = synonyms.of(plan.words)
    return replace(plan, others=others) if others else plan


def _written_out(text: str, lookup: Lookup) -> tuple[Plan, str]:
    """The plan, with words in the place of pinyin and initials that no document holds as letters."""
    plan = understand(text)
    if not plan.letters:
        return plan, ""
    asked = text[:MAX_CHARACTERS]
    written = spelling.respell(asked, lookup.known, lookup.vocabulary)
    if written.text == asked:
        return plan, ""
    meant = understand(written.text)
    said, spoken = written.sounds or meant.sounds, bool(written.sounds)
    return replace(meant, sounds=said, spoken=spoken, notices=plan.notices), written.text
