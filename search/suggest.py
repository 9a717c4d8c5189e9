"""Type-ahead: what was typed so far → titles, institutions, subjects, people that go on like this."""

from collections.abc import Callable

from search.fold import fold
from search.model import Suggestion
from search.schema import KEY_SEPARATOR
from search.text import tokens

MAX_PREFIX = 40
MAX_TYPED = 100
LOOKED_AT = 200
_KINDS = ("title", "subject", "institution", "person")
Vocabulary = Callable[[str, int], list[tuple[str, int]]]  # (beginning, most) → [(key, how often)]


def typed_key(prefix: str) -> str:
    """What was typed, as keys begin: folded, without spaces and marks."""
    return "".join(token.text for token in tokens(prefix) if not token.part)[:MAX_PREFIX] if prefix.strip() else ""


def complete(prefix: str, vocabulary: Vocabulary, limit: int) -> list[Suggestion]:
    """The best completions: those that begin so before those that hold it later, frequent ones first."""
    plain = "".join(char for char in fold(prefix[:MAX_TYPED]) if char.isalnum())
    keys = {typed_key(prefix[:MAX_TYPED]), plain[:MAX_PREFIX]}
    found: dict[tuple[str, str], tuple[float, Suggestion]] = {}
    for key in filter(None, keys):
        for rank, place in enumerate(("^", ".")):
            for term, count in vocabulary(place + key, LOOKED_AT):
                _, kind, identity, label = term.split(KEY_SEPARATOR)
                worth = rank * 10 + _KINDS.index(kind) / 2 - min(count, 100) / 100
                known = found.get((kind, label))
                if known is None or known[0] > worth:
                    found[kind, label] = worth, Suggestion(label, kind, identity)
    best = sorted(found.values(), key=lambda item: (item[0], len(item[1].text), item[1].text, item[1].id))
    return [suggestion for _, suggestion in best[:limit]]
