"""Where a text holds the words that were looked for: marked titles and snippets, safe to put into a page."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from search.fold import fold_with_offsets, strange_han
from search.text import HAN, MAX_WORD, even_terms_of_taiwan, mainland, pieces, stem
from search.words import remembered, terms_of_taiwan

LOOKED_AT = 50_000  # characters of one text; a page of a book has 2,000
_HAN_TERM = re.compile(r"[^\x00-\x7f]")
_ONLY_HAN = re.compile(f"[{HAN}]+")
_LATIN = r"[a-z0-9]+(?:[.\-_/&'][a-z0-9]+)*(?:\+\+|\+|\#)?"
_PIECE = re.compile(r"[a-z0-9]+")
Span = tuple[int, int]


def spans(text: str, terms: Iterable[str]) -> list[Span]:
    """Places of the words, (start, end) in the text as it was given, in order and apart from each other."""
    wanted = frozenset(terms)
    if not wanted or not text:
        return []
    looked_at = text[:LOOKED_AT]
    sought = _sought(wanted)
    if sought.chinese and not strange_han().search(looked_at):
        return _joined(sought.places(looked_at))
    folded = fold_with_offsets(looked_at)
    return _joined(folded.span(*span) for span in sought.places(folded.text))


@dataclass(frozen=True, slots=True)
class _Sought:
    """What is looked for: ``words`` of Chinese alone (``chinese``), which need no pattern, or any terms.

    ``taiwan``: the terms of Taiwan that may hold or hide a Chinese word of them.
    """

    terms: frozenset[str]
    words: tuple[str, ...]
    taiwan: tuple[str, ...]
    chinese: bool

    def places(self, text: str) -> list[Span]:
        """Where the terms stand in folded text."""
        if any(term in text for term in self.taiwan):
            text = mainland(text)
        return self._chinese(text) if self.chinese else self._mixed(text)

    def _chinese(self, text: str) -> list[Span]:
        """The first of two that overlap, the longer of two that begin together.

        That is what a pattern of alternatives, the long ones first, would find.
        """
        found: list[Span] = []
        for word in self.words:
            at = text.find(word)
            while at >= 0:
                found.append((at, at + len(word)))
                at = text.find(word, at + 1)
        found.sort(key=lambda span: (span[0], -span[1]))
        apart: list[Span] = []
        end = 0
        for span in found:
            if span[0] >= end:
                apart.append(span)
                end = span[1]
        return apart

    def _mixed(self, text: str) -> list[Span]:
        """Words of any script."""
        found: list[Span] = []
        for match in _matcher(self.terms).finditer(text):
            found += _latin(match, self.terms) if match.lastgroup == "latin" else [match.span()]
        return found


@remembered(256)
def _sought(terms: frozenset[str]) -> _Sought:
    """What has to be known of the terms to find them."""
    words = _with_pieces({term for term in terms if _HAN_TERM.search(term)})
    letters = frozenset("".join(words))
    even = even_terms_of_taiwan().items()
    taiwan = tuple(old for old, new in even if not letters.isdisjoint(old + new))
    return _Sought(terms, tuple(words), taiwan, chinese=all(map(_ONLY_HAN.fullmatch, terms)))


def _with_pieces(han: set[str]) -> set[str]:
    """Chinese words, the words that they are made of, and what Taiwan calls them."""
    found = {*han, *(piece for term in han for piece in pieces(term))}
    return found | {taiwan for taiwan, mainland in terms_of_taiwan().items() if mainland in found}


@remembered(256)
def _matcher(terms: frozenset[str]) -> re.Pattern[str]:
    """Chinese words are found wherever their characters stand; Latin ones are looked up whole.

    A term with spaces is several words side by side.
    """
    together = {term for term in terms if " " in term}
    han = {term for term in terms - together if _HAN_TERM.search(term)}
    longest_first = sorted(_with_pieces(han), key=lambda term: (-len(term), term))
    choices = [rf"(?P<latin>{_LATIN})"]
    if longest_first:
        choices.append(f"(?P<han>{'|'.join(map(re.escape, longest_first))})")
    if together:
        choices.insert(0, f"(?P<together>{'|'.join(map(_side_by_side, sorted(together)))})")
    return re.compile("|".join(choices))


def _side_by_side(term: str) -> str:
    """Latin words may have the ending that was cut off, and stand alone."""
    words = term.split()
    pattern = r"[\s\-]*".join(re.escape(word) + ("(?:e?s)?" if word.isascii() else "") for word in words)
    before = "(?<![a-z0-9])" if words[0].isascii() else ""
    return before + pattern + ("(?![a-z0-9])" if words[-1].isascii() else "")


def _latin(match: re.Match[str], terms: frozenset[str]) -> list[Span]:
    start, end = match.span()
    whole = match.group()
    if stem(whole)[:MAX_WORD] in terms or whole[:MAX_WORD] in terms:
        return [(start, end)]
    pieces = _PIECE.finditer(whole)
    return [(start + p.start(), start + p.end()) for p in pieces if stem(p.group())[:MAX_WORD] in terms]


def _joined(found: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in found:
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def highlight(text: str, terms: Iterable[str]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is one of the words; joined they are the text again."""
    return _cut(text, spans(text, terms), 0, len(text))


def _cut(text: str, marks: Sequence[Span], start: int, end: int) -> list[tuple[str, bool]]:
    pieces: list[tuple[str, bool]] = []
    at = start
    for first, last in marks:
        first, last = max(first, start), min(last, end)
        if first >= last:
            continue
        pieces += [(text[at:first], False), (text[first:last], True)]
        at = last
    pieces.append((text[at:end], False))
    return [(piece, hit) for piece, hit in pieces if piece]


def markup(pieces: Iterable[tuple[str, bool]]) -> str:
    """Pieces as HTML: everything escaped, the words in <mark>."""
    return "".join(f"<mark>{escape(piece)}</mark>" if hit else escape(piece) for piece, hit in pieces)


def marked(text: str, terms: Iterable[str]) -> str:
    """The whole text as HTML with its words marked."""
    return markup(highlight(text, terms))


def snippet(text: str, terms: Iterable[str], width: int = 120) -> list[tuple[str, bool]]:
    """The part of a text, about ``width`` characters, that holds the most of the words; dots say what is left out."""
    if len(text) <= width:
        return highlight(text, terms)
    marks = spans(text, terms)
    start = _best_start(text, marks, width)
    end = min(len(text), start + width)
    pieces = _cut(text, marks, start, end)
    before = [("…", False)] if start > 0 else []
    after = [("…", False)] if end < len(text) else []
    return [*before, *pieces, *after]


def _best_start(text: str, marks: Sequence[Span], width: int) -> int:
    """Begin so that as many different words as possible come into view, and some text before the first of them."""
    best, best_worth = 0, 0
    last = 0
    most = len({text[start:end] for start, end in marks})
    for index, (start, _) in enumerate(marks):
        last = max(last, index)
        while last + 1 < len(marks) and marks[last + 1][1] <= start + width:
            last += 1
        worth = len({text[a:b] for a, b in marks[index : min(last, index + 20) + 1]})
        if worth > best_worth:
            best, best_worth = start, worth
            if worth == most:
                break
    lead = max(0, min(best - width // 5, len(text) - width))
    for place in range(lead, min(best, lead + width // 5)):
        if text[place] in "。！？；\n.!?;":
            return place + 1
    return lead
