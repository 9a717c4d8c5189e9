"""Type-ahead: what was typed so far → titles, institutions, subjects, people that go on like this."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from search import pinyin
from search.fields import KEY_SEPARATOR
from search.fold import fold
from search.model import Suggestion
from search.text import tokens

MAX_PREFIX = 40
MAX_TYPED = 100
LOOKED_AT = 100
SHARE = 2 / 5  # of the completions that one kind may be while others wait
_KINDS = ("title", "subject", "institution", "person")
T = TypeVar("T")
Names = Callable[[str, int], list[tuple[str, int]]]  # (beginning, most) → [(key, separator, kind, separator, name)]
Titles = Callable[[str, int], Sequence[tuple[str, str]]]  # (beginning, most) → [(id, title)]


def typed_keys(prefix: str) -> set[str]:
    """What was typed, as keys begin: folded, without spaces and marks; as words and letter by letter.

    Chinese before letters (人工zh, while an input method composes) counts as it sounds too.
    """
    typed = prefix[:MAX_TYPED]
    found = [token for token in tokens(typed) if not token.part]
    words = "".join(token.text for token in found)
    letters = "".join(char for char in fold(typed) if char.isalnum())
    said = ""
    if len({token.han for token in found}) == 2:
        said = "".join("".join(pinyin.of_word(token.text)) if token.han else token.text for token in found)
    return {key[:MAX_PREFIX] for key in (words, letters, said) if key}


def complete(prefix: str, names: Names, titles: Titles, limit: int) -> list[Suggestion]:
    """The best completions: those that begin so before those that hold it later, names of many before names of few."""
    found: dict[tuple[str, str], tuple[float, Suggestion]] = {}

    def add(rank: int, count: int, suggestion: Suggestion) -> None:
        """Keep the best place of each."""
        worth = rank * 10 + _KINDS.index(suggestion.kind) / 2 - min(count, 100) / 100
        place = suggestion.kind, suggestion.text
        if place not in found or found[place][0] > worth:
            found[place] = worth, suggestion

    for key in typed_keys(prefix):
        for rank, place in enumerate("^."):
            for identity, title in titles(place + key, limit):
                add(rank, 0, Suggestion(title, "title", identity))
            for term, count in names(place + key, LOOKED_AT):
                _, kind, name = term.split(KEY_SEPARATOR)
                add(rank, count, Suggestion(name, kind))
    best = sorted(found.values(), key=lambda item: (item[0], len(item[1].text), item[1].text, item[1].id))
    return mixed([suggestion for _, suggestion in best], limit, lambda suggestion: suggestion.kind)


def mixed(best: Sequence[T], limit: int, kind: Callable[[T], str]) -> list[T]:
    """The first of them, in their order; a kind that has its share gives way to others, as far as there are any."""
    share = max(1, int(limit * SHARE))
    taken: Counter[str] = Counter()
    waiting: list[int] = []
    chosen: list[int] = []
    for place, one in enumerate(best):
        taken[kind(one)] += 1
        (chosen if taken[kind(one)] <= share else waiting).append(place)
    return [best[place] for place in sorted([*chosen, *waiting][:limit])]
