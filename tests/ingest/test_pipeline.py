"""The pipeline as data: graphs that hang together, and codes that are explained."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from ingest import pipeline, sniff
from ingest.errors import CODES, NOTES, IngestError
from ingest.model import Facts, MediaKind, StepInput, Surroundings
from ingest.sandbox import Sandbox

STEPS = {
    "video": ["probe", "transcode", "poster", "storyboard", "captions"],
    "audio": ["probe", "transcode", "cover"],
    "subtitle": ["captions"],
    "pdf": ["text", "pages"],
    "office": ["preview", "text", "pages"],
    "text": ["text"],
    "image": ["renditions"],
    "kept": [],
}


def names(role: str, kind: MediaKind, shape: str = "") -> list[str]:
    return [step.name for step in pipeline.next_steps(role, {"media_kind": kind, "format": shape})]


def test_the_steps_of_each_kind_are_the_published_ones() -> None:
    assert {name: [step.name for step in steps] for name, steps in pipeline.GRAPHS.items()} == STEPS


@pytest.mark.parametrize("graph", pipeline.GRAPHS)
def test_graphs_hang_together(graph: str) -> None:
    before: set[str] = set()
    for step in pipeline.GRAPHS[graph]:
        assert set(step.after) <= before, "a step comes after those that it waits for"
        assert step.after or not step.needs
        assert step.version >= 1
        assert step.name not in before
        before.add(step.name)


def test_every_step_has_its_function() -> None:
    source = Path(pipeline.__file__).read_text(encoding="utf-8")
    places = re.findall(r'_at\("([\w.]+):(\w+)"\)', source)
    assert len(places) > 15
    for module, function in places:
        assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize(
    ("kind", "shape", "graph"),
    [
        (MediaKind.VIDEO, "mp4", "video"),
        (MediaKind.AUDIO, "mp3", "audio"),
        (MediaKind.DOCUMENT, "pdf", "pdf"),
        (MediaKind.DOCUMENT, "docx", "office"),
        (MediaKind.SLIDES, "ppt", "office"),
        (MediaKind.TEXT, "markdown", "text"),
        (MediaKind.IMAGE, "png", "image"),
        (MediaKind.SUBTITLE, "srt", "subtitle"),
        (MediaKind.PACKAGE, "ims", "kept"),
        (MediaKind.OTHER, "unknown", "kept"),
    ],
)
def test_the_graph_follows_from_what_was_found(kind: MediaKind, shape: str, graph: str) -> None:
    assert names("source", kind, shape) == STEPS[graph]
    assert names("attachment", kind, shape) == []


def test_captions_and_covers_never_make_the_resource_fail() -> None:
    for role, kind in (("captions", MediaKind.SUBTITLE), ("cover", MediaKind.IMAGE)):
        steps = pipeline.next_steps(role, {"media_kind": kind, "format": ""})
        assert steps
        assert not any(step.essential for step in steps)


def test_only_transcoding_is_heavy() -> None:
    heavy = {step.name for steps in pipeline.GRAPHS.values() for step in steps if step.heavy}
    assert heavy == {"transcode"}


def test_an_unknown_step_is_refused(tmp_path: Path) -> None:
    facts: dict[str, Facts] = {"identify": {"media_kind": "video", "format": "mp4"}}
    with pytest.raises(IngestError, match="unknown_step"):
        pipeline.run(
            "fly", StepInput(tmp_path, "x", facts=facts), Surroundings(tmp_path, Sandbox(), lambda share: None)
        )


def test_every_code_that_is_raised_is_explained() -> None:
    raised: set[str] = set()
    for path in Path(pipeline.__file__).parent.glob("*.py"):
        raised |= set(re.findall(r'IngestError\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert len(raised) > 20
    assert raised <= set(CODES)
    assert all(re.fullmatch(r"[A-Z].*\.", meaning) for meaning in (*CODES.values(), *NOTES.values()))


def test_every_note_is_explained() -> None:
    noted = {sniff.KEPT, sniff.ENCRYPTED, sniff.PLAYLIST, sniff.MARKUP}
    for path in Path(pipeline.__file__).parent.glob("*.py"):
        noted |= set(re.findall(r'"note"\]? ?[:=] "(\w+)"', path.read_text(encoding="utf-8")))
    assert noted == set(NOTES)
