"""Caption files: WebVTT for the player, and one timed passage a cue."""

import re
from dataclasses import dataclass
from pathlib import Path

from ingest.language import name_of, tag
from ingest.model import Facts, Passage, Product, StepInput, StepOutput, Surroundings
from ingest.sandbox import Limits

_LIMITS = Limits(wall=120, cpu=90, memory=2 * 2**30, output=64 * 2**20)
_LANGUAGE_SUFFIX = re.compile(r"[._-]((?:zh|en|ja|ko|fr|de|es|ru)(?:-[A-Za-z]{2,4})?)\.\w+$")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Subtitles as they are shown: the WebVTT file, the language, the cues as passages."""

    path: Path
    language: str
    passages: tuple[Passage, ...]
    facts: Facts


def cleaned(source: Path, target: Path, hint: str, around: Surroundings) -> Cleaned:
    """Read any subtitle file in the sandbox. ``target`` lies in a folder that holds nothing else of value.

    Raises captions_unreadable, captions_empty.
    """
    told = around.sandbox.call(
        "ingest.cues:clean",
        {"path": str(source), "target": str(target), "hint": hint},
        inputs=[source],
        output=target.parent,
        limits=_LIMITS,
        poll=lambda: around.report(0.5),
    )
    language = told["language"]
    passages = tuple(Passage("cue", text, start, end, language=language) for start, end, text in told["cues"])
    facts = {"has_captions": True, "language": language, "cues": len(passages), "encoding": told["encoding"]}
    return Cleaned(target, language, passages, facts | ({"note": "captions_cut"} if told["cut"] else {}))


def captions(given: StepInput, around: Surroundings) -> StepOutput:
    """Products: captions_vtt (attributes language, label). Facts: has_captions, language, cues, encoding, note."""
    folder = around.scratch / "captions"
    folder.mkdir(parents=True, exist_ok=True)
    suffix = _LANGUAGE_SUFFIX.search(given.name)
    found = cleaned(given.source, folder / "captions.vtt", tag(suffix[1]) if suffix else "", around)
    attributes = {"language": found.language, "label": name_of(found.language)}
    return StepOutput(
        found.facts, (Product("captions_vtt", "captions.vtt", found.path, "text/vtt", attributes),), found.passages
    )
