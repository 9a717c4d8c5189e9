"""In which order a query is tried, strictest first; the same for every engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from search import spelling
from search.fields import lettered_title
from search.model import Query
from search.query import MAX_CHARACTERS, Plan, understand
from search.synonyms import Synonyms
from search.text import HAN

Mode = Literal["everything", "strict", "spoken", "wide", "loose", "forgiving"]
FEW = 5  # documents with every word; when there are fewer, those with some of the words follow them

_SAID = re.compile(f"[{HAN}]{{2,}}")  # words that make pairs of syllables by themselves


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

    everything: no words were given. strict: every word. spoken: every pair of syllables that was typed. wide: every
    word, then some of the words. loose: some of the words. forgiving: some of the words, or what sounds like them.
    ``corrected`` is the query that is tried instead of the typed one. ``enough``: documents that it has to find.
    """

    plan: Plan
    mode: Mode
    corrected: str = ""
    enough: int = 1

    def taken(self, found: int) -> bool:
        """Whether it is the one to answer with, having found so many documents."""
        return found >= self.enough

    def skipped(self, before: int) -> bool:
        """Whether it need not be tried, the stage before having found so many documents."""
        return self.mode == "wide" and not before


def stages(query: Query, lookup: Lookup) -> Iterator[Stage]:
    """The ways to try a query; the first one that finds enough is taken, or else the last one. At most three."""
    if query.within:
        yield from _inside(query, lookup)
        return
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
        yield from _strict(query, plan, corrected)
        sure = bool(corrected) or _certain(plan)
        meant = "" if sure else spelling.homophones(query.text[:MAX_CHARACTERS], lookup.vocabulary)
        if meant:
            read = replace(understand(meant), notices=plan.notices)
            yield Stage(with_others(read, query.synonyms), "strict", meant)
        literal = not corrected and _meant_so(plan, lookup)
        yield Stage(replace(plan, literal=literal), "forgiving", corrected)


def _meant_so(plan: Plan, lookup: Lookup) -> bool:
    """Whether these are words as they stand that no document holds: they are missing, and no slip.

    Else 种树 would find 中暑, and nobody would hear that 种树 is missing.
    """
    return all(len(word) > 1 for word in plan.words) and not any(map(lookup.known, plan.words))


def _inside(query: Query, lookup: Lookup) -> Iterator[Stage]:
    """Places of one document that hold some of the words: as typed or in pinyin, and put right where there are none."""
    plan, corrected = (understand(query.text), "") if query.exact else _written_out(query.text, lookup)
    yield Stage(with_others(plan, query.synonyms), "loose", corrected)
    meant = "" if query.exact or corrected else spelling.homophones(query.text[:MAX_CHARACTERS], lookup.vocabulary)
    if meant:
        yield Stage(with_others(understand(meant), query.synonyms), "loose", meant)


def _as_typed(query: Query) -> Iterator[Stage]:
    """Words as they are, without sounds; only when some suffice, with what means the same.

    What is alike is so by its words: its characters change nothing in which courses of a department are found beside
    another (23 % of the first six, with them or without), and take two thirds of the time.
    """
    plan = replace(understand(query.text), sounds=())
    if query.like:
        plan = with_others(replace(plan, chars=()), query.synonyms)
    if plan.empty:
        yield Stage(plan, "everything")
        return
    if not (plan.loose or query.like):
        yield from _strict(query, plan)
    yield Stage(plan, "loose")


def _strict(query: Query, plan: Plan, corrected: str = "") -> Iterator[Stage]:
    """Every word; where few documents hold them all, those with some of the words come after them.

    Only in order of relevance: in any other they would come between them.
    """
    several = len(plan.words) > 1 and query.sort == "relevance"
    yield Stage(plan, "strict", corrected, enough=FEW if several else 1)
    if several:
        yield Stage(plan, "wide", corrected)


def _certain(plan: Plan) -> bool:
    """Whether each word is one that librarians know: where no document holds it, it is still no slip."""
    return bool(plan.words) and plan.others.keys() >= set(plan.words)


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
    titles = lettered_title("".join(plan.letters)) if plan.letters == plan.words else ()
    read = replace(meant, title_letters=titles, notices=plan.notices)
    if written.mixed and written.spoken:
        unsaid = tuple(word for word in meant.words if not (word in meant.beside or _SAID.fullmatch(word)))
        return replace(read, unsaid=unsaid, spoken=True), written.text
    return replace(read, sounds=written.sounds or meant.sounds, spoken=bool(written.sounds)), written.text
