"""Passages to search: the cues of captions joined to sentences, each with its seconds."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from search.model import Passage

SENTENCE_CHARACTERS = 120
SENTENCE_SECONDS = 30.0
PAUSE_SECONDS = 2.0
_ENDINGS = tuple("。！？!?…；;")
_LATIN_END = 0x2E80  # characters before it need a space between two cues
JOINER = "+"


def sentences(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Neighbouring cues as sentences; other passages as they are.

    The id of a sentence is that of its first cue and how many follow: ``ID+2``; `first_and_more` reads it.
    """
    waiting: list[Passage] = []
    for passage in passages:
        if waiting and not _goes_on(waiting, passage):
            yield join(waiting)
            waiting = []
        waiting.append(passage)
    if waiting:
        yield join(waiting)


def _goes_on(waiting: list[Passage], after: Passage) -> bool:
    first, last = waiting[0], waiting[-1]
    if last.kind != "cue" or after.kind != "cue" or after.heading != first.heading:
        return False
    if last.text.rstrip().endswith(_ENDINGS) or last.end is None or after.start is None or first.start is None:
        return False
    length = sum(len(cue.text) for cue in waiting) + len(after.text)
    pause = after.start - last.end
    lasting = (after.end or after.start) - first.start
    return length <= SENTENCE_CHARACTERS and 0 <= pause + 1.0 <= PAUSE_SECONDS + 1.0 and lasting <= SENTENCE_SECONDS


def join(cues: list[Passage]) -> Passage:
    """Cues as one passage, from the first one's start to the last one's end."""
    first = cues[0]
    if len(cues) == 1:
        return first
    text = first.text.strip()
    for cue in cues[1:]:
        more = cue.text.strip()
        spaced = bool(text and more) and ord(text[-1]) < _LATIN_END and ord(more[0]) < _LATIN_END
        text = f"{text} {more}" if spaced else text + more
    return replace(first, id=f"{first.id}{JOINER}{len(cues) - 1}", text=text, end=cues[-1].end)


def first_and_more(identity: str) -> tuple[str, int]:
    """(id of the first cue, how many cues follow it) of a passage's id."""
    first, _, more = identity.partition(JOINER)
    return first, int(more) if more.isdigit() else 0
