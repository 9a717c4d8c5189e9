"""A person's words → what to look for. Nothing that is typed raises, and whatever is typed stays bounded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from search.fields import whole_title
from search.fold import fold
from search.synonyms import Other, written
from search.text import Token, sounds, tokens
from search.words import lines

MAX_CHARACTERS = 400
MAX_WORDS = 24
MAX_PHRASE = 12

CUT = "query_cut"  # notice: the query was longer than is looked at

_QUOTED = re.compile(
    r"(?P<minus>(?<!\S)[-－])?(?:“(?P<a>[^”]*)”|\"(?P<b>[^\"]*)\"|「(?P<c>[^」]*)」|『(?P<d>[^』]*)』)"
)
_FIELD = re.compile(r"(?<!\S)(?P<minus>[-－])?(?P<name>[a-z_]+|[\u4e00-\u9fff]{2,4})[:：](?P<value>[^\s:：]+)")
_WITHOUT = re.compile(r"(?<!\S)[-－](?P<value>[^\s\-－]\S*)")

# names of fields, in both languages → words of this field, or a facet
WORD_FIELDS: Mapping[str, str] = {
    "title": "title",
    "标题": "title",
    "题名": "title",
    "description": "description",
    "简介": "description",
    "author": "people",
    "people": "people",
    "作者": "people",
    "主讲": "people",
    "教师": "people",
    "institution": "institution",
    "机构": "institution",
    "学校": "institution",
    "单位": "institution",
    "subject": "subjects",
    "学科": "subjects",
    "主题": "subjects",
    "关键词": "subjects",
    "keyword": "subjects",
    "keywords": "subjects",
    "标签": "subjects",
}
FACET_FIELDS: Mapping[str, str] = {
    "year": "year",
    "年份": "year",
    "年度": "year",
    "language": "language",
    "lang": "language",
    "语言": "language",
    "语种": "language",
    "licence": "licence",
    "license": "licence",
    "许可": "licence",
    "协议": "licence",
    "media": "media_kind",
    "type": "media_kind",
    "format": "media_kind",
    "类型": "media_kind",
    "媒体": "media_kind",
    "格式": "media_kind",
    "级别": "level",
    "程度": "level",
    "层次": "level",
    "level": "level",
    "kind": "kind",
    "教育": "kind",
    "教育类型": "kind",
    "degree": "degree",
    "学历": "degree",
    "vocational": "vocational",
    "职业": "vocational",
    "captions": "captions",
    "字幕": "captions",
    "duration": "duration",
    "时长": "duration",
    "division": "division",
    "region": "division",
    "地区": "division",
    "区划": "division",
    "行政区划": "division",
    "institution_kind": "institution_kind",
    "机构类型": "institution_kind",
}
NAMED_FIELDS: Mapping[str, str] = {"institution": "institution", "subjects": "subject"}  # whole names are facets

_ASKING = frozenset(lines("asking.txt"))
_SMALL = _ASKING | frozenset(lines("small_words.txt"))
_WORDS_OF_A_SENTENCE = 7
_LETTERS = re.compile(r"[a-z]+(?:'[a-z]+)*")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must stand together (one word too), in a field or anywhere; ``negated``: must not occur."""

    words: tuple[str, ...]
    field: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to look for, independent of the engine.

    ``words``: each once, in order. ``small``: words that tell little (的, 什么) and only help to rank. ``pairs``:
    neighbours among the words. ``beside``: for words of one character that stand in a run of Chinese, the pairs of
    syllables that they make with those beside them. ``chars``: single Chinese characters of the words. ``sounds``:
    pairs of their syllables. ``letters``: Latin words that may be pinyin or initials. ``others``: what means the same,
    by word. ``loose``: a whole question, of which not every word can be asked for. ``spoken``: typed in pinyin;
    ``words`` are then a guess, ``sounds`` what was typed, and ``unsaid`` words beside it that make no pair (Python).
    ``literal``: the words are right as they stand; what sounds like them must be written like them too, for it may only
    be cut otherwise.

    Keys of titles that are all of the query: ``title`` as it is written, ``title_sound`` as it is spoken,
    ``title_letters`` by the pinyin or the initials that were typed.
    """

    words: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    chars: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    letters: tuple[str, ...] = ()
    title: str = ""
    title_sound: str = ""
    title_letters: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    others: Mapping[str, tuple[Other, ...]] = field(default_factory=dict)
    loose: bool = False
    spoken: bool = False
    literal: bool = False
    unsaid: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no word is asked for: everything is, narrowed by filters and by what must not occur."""
        return not (self.words or any(not phrase.negated for phrase in self.phrases))

    @property
    def asked(self) -> tuple[str, ...]:
        """The words that were asked for, those of phrases too."""
        inside = (word for phrase in self.phrases if not phrase.negated for word in phrase.words)
        return tuple(dict.fromkeys((*self.words, *inside)))

    @property
    def terms(self) -> tuple[str, ...]:
        """What to highlight: the words, and what means the same."""
        return tuple(dict.fromkeys((*self.asked, *written(self.others))))


