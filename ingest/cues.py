"""Subtitle files → plain cues → clean WebVTT. Runs in the sandbox.

SRT and WebVTT are read here, since what people upload breaks both formats in ways that matter (no blank lines, old
line ends, comments behind cues); ASS is read by pysubs2. No markup survives: a cue is text.
"""

import html
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ingest.encoding import decode
from ingest.errors import IngestError
from ingest.language import detected
from ingest.model import Facts

MAX_BYTES = 16 * 2**20
MAX_CUES = 50_000
MAX_CUE_CHARACTERS = 2_000
_MAX_SECONDS = 1_000 * 3600.0
_LEAST_SECONDS = 0.5

_TIME = r"(-?)(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_SCRIPTS = re.compile(r"<(script|style)\b[^>]*>.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"</?\s*[A-Za-z!][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe]")


class Cue(NamedTuple):
    """Seconds and plain text, perhaps in several lines."""

    start: float
    end: float
    text: str


def clean(path: str, target: str, hint: str = "") -> Facts:
    """Write the subtitles at ``path`` as WebVTT to ``target``.

    Returns ``language`` (BCP 47, "" when unknown; ``hint`` where the text does not tell), ``cues`` as
    [start, end, text], ``encoding``, and ``cut`` when something was too long to keep whole.
    Raises captions_unreadable and captions_empty.
    """
    source = Path(path)
    if source.stat().st_size > MAX_BYTES:
        raise IngestError("captions_unreadable", f"more than {MAX_BYTES} bytes")
    text, encoding = decode(source.read_bytes())
    found = [cue for cue in map(_plain, _read(text)) if cue.text]
    cues = sorted(found[:MAX_CUES])
    if not cues:
        raise IngestError("captions_empty")
    language = detected(" ".join(cue.text for cue in cues[:2_000]), hint)
    Path(target).write_text(webvtt(cues), encoding="utf-8")
    cut = len(found) > MAX_CUES or any(len(cue.text) == MAX_CUE_CHARACTERS for cue in cues)
    return {"language": language, "cues": cues, "encoding": encoding, "cut": cut}


def webvtt(cues: Iterable[Cue]) -> str:
    """Cues as WebVTT; what could be read as markup or as a timing line is escaped."""
    blocks = (f"{timestamp(c.start)} --> {timestamp(c.end)}\n{html.escape(c.text, quote=False)}\n" for c in cues)
    return "WEBVTT\n\n" + "\n".join(blocks)


def timestamp(seconds: float) -> str:
    """Seconds as WebVTT writes them."""
    thousandths = round(max(0.0, seconds) * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _read(text: str) -> Iterator[Cue]:
    beginning = text.lstrip()[:200].lower()
    if beginning.startswith("[script info]"):
        return _read_ass(text)
    if beginning.startswith("webvtt"):
        return _read_timed(text, blank_ends=True)
    return _read_timed(text, blank_ends=False)


def _read_timed(text: str, *, blank_ends: bool) -> Iterator[Cue]:
    """Cues of SRT and WebVTT. In SRT a cue goes on until the next timing line, whose number is not text."""
    times: tuple[float, float] | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        timing = _TIMING.match(line)
        if timing is None:
            if times is not None and (line.strip() or not blank_ends):
                lines.append(line)
            elif lines or times is not None:
                yield from _cue(times, lines)
                times, lines = None, []
            continue
        if times is not None and lines and (lines[-1].strip().isdigit() or blank_ends):
            lines.pop()  # the number, or in WebVTT the name, of the cue that begins
        yield from _cue(times, lines)
        times, lines = (_seconds(timing.groups()[:5]), _seconds(timing.groups()[5:])), []
    yield from _cue(times, lines)


def _cue(times: tuple[float, float] | None, lines: list[str]) -> Iterator[Cue]:
    if times is not None:
        yield Cue(*times, "\n".join(lines))


def _seconds(parts: tuple[str | None, ...]) -> float:
    sign, hours, minutes, seconds, fraction = (part or "" for part in parts)
    total = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
    return 0.0 if sign else total


def _read_ass(text: str) -> Iterator[Cue]:
    import pysubs2  # only this format needs it, and every start of the sandbox is paid

    try:
        with warnings.catch_warnings(action="ignore"):  # odd style fields are not text
            subtitles = pysubs2.SSAFile.from_string(text, format_="ass")
    except (pysubs2.Pysubs2Error, ValueError, KeyError, IndexError) as error:
        raise IngestError("captions_unreadable", str(error)) from error
    for event in subtitles.events:
        if not event.is_comment and not event.is_drawing:
            yield Cue(event.start / 1000, event.end / 1000, event.plaintext)


def _plain(cue: Cue) -> Cue:
    """The cue with times in order and text without markup, invisible characters or empty lines."""
    start, end = sorted((min(max(0.0, cue.start), _MAX_SECONDS), min(max(0.0, cue.end), _MAX_SECONDS)))
    text = html.unescape(_TAGS.sub("", _SCRIPTS.sub("", cue.text)))
    lines = (" ".join(_INVISIBLE.sub("", line).split()) for line in text.replace("\\N", "\n").split("\n"))
    kept = "\n".join(line for line in lines if line)[:MAX_CUE_CHARACTERS]
    return Cue(round(start, 3), round(max(end, start + _LEAST_SECONDS) if end <= start else end, 3), kept)
