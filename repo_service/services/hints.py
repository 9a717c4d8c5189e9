"""What to try when nothing was found: without a filter or a word, a part of a word, something nearby, a subject."""

import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from repo_service.context import Context
from repo_service.services.addresses import parameters
from repo_service.services.labels import Locale, labels
from repo_service.services.named import named
from search.errors import SearchUnavailable
from search.model import Query
from search.query import understand
from search.text import pieces, subwords

BUDGET_SECONDS = 0.12
FILTERS = 4
WORDS = 4
PARTS = 3  # words inside a word
SHORTER = 3  # characters that are taken from the end of a word
NEAR = 4
SUBJECTS = 8


class Hint(BaseModel):
    """Another search that does find something."""

    kind: str = Field(
        description="`filter`, `word`: without it; `apart`: words not side by side; `part` of one; `near`; `subject`"
    )
    text: str = Field(description="The filter or the word that is left out, or what is found instead")
    total: int | None = Field(None, description="How many resources it finds, where that was counted")
    url: str


def hints(ctx: Context, query: Query, locale: Locale) -> list[Hint]:
    """The nearest searches, the nearest first: a bounded number of executions, none begun after 120 ms."""
    ends = time.monotonic() + BUDGET_SECONDS
    found: list[Hint] = []
    seen: set[str] = set()
    try:
        for hint in _tries(ctx, query, locale):
            if hint is not None and hint.url not in seen:
                seen.add(hint.url)
                found.append(hint)
            if time.monotonic() > ends:
                break
    except SearchUnavailable:
        return found
    return found


def _tries(ctx: Context, query: Query, locale: Locale) -> Iterator[Hint | None]:
    bare = replace(query, offset=0, limit=1, facets=(), passages_per_hit=0, pinned=(), explain="")
    yield from _without_a_filter(ctx, bare, locale)
    plan = understand(query.text)
    if any(not phrase.negated for phrase in plan.phrases):
        apart = " ".join(plan.asked)
        yield _counted(ctx, replace(bare, text=apart), "apart", apart)
    if len(plan.words) > 1:
        for word in plan.words[:WORDS]:
            kept = " ".join(other for other in plan.words if other != word)
            yield _counted(ctx, replace(bare, text=kept), "word", word)
    for word in plan.asked[:2]:
        inside = dict.fromkeys((*pieces(word), *sorted(subwords(word), key=len, reverse=True)))
        for part in list(inside)[:PARTS]:
            yield _counted(ctx, replace(bare, text=part), "part", part)
    for word in plan.asked[:2]:
        yield from _nearby(ctx, word)
    yield from _subjects(ctx, bare, locale)


def _without_a_filter(ctx: Context, bare: Query, locale: Locale) -> Iterator[Hint | None]:
    for name, values in list(bare.filters.items())[:FILTERS]:
        called = labels(ctx.db, name, values, locale)
        kept = {other: some for other, some in bare.filters.items() if other != name}
        yield _counted(ctx, replace(bare, filters=kept), "filter", "、".join(called.values()))


def _counted(ctx: Context, query: Query, kind: str, text: str) -> Hint | None:
    """The search as a hint, when it finds something."""
    total = ctx.index.search(query).total
    asked = parameters(query.text, query.filters, exact=query.exact)
    address = f"/search?{urlencode([pair for pair in asked if pair[1]])}"
    return Hint(kind=kind, text=text, total=total, url=address) if total else None


def _nearby(ctx: Context, word: str) -> Iterator[Hint]:
    """What goes on like the beginning of a word, the longest beginning that anything does."""
    least = 1 if not word.isascii() else 2  # a Chinese character says what it is about, a letter nothing
    for less in range(min(SHORTER, len(word) - least + 1)):
        if found := named(ctx, word[: len(word) - less], NEAR):
            yield from (Hint(kind="near", text=one.text, url=f"/search?{urlencode({'q': one.text})}") for one in found)
            return


def _subjects(ctx: Context, bare: Query, locale: Locale) -> Iterator[Hint]:
    """Subjects that many resources have."""
    counted = ctx.index.search(replace(bare, text="", filters={}, facets=("subject",))).facets.get("subject", ())
    called = labels(ctx.db, "subject", [value for value, _ in counted[:SUBJECTS]], locale)
    for value, count in counted[:SUBJECTS]:
        address = f"/search?{urlencode({'subject': value})}"
        yield Hint(kind="subject", text=called[value], total=count, url=address)