def understand(text: str) -> Plan:
    """Read what a person typed."""
    notices = (CUT,) if len(text) > MAX_CHARACTERS else ()
    rest = text[:MAX_CHARACTERS].encode("utf-8", "ignore").decode("utf-8")  # half a surrogate pair is no text
    phrases: list[Phrase] = []
    filters: dict[str, tuple[str, ...]] = {}
    rest = _QUOTED.sub(lambda found: _take_quoted(found, phrases), rest)
    rest = _FIELD.sub(lambda found: _take_field(found, phrases, filters), rest)
    rest = _WITHOUT.sub(lambda found: _take_without(found, phrases), rest)
    found = tokens(rest)
    if len(found) > MAX_WORDS:
        found, notices = found[:MAX_WORDS], (CUT,)
    return _plan(found, tuple(phrases[:MAX_WORDS]), filters, notices)


class Typed(NamedTuple):
    """A ``field:value`` that may be a filter: its facet, the value as it was typed, and where it stands in the text.

    ``certain``: it can be nothing else. An institution or a subject may also be words of such a field.
    """

    facet: str
    value: str
    start: int
    end: int
    certain: bool


def typed_filters(text: str) -> list[Typed]:
    """Where filters were typed, outside quotation marks."""
    plain = _QUOTED.sub(lambda found: " " * len(found.group()), text[:MAX_CHARACTERS])
    typed: list[Typed] = []
    for found in _FIELD.finditer(plain):
        name = fold(found["name"])
        facet = FACET_FIELDS.get(name) or NAMED_FIELDS.get(WORD_FIELDS.get(name, ""), "")
        if facet and found["minus"] is None:
            typed.append(Typed(facet, found["value"], *found.span(), name in FACET_FIELDS))
    return typed


def _take_quoted(found: re.Match[str], phrases: list[Phrase]) -> str:
    inside = next((group for group in found.group("a", "b", "c", "d") if group), "")
    words = _phrase_words(inside)
    if words:
        phrases.append(Phrase(words, negated=found["minus"] is not None))
    return " "


def _take_field(found: re.Match[str], phrases: list[Phrase], filters: dict[str, tuple[str, ...]]) -> str:
    name, value = fold(found["name"]), found["value"]
    if name in WORD_FIELDS:
        words = _phrase_words(value)
        if words:
            phrases.append(Phrase(words, WORD_FIELDS[name], found["minus"] is not None))
        return " "
    if name in FACET_FIELDS and found["minus"] is None:
        facet = FACET_FIELDS[name]
        filters[facet] = (*filters.get(facet, ()), value)
        return " "
    return found.group()


def _take_without(found: re.Match[str], phrases: list[Phrase]) -> str:
    words = _phrase_words(found["value"])
    if words:
        phrases.append(Phrase(words, negated=True))
    return " "


def _phrase_words(text: str) -> tuple[str, ...]:
    return tuple(token.text for token in tokens(text) if not token.part)[:MAX_PHRASE]


def _plan(
    found: list[Token], phrases: tuple[Phrase, ...], filters: dict[str, tuple[str, ...]], notices: tuple[str, ...]
) -> Plan:
    whole = [token for token in found if not token.part]
    telling = [token for token in whole if token.text not in _SMALL] or whole
    asking = any(token.text in _ASKING for token in whole)
    words = tuple(dict.fromkeys(token.text for token in telling))
    han = [token for token in telling if token.han]
    neighbours = pairwise(telling)
    title, title_sound = whole_title(whole)
    return Plan(
        words=words,
        small=tuple(dict.fromkeys(token.text for token in whole if token.text not in words)),
        pairs=tuple(dict.fromkeys((left.text, right.text) for left, right in neighbours if left.text != right.text)),
        beside=_beside(telling),
        chars=tuple(dict.fromkeys(char for token in han for char in token.text)),
        sounds=tuple(dict.fromkeys(sounds(telling))),
        phrases=phrases,
        letters=tuple(word for word in words if _LETTERS.fullmatch(word)),
        title=title,
        title_sound=title_sound,
        filters=filters,
        loose=asking or len(words) >= _WORDS_OF_A_SENTENCE,
        notices=notices,
    )


def _beside(found: list[Token]) -> dict[str, tuple[str, ...]]:
    pairs: dict[str, list[str]] = {}
    for left, right in pairwise(found):
        if left.han and right.han and left.end == right.start:
            for token in (left, right):
                if len(token.text) == 1:
                    pairs.setdefault(token.text, []).extend(sounds((left, right))[len(left.text) - 1 :][:1])
    return {char: tuple(dict.fromkeys(some)) for char, some in pairs.items()}
