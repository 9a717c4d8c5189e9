"""The pipeline as data: which steps each kind of file goes through."""

from ingest.errors import IngestError
from ingest.model import Facts, MediaKind, Step, StepInput, StepOutput, Surroundings

IDENTIFY = "identify"

GRAPHS: dict[MediaKind, tuple[Step, ...]] = {}
STEPS: dict[str, Step] = {}


def first_step() -> Step:
    """The step that every given file begins with."""
    return STEPS[IDENTIFY]


def next_steps(role: str, identified: Facts) -> tuple[Step, ...]:
    """The steps after ``identify`` for a file of this role (source, captions, cover, attachment)."""
    if role == "attachment":
        return ()
    return GRAPHS.get(MediaKind(identified["media_kind"]), ())


def run(step: str, given: StepInput, around: Surroundings) -> StepOutput:
    """Run one step by name. Raises IngestError for the bytes' fault, Cancelled when told to stop."""
    found = STEPS.get(step)
    if found is None:
        raise IngestError("unknown_step", step)
    return found.run(given, around)
