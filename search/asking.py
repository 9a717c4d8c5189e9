"""A plan → what is asked of an index, as a tree of clauses that every engine turns into its own queries."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from search import ways, weights
from search.model import FACETS, Query, Sort
from search.query import Phrase, Plan
from search.stages import Mode, Stage

LEAST_SHARE = 0.15  # of the words of a question must occur: who asks in everyday words shares few with an article
LEAST_SOUNDS = 0.5  # of the pairs of syllables, where words were found nowhere
PINNED = 2.0**40  # more than any words are worth
MAX_DEPTH = 10_000
MAX_LIMIT = 100
FACET_VALUES = 1_000
INCOMPLETE = "index_incomplete"  # notice: the index is not yet filled from the catalogue


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a field, worth its BM25 score times ``weight``."""

    field: str
    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Together:
    """Terms side by side in a field with positions, worth the BM25 score of the phrase times ``weight``."""

    field: str
    terms: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these whole keys of a field; worth nothing by itself."""

    field: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flat:
    """What its clause matches, worth ``score`` whatever it is."""

    clause: "Clause"
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Best:
    """One of these, worth as much as the best of them."""

    clauses: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class Mixed:
    """All of ``must``, none of ``without``, and at least ``least`` of ``should``; worth the sum of what matches.

    Where nothing must occur, one of ``should`` has to.
    """

    must: tuple["Clause", ...] = ()
    should: tuple["Clause", ...] = ()
    without: tuple["Clause", ...] = ()
    least: int = 0


Clause = Term | Together | AnyOf | Flat | Best | Mixed
LIVE = Flat(AnyOf("live", ("1",)), 1.0)


def matching(stage: Stage) -> Clause:
    """What a stage asks for, before filters."""
    plan = stage.plan
    if stage.mode == "everything":
        wanted, unwanted = phrases(plan.phrases)
        return Mixed(must=(LIVE, *wanted), without=unwanted)
    if stage.mode == "strict":
        return _strict(plan)
    if stage.mode == "spoken":
        return _spoken(plan)
    return _loose(plan, stage.mode)


def _strict(plan: Plan) -> Clause:
    """Every word must occur, or the letters that were typed must be a title's.

    Characters do not rank here: where all words occur they tell nothing more (no judged figure changes by more than
    0.1 %), and they are half of what such a search costs in a large index.
    """
    words = tuple(_word(plan, word, alone=True) for word in plan.words)
    must = (Best((Mixed(must=words), _lettered(plan))),) if plan.title_letters else words
    return _with_extras(replace(plan, chars=()), must=must)


def _lettered(plan: Plan) -> Clause:
    return Flat(AnyOf("complete", plan.title_letters), weights.WHOLE_TITLE)


def _spoken(plan: Plan) -> Clause:
    """Everything that was typed in pinyin must occur as it sounds, whatever its characters; the words only rank."""
    said = tuple(Term("sounds", pair, weights.SOUND_TYPED) for pair in plan.sounds)
    unsaid = tuple(_word(plan, word, alone=True) for word in plan.unsaid)
    return _with_extras(plan, must=(*said, *unsaid), should=tuple(_word(plan, word) for word in plan.words))


def _loose(plan: Plan, mode: Mode) -> Clause:
    """Some of the words must occur, or one of them in the title; with a phrase, that suffices.

    wide: documents with every word come first. forgiving: what sounds alike matches too, for words that were found
    nowhere.
    """
    words = tuple(_word(plan, word) for word in plan.words)
    said = tuple(Term("sounds", pair, weight) for pair, weight in _said(plan))
    if not words or any(not phrase.negated for phrase in plan.phrases):
        return _with_extras(plan, should=(*words, *said))
    least = max(1, round(len(words) * LEAST_SHARE))
    choices: list[Clause] = [Mixed(should=words, least=least)]
    if least > 1:
        choices.append(_titled(plan, words))
    if mode == "forgiving" and said:
        alike = len(said) if plan.literal else max(1, round(len(said) * LEAST_SOUNDS))
        written = tuple(Term("chars", char) for char in plan.chars) if plan.literal else ()
        choices.append(Flat(Mixed(must=written, should=said, least=alike)))
    if mode != "loose" and plan.title_sound:
        choices.append(Flat(AnyOf("complete", (plan.title_sound,))))
    if plan.title_letters:
        choices.append(_lettered(plan))
    every = tuple(_word(plan, word, alone=True) for word in plan.words) if mode == "wide" else ()
    first = (Flat(Mixed(must=every), weights.EACH_OF_ALL * len(every)),) if every else ()
    return _with_extras(plan, must=(Best(tuple(choices)),), should=(*said, *first))


def _said(plan: Plan) -> Iterator[tuple[str, float]]:
    """The pairs of syllables, and what each is worth."""
    beside = Counter(pair for pairs in plan.beside.values() for pair in pairs)
    for pair in plan.sounds:
        apart = weights.SOUND_BESIDE if beside[pair] > 1 else weights.SOUND
        yield pair, weights.SOUND_TYPED if plan.spoken else apart


def _titled(plan: Plan, words: tuple[Clause, ...]) -> Clause:
    """One of the words stands in the title; the score is that of all words, as for other ways to match."""
    title = Mixed(should=tuple(Term("title", word) for word in plan.words))
    return Mixed(must=(Flat(title),), should=words)


def _with_extras(plan: Plan, *, must: tuple[Clause, ...] = (), should: tuple[Clause, ...] = ()) -> Clause:
    wanted, unwanted = phrases(plan.phrases)
    extras = (
        *map(_way, ways.in_heads(plan)),
        *(Term("words", word, weights.SMALL_WORD) for word in plan.small),
        *(Term("chars", char, weights.CHARACTER) for char in plan.chars),
        *(Together("words", pair, weights.PAIR) for pair in plan.pairs),
        *_whole_title(plan),
    )
    return Mixed(must=(*must, *wanted), should=(*should, *extras), without=unwanted)


def _whole_title(plan: Plan) -> Iterator[Clause]:
    if plan.title:
        yield Flat(AnyOf("complete", (plan.title,)), weights.WHOLE_TITLE)
        yield Flat(AnyOf("complete", (plan.title_sound,)), weights.TITLE_SOUND)


def _word(plan: Plan, word: str, *, alone: bool = False) -> Clause:
    """``alone``: a single character is found in any word, beside those that it was typed beside."""
    beside = plan.beside.get(word, ()) if alone else ()
    found = tuple(map(_way, ways.of_word(plan, word, alone=alone and not beside)))
    if beside:
        neighbours = Flat(Mixed(should=tuple(Term("sounds", pair) for pair in beside)))
        found += (Mixed(must=(Term("chars", word, weights.CHARACTER), neighbours)),)
    return Mixed(should=found)


def _any(some: Iterable[ways.Way]) -> Clause:
    return Mixed(should=tuple(map(_way, some)))


def _way(way: ways.Way) -> Clause:
    """All terms of a way, side by side or anywhere in its field."""
    if len(way.terms) == 1:
        return Term(way.field, way.terms[0], way.weight)
    if way.together:
        return Together(way.field, way.terms, way.weight)
    return Mixed(must=tuple(Term(way.field, term, way.weight) for term in way.terms))


def phrases(asked: Iterable[Phrase]) -> tuple[tuple[Clause, ...], tuple[Clause, ...]]:
    """(what must occur, what must not)."""
    some = list(asked)
    return (
        tuple(_phrase(phrase) for phrase in some if not phrase.negated),
        tuple(_phrase(phrase) for phrase in some if phrase.negated),
    )


def _phrase(phrase: Phrase) -> Clause:
    if phrase.field:
        return Mixed(must=tuple(Term(phrase.field, word) for word in phrase.words))
    if len(phrase.words) == 1:
        return _any(ways.plain(phrase.words[0], alone=True))
    return Together("words", phrase.words)


def narrowed(
    clause: Clause,
    chosen: Mapping[str, Sequence[str]],
    hidden: Sequence[str] = (),
    without: str = "",
    among: Sequence[str] = (),
) -> Clause:
    """What matches of these facets' values, any of each, is one of ``among`` if there are any, and is not hidden.

    ``without`` names a facet whose own filter does not count.
    """
    kept = tuple(
        Flat(AnyOf(f"f_{name}", tuple(values)))
        for name, values in chosen.items()
        if name in FACETS and values and name != without
    )
    if among:
        kept = (*kept, Flat(AnyOf("id", tuple(among))))
    unwanted = (AnyOf("id", tuple(hidden)),) if hidden else ()
    return Mixed(must=(clause, *kept), without=unwanted) if kept or unwanted else clause


def pinned(clause: Clause, ids: Sequence[str]) -> Clause:
    """What matches, and before it these documents, in this order: each weighs twice as much as the next."""
    first = (Flat(AnyOf("id", (identity,)), PINNED / 2**place) for place, identity in enumerate(ids))
    return Best((clause, *first))


def unranked(clause: Clause) -> Clause:
    """A clause that matches the same documents without what only ranks them: for counting, at a part of the cost."""
    match clause:
        case Mixed(must, should, without, least):
            needed = () if must and not least else should
            return Mixed(tuple(map(unranked, must)), tuple(map(unranked, needed)), without, least)
        case Best(clauses):
            return Best(tuple(map(unranked, clauses)))
        case Flat(inner, score):
            return Flat(unranked(inner), score)
        case _:
            return clause


def reasons(plan: Plan) -> dict[str, Clause]:
    """By field: what makes it a reason for a hit."""
    terms = ways.reasons(plan)
    return {name: _any(ways.Way(name, some, 1.0) for some in terms) for name, _ in ways.HEADS}


def passages(plan: Plan, owner: AnyOf) -> Clause:
    """Passages of these owners that hold one of the words, the most telling first."""
    any_word = Mixed(should=tuple(_word(plan, word) for word in plan.asked))
    chars = tuple(Term("chars", char, weights.PASSAGE_CHARACTER) for char in plan.chars)
    return Mixed(must=(any_word, Flat(owner)), should=chars)


def page(query: Query) -> tuple[int, int]:
    """(offset, how many) of the hits that are asked for."""
    return max(0, min(query.offset, MAX_DEPTH)), max(1, min(query.limit, MAX_LIMIT))


def order(query: Query, plan: Plan) -> Sort:
    """What the hits are sorted by: without words all are equally relevant, and the newest come first."""
    return "newest" if plan.empty and query.sort == "relevance" else query.sort


def split(query: Query, chosen: Mapping[str, tuple[str, ...]]) -> tuple[list[str], list[str], list[str]]:
    """(facets to count, those of them with a filter of their own, those without)."""
    wanted = [name for name in query.facets if name in FACETS]
    filtered = [name for name in wanted if chosen.get(name)]
    return wanted, filtered, [name for name in wanted if name not in filtered]


def counts(buckets: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, int], ...]:
    """(value, count) of an aggregation's buckets, most frequent first, then by value."""
    found = [(str(bucket["key"]), int(bucket["doc_count"])) for bucket in buckets]
    return tuple(sorted(found, key=lambda bucket: (-bucket[1], bucket[0])))


def merged(chosen: Mapping[str, tuple[str, ...]], typed: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Filters that were chosen, and those that were typed as ``field:value``."""
    names = dict.fromkeys((*chosen, *typed))
    return {name: tuple(dict.fromkeys((*chosen.get(name, ()), *typed.get(name, ())))) for name in names}
