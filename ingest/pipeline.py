"""The pipeline as data: which steps each kind of file goes through."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from ingest.errors import IngestError
from ingest.model import Facts, MediaKind, Step, StepInput, StepOutput, Surroundings

IDENTIFY = "identify"

Run = Callable[[StepInput, Surroundings], StepOutput]


def _at(place: str) -> Run:
    """The function at ``module:function``, imported when the step runs: whoever only lists steps stays light."""
    module, _, name = place.partition(":")

    def run_at(given: StepInput, around: Surroundings) -> StepOutput:
        found: Run = getattr(import_module(module), name)
        return found(given, around)

    return run_at


_FIRST = Step(IDENTIFY, 1, _at("ingest.identify:identify"))
_PROBE = Step("probe", 1, _at("ingest.probe:probe"))

GRAPHS: dict[str, tuple[Step, ...]] = {
    "video": (
        _PROBE,
        Step("transcode", 1, _at("ingest.video:transcode"), after=("probe",), heavy=True),
        Step("poster", 1, _at("ingest.video:poster"), after=("probe",), essential=False),
        Step("storyboard", 1, _at("ingest.video:storyboard"), after=("probe",), essential=False),
        Step("captions", 1, _at("ingest.video:captions"), after=("probe",), essential=False),
    ),
    "audio": (
        _PROBE,
        Step("transcode", 1, _at("ingest.audio:transcode"), after=("probe",), heavy=True),
        Step("cover", 1, _at("ingest.audio:cover"), after=("probe",), essential=False),
    ),
    "subtitle": (Step("captions", 1, _at("ingest.subtitles:captions")),),
    "pdf": (
        Step("text", 1, _at("ingest.documents:text")),
        Step("pages", 1, _at("ingest.documents:pages"), essential=False),
    ),
    "office": (
        Step("preview", 1, _at("ingest.office:preview")),
        Step("text", 1, _at("ingest.office:text"), after=("preview",), needs=("preview",)),
        Step("pages", 1, _at("ingest.office:pages"), after=("preview",), needs=("preview",), essential=False),
    ),
    "text": (Step("text", 1, _at("ingest.text:text")),),
    "image": (Step("renditions", 1, _at("ingest.images:renditions")),),
    "kept": (),
}


def graph_of(identified: Facts) -> str:
    """The name of the graph for a file that identify found to be so."""
    kind = MediaKind(identified["media_kind"])
    if kind in (MediaKind.SLIDES, MediaKind.DOCUMENT):
        return "pdf" if identified["format"] == "pdf" else "office"
    return kind.value if kind.value in GRAPHS else "kept"


def first_step() -> Step:
    """The step that every given file begins with."""
    return _FIRST


def next_steps(role: str, identified: Facts) -> tuple[Step, ...]:
    """The steps after ``identify`` for a file of this role (source, captions, cover, attachment).

    Captions and covers must not make the resource fail, so none of their steps is essential.
    """
    if role == "attachment":
        return ()
    steps = GRAPHS[graph_of(identified)]
    return steps if role == "source" else tuple(replace(step, essential=False) for step in steps)


def run(step: str, given: StepInput, around: Surroundings) -> StepOutput:
    """Run one step by name. Raises IngestError for the bytes' fault, Cancelled when told to stop."""
    if step == IDENTIFY:
        return _FIRST.run(given, around)
    for found in next_steps(given.role, given.facts.get(IDENTIFY, {"media_kind": MediaKind.OTHER})):
        if found.name == step:
            return found.run(given, around)
    raise IngestError("unknown_step", step)
